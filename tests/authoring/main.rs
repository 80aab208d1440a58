//! The tools of those who write policies, through the binary: what they make, what they print, and what they say to
//! input that is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod examples;
mod making;
mod packing;
mod pipes;
mod services;
mod tool;
mod tree;
mod trying;
