//! What of the kernel a node has, or is to have, by parts: each a small vocabulary with a [`Part`] that compares two of
//! its states, an [`Adapter`] between it and the kernel, and a strict fake. What differs of all parts is carried out as
//! one list of [`Effects`].
//!
//! A part comes with what needs it (ARCHITECTURE.md, "To add a part").

mod adapter;
mod addresses;
mod diverted;
mod maker;
mod nft;
mod part;
mod tunnel;
mod xfrm;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

pub use adapter::{Adapter, Certainty, Foreign, Readback};
pub use addresses::Addresses;
pub use diverted::DivertedFlows;
pub use nft::Nft;
pub use part::Part;
pub use tunnel::{
    DeviceSetup, MtuLimits, PacketOrigin, RouteKind, RoutePlace, RoutingRule, RuleAction, RuleMatch, Tunnel,
    TunnelChange, TunnelDevice, TunnelKind, TunnelMaker, TunnelMtu, TunnelOperation, TunnelRoute, TunnelSettings,
    TunnelState, TunnelTable, TunnelWays,
};
pub use xfrm::{Xfrm, XfrmChange, XfrmMaker, XfrmPolicy, XfrmRule, XfrmSelector, XfrmVerb};

use crate::diff::{Batch, Changes};
use crate::effect::{Effect, Effects};
use crate::owner::LocalAddresses;
use crate::ruleset::Ruleset;

/// A node, by parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// What its interfaces have: observed, so a desired state has none.
    pub addresses: LocalAddresses,
    /// egressd's tables.
    pub nft: Ruleset,
    /// The tunnel to other nodes.
    pub tunnel: TunnelState,
    /// The policies of the guard's backstop.
    pub xfrm: BTreeSet<XfrmPolicy>,
}

/// What differs between two states of a node, by parts. A large change of a part may be carried out in slices, so the
/// loop fills in what its turn is; [`NodeState::changes`] is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChanges {
    /// Of egressd's tables.
    pub nft: Changes,
    /// Of the tunnel to other nodes.
    pub tunnel: Vec<Effect<TunnelChange>>,
    /// Of the guard's backstop.
    pub xfrm: Vec<Effect<XfrmChange>>,
    /// The connections that nothing sends into the tunnel any more.
    pub diverted: Option<DivertedFlows>,
}

/// One change of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// Of egressd's tables.
    Nft(Batch),
    /// Of the tunnel to other nodes.
    Tunnel(TunnelChange),
    /// Of the guard's backstop.
    Xfrm(XfrmChange),
    /// Connections end.
    Sever(DivertedFlows),
}

impl NodeState {
    /// The changes to the desired state; which connections they leave behind, who has the marks of the tunnel fills in
    /// ([`DivertedFlows::left_behind`]), slice by slice where a change is cut.
    pub fn changes(&self, desired: &Self) -> NodeChanges {
        NodeChanges {
            nft: Changes { effects: Nft::diff(&self.nft, &desired.nft) },
            tunnel: Tunnel::diff(&self.tunnel, &desired.tunnel),
            xfrm: Xfrm::diff(&self.xfrm, &desired.xfrm),
            diverted: None,
        }
    }
}

impl NodeChanges {
    /// In the order in which they are carried out.
    pub fn effects(self) -> Effects<NodeChange> {
        // Each part leans only on those before it: policies match what the tables do not mark. Tables and the tunnel lean
        // on each other by phases alone: what diverts has one of its own, behind all that is made.
        let severed = self.diverted.map(DivertedFlows::into_effect).into_iter().collect();
        let parts = [
            of_part(self.nft.effects, NodeChange::Nft),
            of_part(self.tunnel, NodeChange::Tunnel),
            of_part(self.xfrm, NodeChange::Xfrm),
            of_part(severed, NodeChange::Sever),
        ];
        Effects::ordered(parts)
    }
}

fn of_part<C>(effects: Vec<Effect<C>>, change: impl Fn(C) -> NodeChange) -> Vec<Effect<NodeChange>> {
    effects.into_iter().map(|effect| effect.map(&change)).collect()
}

impl Display for NodeState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        part::<Addresses>(f, &self.addresses)?;
        part::<Nft>(f, &self.nft)?;
        part::<Tunnel>(f, &self.tunnel)?;
        part::<Xfrm>(f, &self.xfrm)
    }
}

fn part<P: Part>(f: &mut Formatter<'_>, state: &P::State) -> fmt::Result {
    write!(f, "# {}\n{}", P::NAME, P::text(state))
}

impl Display for NodeChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nft(batch) => batch.fmt(f),
            Self::Tunnel(change) => change.fmt(f),
            Self::Xfrm(change) => change.fmt(f),
            Self::Sever(flows) => flows.fmt(f),
        }
    }
}
