//! The listeners of the program, asked as a web page or another program could ask them.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]
#![allow(unreachable_pub, reason = "the modules are of one test")]

mod api;
mod documented;
mod dynamodb;
mod guard;
mod http;
mod lambda;
mod limits;
mod program;
mod sockets;
