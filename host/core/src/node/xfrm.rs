//! The part for the backstop of the guard: policies of the kernel's IPsec (xfrm) that block packets which guarded pods send
//! out of the cluster while egressd's tables are lost.
//!
//! The tables set a bit in the mark of every packet of a guarded pod, and the policies match only packets without that
//! bit. The kernel looks them up where it forwards, after DNAT, and takes the first in the order of their priorities:
//! what stays inside the cluster is allowed before the rest is blocked.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Part;
use super::maker::fingerprint;
use crate::effect::{Effect, Phase};
use crate::net::{Family, MarkBit};
use crate::ruleset::TableNames;

/// How many policies a change has at most: about 200 bytes each, far below what a netlink socket takes.
const MOST: usize = 1_000;

/// egressd's policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xfrm;

/// Which egressd of several on a node made a policy. The kernel keeps no name of its maker, so it is a part of the
/// policy's priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XfrmMaker(u16);

/// A policy of direction `fwd`, for packets without the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XfrmPolicy {
    /// What it matches and does.
    pub rule: XfrmRule,
    pub bit: MarkBit,
    pub maker: XfrmMaker,
}

/// What a policy matches, and what becomes of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum XfrmRule {
    /// Packets to a network inside the cluster, whoever sends them, are allowed.
    Inside(IpNet),
    /// Other packets of this pod are blocked.
    Pod(IpAddr),
}

/// The addresses that a policy matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XfrmSelector {
    pub source: IpNet,
    pub destination: IpNet,
}

/// Policies that come or go together. For the kernel each is a step of its own; any part of a change is as right as the
/// whole, so a refused one leaves what the next reading has to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XfrmChange {
    pub verb: XfrmVerb,
    /// In the order in which they are changed.
    pub policies: Vec<XfrmPolicy>,
}

/// What becomes of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XfrmVerb {
    Add,
    Delete,
}

impl XfrmMaker {
    /// The bits in which makers differ.
    const MASK: u16 = 0x7fff;

    /// The egressd with these tables.
    pub fn of(tables: &TableNames) -> Self {
        Self(fingerprint(tables) & Self::MASK)
    }
}

impl XfrmPolicy {
    /// Where the priorities of egressd's policies begin, for all makers. Greater than those of IPsec daemons, which
    /// choose below 2^24, so that theirs come first.
    const PRIORITIES: u32 = 0x6567_0000;

    /// What the kernel orders policies by; the smallest number is looked at first.
    pub fn priority(&self) -> u32 {
        let blocks = match self.rule {
            XfrmRule::Inside(_) => 0,
            XfrmRule::Pod(_) => 1,
        };
        Self::PRIORITIES | u32::from(self.maker.0) << 1 | blocks
    }

    /// Who made the policy with this priority; none when no egressd makes such policies.
    pub fn maker_by(priority: u32) -> Option<XfrmMaker> {
        let maker = u16::try_from((priority ^ Self::PRIORITIES) >> 1).ok()?;
        (maker <= XfrmMaker::MASK).then_some(XfrmMaker(maker))
    }

    pub fn family(&self) -> Family {
        match self.rule {
            XfrmRule::Inside(network) => Family::of(network.addr()),
            XfrmRule::Pod(pod) => Family::of(pod),
        }
    }

    pub fn selector(&self) -> XfrmSelector {
        let everything = everything(self.family());
        match self.rule {
            XfrmRule::Inside(network) => XfrmSelector { source: everything, destination: network },
            XfrmRule::Pod(pod) => XfrmSelector { source: pod.into(), destination: everything },
        }
    }
}

/// All addresses of a family.
pub(super) fn everything(family: Family) -> IpNet {
    match family {
        Family::Ipv4 => IpNet::V4(ipnet::Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(ipnet::Ipv6Net::default()),
    }
}

impl Part for Xfrm {
    const NAME: &'static str = "xfrm";

    type State = BTreeSet<XfrmPolicy>;
    type Change = XfrmChange;

    /// A network inside is allowed before the first pod is blocked, and until the last one is not blocked any more.
    fn diff(applied: &Self::State, desired: &Self::State) -> Vec<Effect<XfrmChange>> {
        // In the order of sets networks come before pods.
        let come: Vec<XfrmPolicy> = desired.difference(applied).copied().collect();
        let mut go: Vec<XfrmPolicy> = applied.difference(desired).copied().collect();
        go.reverse();
        let come = changes(Phase::Arm, XfrmVerb::Add, &come);
        come.chain(changes(Phase::Disarm, XfrmVerb::Delete, &go)).collect()
    }

    fn text(state: &Self::State) -> String {
        state.iter().map(|policy| format!("{}\n", Command(XfrmVerb::Add, *policy))).collect()
    }
}

fn changes(phase: Phase, verb: XfrmVerb, policies: &[XfrmPolicy]) -> impl Iterator<Item = Effect<XfrmChange>> {
    policies.chunks(MOST).map(move |some| Effect { phase, change: XfrmChange { verb, policies: some.to_vec() } })
}

impl Display for XfrmChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.policies.iter().try_for_each(|policy| writeln!(f, "{}", Command(self.verb, *policy)))
    }
}

/// As `ip` takes it.
struct Command(XfrmVerb, XfrmPolicy);

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(verb, policy) = self;
        let XfrmSelector { source, destination } = policy.selector();
        let selector = format!("src {source} dst {destination} dir fwd");
        let priority = policy.priority();
        let action = match policy.rule {
            XfrmRule::Inside(_) => "allow",
            XfrmRule::Pod(_) => "block",
        };
        match verb {
            XfrmVerb::Add => {
                let bit = policy.bit;
                write!(f, "ip xfrm policy add {selector} mark 0 mask {bit} priority {priority} action {action}")
            }
            // `ip` cannot delete a policy by a mark of 0.
            XfrmVerb::Delete => write!(f, "ip xfrm policy deleteall {selector} priority {priority}"),
        }
    }
}

impl Display for XfrmPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.rule {
            XfrmRule::Inside(network) => write!(f, "allow packets to {network}"),
            XfrmRule::Pod(pod) => write!(f, "block packets of {pod}"),
        }
    }
}
