//! Reads an AWS SAM template: functions, events, tables, layers.

mod model;

pub use model::*;
