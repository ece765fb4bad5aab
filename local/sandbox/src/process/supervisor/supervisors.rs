use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::client::{Supervisor, SupervisorCommand};

/// The supervisors of a sandbox's environments. One of them is started in advance: otherwise
/// each cold start would wait for it.
#[derive(Debug)]
pub(crate) struct Supervisors {
    command: Option<SupervisorCommand>,
    spare: Mutex<Spare>,
}

/// The supervisor of the next environment.
#[derive(Debug)]
enum Spare {
    NotStarted,
    Started(Supervisor),
    /// The sandbox is shutting down.
    Closed,
}

impl Supervisors {
    pub(crate) fn new(command: Option<SupervisorCommand>) -> Self {
        Self {
            command,
            spare: Mutex::new(Spare::NotStarted),
        }
    }

    /// The supervisor for a new environment.
    ///
    /// # Errors
    /// The supervisor's program is not configured or cannot start.
    pub(crate) fn take(&self) -> io::Result<Supervisor> {
        {
            let mut spare = self.spare();
            if matches!(*spare, Spare::Started(_))
                && let Spare::Started(supervisor) = std::mem::replace(&mut *spare, Spare::NotStarted)
                // Something else may have killed it.
                && !supervisor.has_ended()
            {
                return Ok(supervisor);
            }
        }
        self.start()
    }

    /// Starts the supervisor of the next environment, unless it has started. Does nothing outside
    /// of a Tokio runtime, which the start needs.
    pub(crate) fn prepare(&self) {
        let mut spare = self.spare();
        if matches!(*spare, Spare::NotStarted)
            && Handle::try_current().is_ok()
            // `take` tries again and reports the error.
            && let Ok(supervisor) = self.start()
        {
            *spare = Spare::Started(supervisor);
        }
    }

    /// Ends the supervisor that no environment uses, and starts no other in advance.
    pub(crate) fn close(&self) {
        *self.spare() = Spare::Closed;
    }

    #[cfg(test)]
    pub(crate) fn spare_has_ended(&self) -> bool {
        matches!(&*self.spare(), Spare::Started(supervisor) if supervisor.has_ended())
    }

    fn start(&self) -> io::Result<Supervisor> {
        let Some(command) = &self.command else {
            return Err(io::Error::other("set SandboxConfig::supervisor"));
        };
        Supervisor::start(command).map_err(|error| {
            let path = command.executable.display();
            io::Error::new(error.kind(), format!("{path}: {error}"))
        })
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
