//! For tests of every crate: builders for the nouns, a strict fake of each part of a node, a tracer that walks a packet
//! through a ruleset, and random plans. Never in the product.
#![expect(clippy::expect_used, reason = "a fixture that cannot be built is a failed test")]

mod build;
mod fake;
mod fence;
mod gateway;
mod parts;
mod random;
mod refusing;
mod several;
mod tunnel;
mod two_nodes;
mod whole;
mod xfrm;

pub use crate::trace::{
    ChainEnd, Connection, Effect, Frame, Hit, Hop, Journey, Leaving, Packet, Path, PathEnd, Route, Seen, SourcePort,
    Visit, follow, follow_over, leaves, trace, trace_by_earlier_hooks, trace_over,
};
pub use build::{
    SnapshotBuilder, a, answered_plainly, context, egress_policy, facts, n, news, rule, service, settings,
    settings_of_many, surroundings,
};
pub use fake::{FakeKernel, Refused, apply};
pub use fence::{ALIVE, fence};
pub use gateway::{FROM_TUNNEL, HOME, PODS_NODE, gateway};
pub use parts::FakeInterfaces;
pub use random::{AddressPlan, Universe, promised};
pub use refusing::{Failure, Refusing};
pub use several::Several;
pub use tunnel::{FakeTunnel, MarkedPacket, Routed};
pub use two_nodes::{AddressPlace, TestNode, TwoNodes, tunnel_routes};
pub use whole::whole;
pub use xfrm::{FakeXfrm, Forwarded, ForwardedPacket};

pub use egressd_vocabulary::RuleParts;
