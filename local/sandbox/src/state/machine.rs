use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;
use xray_document::Timestamp;

use super::extension::{
    Extension, ExtensionEvent, ExtensionState, RegisteredEvents, ShutdownReason,
};
use super::failure::Failure;
use super::request::{Rejection, Request, RuntimeResponse};

use crate::process::Exit;

/// The maximum number of extensions of a function, internal and external (Lambda Developer
/// Guide, "Configuring Lambda extensions"). External ones are counted before they start.
pub(crate) const MAX_EXTENSIONS: usize = 10;

/// The state of one environment, and all its transitions.
///
/// It does no I/O and reads no clock. The APIs and the process watchers report what happened;
/// the environment asks whether it may go on.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) stage: Stage,
    pub(crate) runtime: RuntimeState,
    pub(crate) extensions: Vec<Extension>,
    /// Error type and body of the runtime's call of `/runtime/init/error`.
    init_error: Option<(String, Bytes)>,
    request: Option<Arc<Request>>,
    /// The runtime's response to the current request.
    pub(crate) response: Option<RuntimeResponse>,
    /// The time at which the runtime became ready after the current request.
    pub(crate) runtime_ready_at: Option<Timestamp>,
}

/// The stage in the life of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    #[default]
    Init,
    /// Init is over: the environment works on a request or waits for one.
    Initialized,
    ShuttingDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RuntimeState {
    #[default]
    NotStarted,
    /// The process runs but has not called `/next`.
    Started,
    /// Waits in `/next`.
    Ready,
    /// A request waits, and `/next` has not fetched it.
    Invoked,
    /// Works on the request.
    Running,
    /// Has responded but not called `/next` again.
    Responded,
    Exited(Exit),
}

/// Transitions of the runtime.
impl State {
    pub(crate) fn runtime_started(&mut self) {
        self.runtime = RuntimeState::Started;
    }

    /// The runtime called `/next`.
    pub(crate) fn runtime_next(&mut self, now: Timestamp) -> Result<(), Rejection> {
        match self.runtime {
            RuntimeState::NotStarted | RuntimeState::Started | RuntimeState::Responded => {
                self.runtime = RuntimeState::Ready;
                self.runtime_ready_at = Some(now);
                Ok(())
            }
            // A repeated call: the runtime lost its connection, or several of its threads wait in
            // `/next`.
            RuntimeState::Ready | RuntimeState::Invoked => Ok(()),
            RuntimeState::Running => Err(Rejection::forbidden(
                "InvalidStateTransition",
                "the runtime asked for the next invocation before it responded to this one",
            )),
            RuntimeState::Exited(_) => Err(Rejection::forbidden(
                "InvalidStateTransition",
                "the runtime has exited",
            )),
        }
    }

    pub(crate) fn runtime_fetch(&mut self) -> Option<Arc<Request>> {
        if self.runtime != RuntimeState::Invoked {
            return None;
        }
        self.runtime = RuntimeState::Running;
        self.request.clone()
    }

    /// # Errors
    /// A rejection, if the runtime may not respond to the request `id` now.
    pub(crate) fn check_may_respond(&self, id: &str) -> Result<(), Rejection> {
        if self.request.as_ref().is_none_or(|request| request.id != id) {
            return Err(Rejection::new(
                400,
                "InvalidRequestID",
                format!("invalid request id {id}"),
            ));
        }
        let message = match self.runtime {
            RuntimeState::Running => return Ok(()),
            RuntimeState::Invoked => format!("request {id} was not fetched with /next"),
            RuntimeState::Exited(_) => "the runtime has exited".to_owned(),
            _ => format!("request {id} has a response already"),
        };
        Err(Rejection::forbidden("InvalidStateTransition", message))
    }

    pub(crate) fn runtime_responded(
        &mut self,
        id: &str,
        response: RuntimeResponse,
    ) -> Result<(), Rejection> {
        self.check_may_respond(id)?;
        self.runtime = RuntimeState::Responded;
        self.response = Some(response);
        Ok(())
    }

    pub(crate) fn runtime_init_error(
        &mut self,
        error_type: String,
        payload: Bytes,
    ) -> Result<(), Rejection> {
        match self.runtime {
            RuntimeState::NotStarted | RuntimeState::Started => {
                self.init_error = Some((error_type, payload));
                Ok(())
            }
            _ => Err(Rejection::forbidden(
                "InvalidStateTransition",
                "the runtime can report an error of init only before its first /next",
            )),
        }
    }

    pub(crate) fn runtime_exited(&mut self, exit: Exit) {
        self.runtime = RuntimeState::Exited(exit);
    }
}

