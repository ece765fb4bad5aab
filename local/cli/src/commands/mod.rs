//! The commands, one file each.

mod invoke;
mod output;
mod policy;
mod run;
mod serve;
mod signals;
mod start_api;
mod start_lambda;
mod trace;
mod traces;

pub(crate) use invoke::invoke;
pub(crate) use policy::policy;
pub(crate) use run::run;
pub(crate) use serve::serve;
pub(crate) use start_api::start_api;
pub(crate) use start_lambda::start_lambda;
pub(crate) use trace::trace;
pub(crate) use traces::traces;
