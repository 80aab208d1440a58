//! What authors of policies do before a cluster sees their work: make, build, check, test, run, measure, compare and
//! pack. All of it offline; components are compiled in a process of their own, as `run` does it.

mod bench;
mod build;
mod cases;
mod check;
mod command;
mod compare;
mod draft;
mod error;
mod lock;
mod new;
mod pack;
mod render;
mod scenario;

pub use command::{Answer, carry_out};
pub use error::Error;
