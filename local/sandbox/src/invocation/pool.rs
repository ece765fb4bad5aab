//! The environments of one function.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::sampler::Sampler;
use crate::environment::Environment;
use crate::state::ShutdownReason;
use crate::{FunctionConfig, SamplingMode};

/// How long a request waits for an environment that has answered and is only
/// finishing (its extensions are), before it gets a new one. In Lambda the way back to
/// the caller takes longer than that; on loopback the next request of a sequential
/// caller would come first and always find a cold start.
const FINISHING_WAIT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) function: Arc<FunctionConfig>,
    state: Mutex<PoolState>,
    sampler: Mutex<Sampler>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct PoolState {
    /// The last one used is the next one used, as in Lambda.
    idle: Vec<Idle>,
    /// Requests that have an environment, or are about to.
    busy: usize,
    /// Those of them whose callers have their answer.
    finishing: usize,
    closed: bool,
    serial: u64,
}

#[derive(Debug)]
struct Idle {
    environment: Environment,
    serial: u64,
    /// Ends it when nobody used it for long.
    idle_timer: AbortHandle,
}

/// What a request got.
#[derive(Debug)]
pub(crate) enum LeaseOutcome {
    Environment(Lease),
    Throttled,
    Closed,
}

/// The right to one environment, and the idle one if there was any.
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
                    // One whose process ended meanwhile is dropped with all it has.
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

    pub(crate) fn sample(&self) -> bool {
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        // A version 4 UUID's first 32 bits are random.
        let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / (f64::from(u32::MAX) + 1.0);
        sampler.sample(std::time::Instant::now(), chance)
    }

    /// No more requests; gives the idle environments, to be shut down.
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
    pub(crate) fn take_warm(&mut self) -> Option<Environment> {
        self.warm.take().map(|warm| *warm)
    }

    /// The caller has its answer.
    pub(crate) fn finishing(&mut self) {
        if !self.finishing {
            self.finishing = true;
            self.pool.state().finishing += 1;
        }
    }

    /// Gives the environment back for the next request. Comes back itself where the
    /// pool is closed.
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
        state.serial += 1;
        let serial = state.serial;
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
        None // Dropping the lease wakes whoever waits.
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
