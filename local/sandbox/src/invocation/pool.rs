use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::sampler::Sampler;
use crate::environment::Environment;
use crate::state::ShutdownReason;
use crate::{FunctionConfig, SamplingMode};

/// The time that a request waits for an environment whose runtime has responded but whose
/// extensions still work. After it, the request starts a new environment.
///
/// In Lambda the network to the caller takes longer than the extensions. On loopback the next
/// request of a sequential caller would come before they end, and always be a cold start.
const FINISHING_WAIT: Duration = Duration::from_millis(500);

/// The environments of one function.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) function: Arc<FunctionConfig>,
    state: Mutex<PoolState>,
    sampler: Mutex<Sampler>,
    /// Notified when an environment or a place for one becomes free.
    changed: Notify,
}

#[derive(Debug, Default)]
struct PoolState {
    /// The last one that was used is the next one to be used, as in Lambda.
    idle: Vec<Idle>,
    /// The number of leases.
    busy: usize,
    /// The number of leases whose callers have their response.
    finishing: usize,
    closed: bool,
    /// The serial number of the newest idle environment.
    last_serial: u64,
}

/// An environment that waits for a request.
#[derive(Debug)]
struct Idle {
    environment: Environment,
    serial: u64,
    /// Shuts the environment down after the idle timeout.
    idle_timer: AbortHandle,
}

/// The result of asking for an environment.
#[derive(Debug)]
pub(crate) enum LeaseOutcome {
    Environment(Lease),
    Throttled,
    Closed,
}

/// The right of one request to use one environment: an idle one, or a new one that the holder
/// starts.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<Pool>,
    warm: Option<Box<Environment>>,
    finishing: bool,
}

impl Pool {
    pub(crate) fn new(function: FunctionConfig, sampling: SamplingMode) -> Arc<Self> {
        Arc::new(Self {
            function: Arc::new(function),
            state: Mutex::default(),
            sampler: Mutex::new(Sampler::new(sampling)),
            changed: Notify::new(),
        })
    }

    /// Leases an idle environment, or the right to start one. If an environment is about to
    /// become idle, waits for it.
    pub(crate) async fn lease(self: &Arc<Self>, max: usize) -> LeaseOutcome {
        let wait_until = Instant::now() + FINISHING_WAIT;
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.closed {
                    return LeaseOutcome::Closed;
                }
                while let Some(idle) = state.idle.pop() {
                    idle.idle_timer.abort();
                    // An environment whose process ended while it was idle is dropped.
                    if idle.environment.is_usable() {
                        state.busy += 1;
                        return LeaseOutcome::Environment(self.leased(Some(idle.environment)));
                    }
                }
                if state.finishing == 0 || Instant::now() >= wait_until {
                    if state.busy >= max {
                        return LeaseOutcome::Throttled;
                    }
                    state.busy += 1;
                    return LeaseOutcome::Environment(self.leased(None));
                }
            }
            let _ = timeout_at(wait_until, changed).await;
        }
    }

    /// Decides whether to record a request whose caller did not decide.
    pub(crate) fn sample(&self) -> bool {
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        // The first 32 bits of a version 4 UUID are random.
        let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / (f64::from(u32::MAX) + 1.0);
        sampler.sample(std::time::Instant::now(), chance)
    }

    /// Ends leasing. Returns the idle environments, which the caller shuts down.
    pub(crate) fn close(&self) -> Vec<Environment> {
        let mut state = self.state();
        state.closed = true;
        self.changed.notify_waiters();
        let idle = std::mem::take(&mut state.idle);
        idle.into_iter()
            .map(|idle| {
                idle.idle_timer.abort();
                idle.environment
            })
            .collect()
    }

    fn leased(self: &Arc<Self>, warm: Option<Environment>) -> Lease {
        Lease {
            pool: Arc::clone(self),
            warm: warm.map(Box::new),
            finishing: false,
        }
    }

    fn take_idle(&self, serial: u64) -> Option<Environment> {
        let mut state = self.state();
        let position = state.idle.iter().position(|idle| idle.serial == serial)?;
        Some(state.idle.remove(position).environment)
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Takes the idle environment. `None`: the holder starts a new one.
    pub(crate) fn take_warm(&mut self) -> Option<Environment> {
        self.warm.take().map(|warm| *warm)
    }

    /// The caller has its response; the extensions may still work.
    pub(crate) fn finishing(&mut self) {
        if !self.finishing {
            self.finishing = true;
            self.pool.state().finishing += 1;
        }
    }

    /// Gives the environment back for the next request. Returns it if the pool is closed.
    pub(crate) fn give_back(
        self,
        environment: Environment,
        idle_timeout: Duration,
    ) -> Option<Environment> {
        let pool = Arc::clone(&self.pool);
        let mut state = pool.state();
        if state.closed {
            return Some(environment);
        }
        state.last_serial += 1;
        let serial = state.last_serial;
        let weak = Arc::downgrade(&pool);
        let idle_timer = tokio::spawn(async move {
            tokio::time::sleep(idle_timeout).await;
            let environment = weak.upgrade().and_then(|pool| pool.take_idle(serial));
            if let Some(environment) = environment {
                environment.shutdown(ShutdownReason::Spindown).await;
            }
        });
        state.idle.push(Idle {
            environment,
            serial,
            idle_timer: idle_timer.abort_handle(),
        });
        drop(state);
        None // The drop of the lease wakes the waiting requests.
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.busy -= 1;
        state.finishing -= usize::from(self.finishing);
        self.pool.changed.notify_waiters();
    }
}
