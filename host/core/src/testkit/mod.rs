//! For tests of every crate: builders for the nouns, a strict fake of each part of a node, a tracer that walks a packet through a
//! ruleset, and random plans. Never in the product.
#![expect(clippy::expect_used, reason = "a fixture that cannot be built is a failed test")]

mod build;
mod fake;
mod parts;
mod random;
mod refusing;
mod trace;
mod whole;

pub use build::{
    SnapshotBuilder, a, answered_plainly, context, facts, n, news, rule, service, settings, settings_of_many,
    surroundings,
};
pub use fake::{FakeKernel, Refused, apply};
pub use parts::FakeInterfaces;
pub use random::{Universe, World, promised};
pub use refusing::{Failure, Refusing};
pub use trace::{Packet, Seen, trace, trace_over};
pub use whole::whole;