/// Transitions of extensions.
impl State {
    pub(crate) fn extension_started(&mut self, name: &str) {
        self.extensions.push(Extension {
            id: Uuid::new_v4(),
            name: name.to_owned(),
            internal: false,
            state: ExtensionState::Started,
            events: RegisteredEvents::default(),
            ready_at: None,
            inbox: VecDeque::new(),
        });
    }

    pub(crate) fn register(
        &mut self,
        name: &str,
        events: RegisteredEvents,
    ) -> Result<Uuid, Rejection> {
        if self.stage != Stage::Init {
            return Err(Rejection::forbidden(
                "Extension.RegistrationClosed",
                "extensions can register only during init",
            ));
        }
        if let Some(extension) = self.extensions.iter_mut().find(|e| e.name == name) {
            if extension.state != ExtensionState::Started {
                return Err(Rejection::forbidden(
                    "Extension.InvalidExtensionState",
                    format!("extension {name} is registered already"),
                ));
            }
            extension.state = ExtensionState::Registered;
            extension.events = events;
            return Ok(extension.id);
        }
        self.register_internal(name, events)
    }

    /// Registers an internal extension, one in the runtime's process: no executable has its name.
    fn register_internal(
        &mut self,
        name: &str,
        events: RegisteredEvents,
    ) -> Result<Uuid, Rejection> {
        if self.runtime == RuntimeState::NotStarted {
            return Err(Rejection::forbidden(
                "Extension.InvalidExtensionName",
                format!("there is no extension executable named {name}"),
            ));
        }
        if self.runtime != RuntimeState::Started {
            return Err(Rejection::forbidden(
                "Extension.RegistrationClosed",
                "an internal extension must register before the runtime's first /next",
            ));
        }
        if events.shutdown {
            return Err(Rejection::forbidden(
                "Extension.InvalidEventType",
                "an internal extension cannot register for SHUTDOWN",
            ));
        }
        if self.extensions.len() >= MAX_EXTENSIONS {
            return Err(Rejection::forbidden(
                "Extension.TooManyExtensions",
                format!("a function has at most {MAX_EXTENSIONS} extensions"),
            ));
        }
        let id = Uuid::new_v4();
        self.extensions.push(Extension {
            id,
            name: name.to_owned(),
            internal: true,
            state: ExtensionState::Registered,
            events,
            ready_at: None,
            inbox: VecDeque::new(),
        });
        Ok(id)
    }

    pub(crate) fn extension(&self, id: Uuid) -> Result<&Extension, Rejection> {
        self.extensions
            .iter()
            .find(|extension| extension.id == id && extension.state != ExtensionState::Started)
            .ok_or_else(|| unknown(id))
    }

    fn extension_mut(&mut self, id: Uuid) -> Result<&mut Extension, Rejection> {
        self.extensions
            .iter_mut()
            .find(|extension| extension.id == id && extension.state != ExtensionState::Started)
            .ok_or_else(|| unknown(id))
    }

    /// An extension called `/next`. Returns true for its first call, which ends its init.
    pub(crate) fn extension_next(&mut self, id: Uuid, now: Timestamp) -> Result<bool, Rejection> {
        let extension = self.extension_mut(id)?;
        match extension.state {
            ExtensionState::Registered => {
                extension.state = ExtensionState::Ready;
                extension.ready_at = Some(now);
                Ok(true)
            }
            ExtensionState::Running => {
                // If an event waits in the inbox, this call fetches it.
                if extension.inbox.is_empty() {
                    extension.state = ExtensionState::Ready;
                    extension.ready_at = Some(now);
                }
                Ok(false)
            }
            ExtensionState::Ready => Ok(false),
            ExtensionState::Started
            | ExtensionState::InitError(_)
            | ExtensionState::ExitError(_)
            | ExtensionState::Exited(_) => Err(Rejection::forbidden(
                "Extension.InvalidExtensionState",
                format!("extension {} has ended", extension.name),
            )),
        }
    }

    pub(crate) fn has_event(&self, id: Uuid) -> bool {
        self.extensions
            .iter()
            .any(|extension| extension.id == id && !extension.inbox.is_empty())
    }

    pub(crate) fn extension_fetch(&mut self, id: Uuid) -> Option<ExtensionEvent> {
        self.extension_mut(id).ok()?.inbox.pop_front()
    }

    pub(crate) fn extension_failed(
        &mut self,
        id: Uuid,
        state: ExtensionState,
    ) -> Result<(), Rejection> {
        let extension = self.extension_mut(id)?;
        match (&extension.state, &state) {
            (
                ExtensionState::InitError(_)
                | ExtensionState::ExitError(_)
                | ExtensionState::Exited(_),
                _,
            )
            | (ExtensionState::Ready | ExtensionState::Running, ExtensionState::InitError(_)) => {
                Err(Rejection::forbidden(
                    "Extension.InvalidExtensionState",
                    format!(
                        "extension {} can no longer report this error",
                        extension.name
                    ),
                ))
            }
            _ => {
                extension.state = state;
                Ok(())
            }
        }
    }

