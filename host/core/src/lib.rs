//! The pure half of egressd: what the Services of a cluster mean for the nftables ruleset of one node.
//!
//! No IO, no clock, no log, no async, no Kubernetes client: its dependency list says so, and a test holds it. A datum
//! flows one way: [`model`] (what is) → [`chain`] of policies, each with a [`decision`] → [`plan`] (what this node
//! translates; [`guard`] refuses what breaks a promise), looked over by [`check`] → [`compile`] → [`ruleset`] →
//! [`diff`] → [`effect`]s on the [`node`], and [`status`] for the people. [`pipeline`] is that way as a whole. Next to
//! it, [`reporting`] knows which of the cluster's nodes reports, and [`beside`] whether kube-vip does the same.

#![forbid(unsafe_code)]

pub mod beside;
pub mod chain;
pub mod check;
pub mod codes;
pub mod compile;
pub mod decision;
pub mod diff;
pub mod effect;
pub mod finding;
pub mod flows;
pub mod guard;
pub mod in_force;
pub mod model;
pub mod net;
pub mod node;
pub mod on_change;
pub mod owner;
pub mod pipeline;
pub mod placement;
pub mod plan;
pub mod policy;
pub mod probing;
pub mod record;
pub mod reporting;
pub mod ruleset;
pub mod status;
pub mod stray;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod text;
pub mod trace;
pub mod whose;
