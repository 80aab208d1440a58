//! The loop against a kernel that refuses, through its public ends alone: the hand-over, the node's addresses, the
//! state channel, the kernel and the end. What is behind them may be built in another way; this holds what it does.
//!
//! Whenever the state_channel says something new, it is compared with the kernel (`claims.rs`); a change that the kernel
//! could not carry out, and one to tables that were not read after a failure, fails the test by itself (`kernel.rs`).
#![expect(clippy::unwrap_used, reason = "tests")]

mod announced;
mod arming;
mod auditing;
mod claims;
mod connections;
mod drift;
mod fixture;
mod guarded;
mod held_back;
mod histories;
mod kernel;
mod node_state;
mod policy;
mod process;
mod restarts;
mod retry;
mod slices;
mod start;
mod stop;
mod time;
mod tunnelled;
mod uncertain;