    pub(crate) fn extension_exited(&mut self, name: &str, exit: Exit) {
        let found = self
            .extensions
            .iter_mut()
            .find(|e| e.name == name && !e.internal);
        if let Some(extension) = found {
            // The error that it reported explains more than its exit.
            let has_reported = matches!(
                extension.state,
                ExtensionState::InitError(_) | ExtensionState::ExitError(_)
            );
            if !has_reported {
                extension.state = ExtensionState::Exited(exit);
            }
        }
    }
}

/// The environment as a whole: init, invocation, shutdown.
impl State {
    pub(crate) fn init_done(&mut self) {
        self.stage = Stage::Initialized;
    }

    /// Passes a request to the runtime, and to every extension that registered for INVOKE and waits
    /// in `/next`.
    pub(crate) fn dispatch(&mut self, request: Request) {
        let request = Arc::new(request);
        self.response = None;
        self.runtime_ready_at = None;
        self.request = Some(Arc::clone(&request));
        if self.runtime == RuntimeState::Ready {
            self.runtime = RuntimeState::Invoked;
        }
        for extension in self
            .extensions
            .iter_mut()
            .filter(|extension| extension.events.invoke)
        {
            if extension.state == ExtensionState::Ready {
                extension.state = ExtensionState::Running;
                extension
                    .inbox
                    .push_back(ExtensionEvent::Invoke(Arc::clone(&request)));
            }
        }
    }

    /// Queues SHUTDOWN for every extension that registered for it.
    pub(crate) fn announce_shutdown(&mut self, reason: ShutdownReason, deadline_ms: i64) {
        self.stage = Stage::ShuttingDown;
        for extension in self
            .extensions
            .iter_mut()
            .filter(|extension| extension.events.shutdown)
        {
            extension.inbox.clear();
            extension.inbox.push_back(ExtensionEvent::Shutdown {
                reason,
                deadline_ms,
            });
            if extension.state == ExtensionState::Ready {
                extension.state = ExtensionState::Running;
            }
        }
    }

    /// The reason why the environment has to end, if there is one. An extension's failure
    /// comes first, because it may be the cause of the runtime's.
    pub(crate) fn failure(&self) -> Option<Failure> {
        if self.stage == Stage::ShuttingDown {
            return None;
        }
        let failed = self.extensions.iter().find_map(|extension| {
            let name = extension.name.clone();
            match &extension.state {
                ExtensionState::InitError(kind) => Some(Failure::ExtensionInit {
                    name,
                    error_type: kind.clone(),
                }),
                ExtensionState::ExitError(kind) => Some(Failure::ExtensionExit {
                    name,
                    error_type: kind.clone(),
                }),
                ExtensionState::Exited(exit) => Some(Failure::ExtensionCrash { name, exit: *exit }),
                _ => None,
            }
        });
        failed.or_else(|| match (&self.init_error, self.runtime) {
            (Some((error_type, payload)), _) => Some(Failure::RuntimeInit {
                error_type: error_type.clone(),
                payload: payload.clone(),
            }),
            (None, RuntimeState::Exited(exit)) => Some(Failure::RuntimeExit(exit)),
            _ => None,
        })
    }

    pub(crate) fn extensions_registered(&self) -> bool {
        self.extensions
            .iter()
            .all(|extension| extension.state != ExtensionState::Started)
    }

    pub(crate) fn runtime_ready(&self) -> bool {
        self.runtime == RuntimeState::Ready
    }

    /// True at the end of init: the runtime and every extension wait in `/next`.
    pub(crate) fn all_ready(&self) -> bool {
        let ready = |extension: &Extension| extension.state == ExtensionState::Ready;
        self.runtime_ready() && self.extensions.iter().all(ready)
    }

    /// True at the end of an invocation: the runtime and every extension that registered for INVOKE
    /// wait in `/next`.
    pub(crate) fn invoke_done(&self) -> bool {
        let mut invoked = self
            .extensions
            .iter()
            .filter(|extension| extension.events.invoke);
        self.runtime_ready() && invoked.all(|extension| extension.state == ExtensionState::Ready)
    }

    /// The time of the last call of `/next` among the runtime and the invoked extensions.
    pub(crate) fn invoke_done_at(&self) -> Option<Timestamp> {
        let invoked = self
            .extensions
            .iter()
            .filter(|extension| extension.events.invoke);
        invoked
            .map(|extension| extension.ready_at)
            .chain([self.runtime_ready_at])
            .flatten()
            .max()
    }
}

fn unknown(id: Uuid) -> Rejection {
    Rejection::forbidden(
        "Extension.UnknownExtensionIdentifier",
        format!("no extension has the id {id}"),
    )
}
