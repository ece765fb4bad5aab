//! The supervisor: the process above all processes of one environment.
//!
//! A signal to a process id is safe only while nobody can reap the process: later the system
//! may give the id to another one. And a daemon, which forked twice and left its group, descends
//! from the system's first process, not from the sandbox. So each environment has a supervisor,
//! which starts its programs. On Linux it is their "child subreaper" (prctl(2)): a process
//! whose parent ends becomes the supervisor's child, whatever its group, session and
//! variables. The supervisor finds the programs' processes by their group, and all others
//! by descent. Only it signals and reaps them.
//!
//! It ends every process of the environment when its connection to the sandbox closes, which
//! happens even if SIGKILL ends the sandbox. No other process has that connection.
//!
//! - `message`: the commands to the supervisor, and its reports.
//! - `client`: the sandbox's side.
//! - `supervisors`: the supervisors of all environments, one of them started in advance.
//! - `server`: the supervisor's own process.
//! - `processes`: starts, freezes, ends and reaps the processes.
//! - `descendants`: the search for processes below the supervisor.

mod client;
#[cfg_attr(not(target_os = "linux"), path = "no_descendants.rs")]
mod descendants;
mod message;
mod processes;
mod server;
mod supervisors;

pub use client::SupervisorCommand;
pub(crate) use client::{StartedProgram, Supervisor};
pub(crate) use message::ProgramNumber;
pub use server::{supervise, supervise_if_asked};
pub(crate) use supervisors::Supervisors;
