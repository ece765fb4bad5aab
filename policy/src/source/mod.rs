//! Reads a settings file in JSON, such as a policy, and says for each mistake where it is and
//! what is right there.

mod node;
mod problem;
mod reader;

pub use node::{Member, Node, Value};
pub use problem::{Problem, Problems};
pub use reader::Fields;
