//! The tools for authors of policies, through the binary: results, output, and errors for
//! invalid input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod examples;
mod making;
mod packing;
mod pipes;
mod services;
mod tool;
mod tree;
mod trying;
