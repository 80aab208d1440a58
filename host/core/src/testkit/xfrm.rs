//! A kernel's IPsec policies in memory.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Refused;
use crate::node::{Adapter, Certainty, Foreign, Readback, Xfrm, XfrmChange, XfrmMaker, XfrmPolicy, XfrmRule, XfrmVerb};

/// What holds policies, and refuses what the kernel refuses. As the kernel does, it goes on with a change after a policy
/// that it refused.
#[derive(Clone, Debug)]
pub struct FakeXfrm {
    /// Those of all egressds.
    pub policies: BTreeSet<XfrmPolicy>,
    /// Those of other programs, as a message names them.
    pub foreign: Vec<String>,
    /// How many policies there is memory for.
    pub room: usize,
    /// How many changes it was given.
    pub changes: usize,
}

impl Default for FakeXfrm {
    fn default() -> Self {
        Self::left(BTreeSet::new())
    }
}

/// What the policies look at of a packet that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedPacket {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub mark: u32,
}

/// What becomes of a packet that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    Passed,
    Blocked,
}

impl FakeXfrm {
    /// As a process left it.
    pub fn left(policies: BTreeSet<XfrmPolicy>) -> Self {
        Self { policies, foreign: Vec::new(), room: usize::MAX, changes: 0 }
    }

    /// What becomes of a packet: the policy with the smallest priority decides.
    pub fn forward(&self, packet: ForwardedPacket) -> Forwarded {
        let matching = self.policies.iter().filter(|policy| matches(policy, packet));
        match matching.min_by_key(|policy| policy.priority()).map(|policy| policy.rule) {
            Some(XfrmRule::Pod(_)) => Forwarded::Blocked,
            Some(XfrmRule::Inside(_)) | None => Forwarded::Passed,
        }
    }

    fn change(&mut self, verb: XfrmVerb, policy: XfrmPolicy) -> Result<(), &'static str> {
        match verb {
            XfrmVerb::Add if self.policies.contains(&policy) => Err("File exists"),
            XfrmVerb::Add if self.policies.len() >= self.room => Err("Cannot allocate memory"),
            XfrmVerb::Add => {
                self.policies.insert(policy);
                Ok(())
            }
            XfrmVerb::Delete => self.policies.remove(&policy).then_some(()).ok_or("No such file or directory"),
        }
    }
}

fn matches(policy: &XfrmPolicy, packet: ForwardedPacket) -> bool {
    let selector = policy.selector();
    let is_selected = selector.source.contains(&packet.source) && selector.destination.contains(&packet.destination);
    is_selected && !policy.bit.is_in(packet.mark)
}

/// Policies have no owner, so there is nothing to adopt.
impl Adapter for FakeXfrm {
    type Part = Xfrm;
    type OwnObjects = XfrmMaker;
    type Error = Refused;

    fn adopt(&mut self, _: &XfrmMaker) -> Result<(), Refused> {
        Ok(())
    }

    fn read(&mut self, ours: &XfrmMaker) -> Result<Readback<Xfrm>, Refused> {
        let state = self.policies.iter().filter(|policy| policy.maker == *ours).copied().collect();
        let foreign = self.foreign.iter().map(|what| Foreign { what: what.clone(), removal: None }).collect();
        Ok(Readback { state, foreign, certainty: Certainty::Settled })
    }

    fn commit(&mut self, change: &XfrmChange) -> Result<(), Refused> {
        self.changes += 1;
        let refused = |policy, why| {
            let change = XfrmChange { verb: change.verb, policies: vec![policy] }.to_string();
            Err(Refused { change, why })
        };
        let results = change.policies.iter().map(|policy| (*policy, self.change(change.verb, *policy)));
        let all: Vec<_> = results.collect();
        all.into_iter().try_for_each(|(policy, result)| result.or_else(|why| refused(policy, why)))
    }
}
