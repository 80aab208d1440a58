//! Planted defects for tests of the audit: no sequence of inputs is known that leads to one.

use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Pipeline;
use super::derived::Counted;
use super::entry::AnswerState;
use super::places::Dependencies;
use super::pods::OutsidePodNetworks;
use crate::chain::{FailureKind, PolicyFailure};
use crate::check::{NoteKind, PlanNote};
use crate::model::{Completeness, EgressNode, HeldAddresses, Node, SubjectKey, Uid};
use crate::net::Family;
use crate::plan::{Shares, Size, SubjectAddresses, SubjectPlan, SubjectTunnel, TOO_MANY_ENDPOINTS};
use crate::record::{Record, RecordState};

/// What is wrong then, and how that comes: at one of the places where it can be, and not at all where there is none
/// now.
pub type Corruption = (&'static str, fn(&mut Pipeline, usize) -> Option<()>);

/// One defect of everything that is kept between two rounds.
pub const CORRUPTIONS: [Corruption; 39] = [
    ("a record is another", |pipeline, which| {
        let key = pipeline.known(which)?;
        pipeline.put_record(key)
    }),
    ("a record is missing", |pipeline, which| {
        let key = pipeline.known(which)?;
        pipeline.derived.records.remove(&key).map(drop)
    }),
    ("there is a record of a Service that is gone", |pipeline, _| pipeline.put_record(gone())),
    ("a plan is another", |pipeline, which| {
        let (key, plan) = pipeline.planned(which)?;
        let other = SubjectPlan { created: plan.created ^ 1, ..(*plan).clone() };
        pipeline.derived.plans.insert(key, Arc::new(other)).map(drop)
    }),
    ("there is a plan of a Service that is gone", |pipeline, which| {
        let (_, plan) = pipeline.planned(which)?;
        pipeline.derived.pods.replace(&gone(), None, Some(&plan));
        pipeline.derived.plans.insert(gone(), plan);
        Some(())
    }),
    ("a pod leads to no Service", |pipeline, which| {
        let (key, plan) = pipeline.planned(which)?;
        pipeline.derived.pods.replace(&key, Some(&plan), None);
        Some(())
    }),
    ("a pod leads to a Service that is gone", |pipeline, which| {
        let (_, plan) = pipeline.planned(which)?;
        pipeline.derived.pods.replace(&gone(), None, Some(&plan));
        Some(())
    }),
    ("a pod is somewhere else", |pipeline, which| {
        let pod = pipeline.planned(which)?.1.sources().next()?;
        let pods = &mut pipeline.derived.pods;
        let other = if pods.elsewhere().contains(&pod) { OutsidePodNetworks::No } else { OutsidePodNetworks::Yes };
        pods.place(pod, other).then_some(())
    }),
    ("it is unknown that a Service has an address", |pipeline, which| {
        let (key, shares) = pipeline.sharer(which)?;
        pipeline.derived.sharing.replace(&key, &shares, &Shares::default());
        Some(())
    }),
    ("a Service that is gone has an address", |pipeline, which| {
        let (_, shares) = pipeline.sharer(which)?;
        pipeline.derived.sharing.replace(&gone(), &Shares::default(), &shares);
        Some(())
    }),
    ("more is counted of a Service, and of its namespace with it", |pipeline, which| {
        let (key, before, more) = pipeline.counted(which)?;
        pipeline.derived.usage.replace(&key, before, Some(more));
        pipeline.derived.counted.get_mut(&key)?.demand = Some(more);
        Some(())
    }),
    ("more is counted of a namespace alone", |pipeline, which| {
        let (key, before, more) = pipeline.counted(which)?;
        pipeline.derived.usage.replace(&key, before, Some(more));
        Some(())
    }),
    ("a namespace has more on its way", |pipeline, which| {
        let (key, _, more) = pipeline.counted(which)?;
        let usage = &mut pipeline.derived.usage;
        let peak = usage.peak(&key.namespace).map_or(more, |peak| Size { rules: peak.rules + 1, ..peak });
        usage.settle(&key.namespace, Some(peak));
        Some(())
    }),
    ("all namespaces have more together", |pipeline, _| {
        pipeline.derived.usage.miscount();
        Some(())
    }),
    ("the node is full, or is not", |pipeline, _| {
        pipeline.derived.node_is_full = !pipeline.derived.node_is_full;
        Some(())
    }),
    ("what was refused is in force", |pipeline, which| {
        let key = nth(pipeline.derived.refused.keys().cloned(), which)?;
        pipeline.derived.refused.remove(&key).map(drop)
    }),
    ("something of a Service that is gone stays in the kernel", |pipeline, _| {
        let own = SubjectAddresses { key: gone(), pods: Default::default(), addresses: Default::default() };
        pipeline.derived.kept.insert(gone(), (uid(), own));
        Some(())
    }),
    ("a plan that is gone has a fault", |pipeline, _| {
        let note = PlanNote { subject: gone(), kind: NoteKind::FamilyUnknown(Family::Ipv4) };
        pipeline.derived.faults.insert(gone(), vec![note]);
        Some(())
    }),
    ("a policy that is gone could not answer", |pipeline, _| {
        let (policy, reason) = ("gone".to_owned(), "it was planted".to_owned());
        pipeline.derived.failing.put(&gone(), [&PolicyFailure { policy, reason, kind: FailureKind::Prompt }]);
        Some(())
    }),
    ("a Service that is gone asks kube-vip, too", |pipeline, _| {
        pipeline.derived.beside.insert(gone());
        Some(())
    }),
    ("a Service that is gone guards what it selects", |pipeline, _| {
        pipeline.derived.selecting.insert(gone());
        Some(())
    }),
    ("a Service that guards what it selects is not found", |pipeline, which| {
        let key = nth(pipeline.derived.selecting.iter().cloned(), which)?;
        pipeline.derived.selecting.remove(&key).then_some(())
    }),
    ("a Service that gets pods before a slice lists them is not found by their labels", |pipeline, which| {
        pipeline.subjects.lose_label(which)
    }),
    ("addresses lead to no Service", |pipeline, which| {
        let key = nth(pipeline.places.by_service().keys().cloned(), which)?;
        pipeline.places.put(&key, Default::default());
        Some(())
    }),
    ("one address does not lead to its Service", |pipeline, which| {
        let key = nth(pipeline.places.by_service().keys().cloned(), which)?;
        pipeline.places.lose(&key)
    }),
    ("an address leads to a Service that is gone", |pipeline, _| {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        pipeline.places.put(&gone(), Dependencies::new([address].into_iter(), [address].into_iter(), iter::empty()));
        Some(())
    }),
    ("a Node does not lead to a Service that names it", |pipeline, which| {
        let key = nth(pipeline.places.by_service().keys().cloned(), which)?;
        pipeline.places.lose_node(&key)
    }),
    ("a Node leads to a Service that is gone", |pipeline, _| {
        let node = [Arc::from("node-a")].into_iter();
        pipeline.places.put(&gone(), Dependencies::new(iter::empty(), iter::empty(), node));
        Some(())
    }),
    ("another address is inside the cluster", |pipeline, _| {
        let mut facts = (*pipeline.facts).clone();
        facts.exact.insert(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)));
        (pipeline.facts, pipeline.derived.facts) = (Arc::new(facts.clone()), Arc::new(facts));
        Some(())
    }),
    ("a Node that is gone claims an address", |pipeline, _| {
        let node = Node { addresses: vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 98))], ..Node::default() };
        pipeline.nodes.follow(&pipeline.newest.nodes.update("gone".to_owned(), Arc::new(node)));
        Some(())
    }),
    ("an EgressNode that is gone claims an address", |pipeline, _| {
        let addresses = [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 97))].into();
        let node = EgressNode { addresses, ..EgressNode::default() };
        let (nodes, published) = (&pipeline.newest.nodes, &pipeline.newest.egress_nodes.by_name);
        pipeline.further.follow(nodes, &published.update("gone".to_owned(), Arc::new(node)));
        Some(())
    }),
    ("an EgressNode that is gone holds an address", |pipeline, _| {
        let published = &pipeline.newest.egress_nodes.by_name;
        let held = HeldAddresses::new([IpAddr::V4(Ipv4Addr::new(192, 0, 2, 96))], Completeness::Whole);
        let node = EgressNode { held, ..EgressNode::default() };
        pipeline.tunnels.follow(&pipeline.nodes, &published.update("gone".to_owned(), Arc::new(node)));
        Some(())
    }),
    ("a Service has another part in the tunnel", |pipeline, which| {
        let key = nth(pipeline.derived.tunnel_parts.behind(None), which)?;
        pipeline.derived.tunnel_parts.put(&key, 0, SubjectTunnel::default());
        Some(())
    }),
    ("a Service that is gone has a part in the tunnel", |pipeline, _| {
        let held = [IpAddr::V4(Ipv4Addr::LOCALHOST)].into();
        pipeline.derived.tunnel_parts.put(&gone(), 0, SubjectTunnel { held, ..SubjectTunnel::default() });
        Some(())
    }),
    ("the way to a gateway is another", |pipeline, which| {
        let gateways = &mut pipeline.derived.tunnel.as_mut()?.gateways;
        let address = nth(gateways.keys().copied(), which)?;
        gateways.get_mut(&address)?.end = None;
        Some(())
    }),
    ("a pod of another node has no home", |pipeline, which| {
        let homes = &mut pipeline.derived.tunnel.as_mut()?.homes;
        let pod = nth(homes.keys().copied(), which)?;
        homes.remove(&pod).map(drop)
    }),
    ("a Service outside of all networks is not found", |pipeline, _| pipeline.outside.pop_first().map(drop)),
    ("a node that is gone is ready", |pipeline, _| {
        pipeline.ready.insert("gone".to_owned());
        Some(())
    }),
    ("a Service changed and was not looked at", |pipeline, which| {
        let key = pipeline.known(which)?;
        let is_crowded = |code: &str| code == TOO_MANY_ENDPOINTS;
        // Of one that cannot be read no object counts, and of one with too many endpoints the view is not compared.
        let is_read = pipeline.subjects.get(&key)?.standing != AnswerState::Unreadable;
        let (view, _) = pipeline.view_of(&pipeline.newest, &key)?;
        let seen = is_read && !view.findings.iter().any(|finding| is_crowded(&finding.code));
        let mut service = (**pipeline.newest.services.get(&key).filter(|_| seen)?).clone();
        service.created ^= 1;
        pipeline.newest.services.insert(key, Arc::new(service)).map(drop)
    }),
];

impl Pipeline {
    fn known(&self, which: usize) -> Option<SubjectKey> {
        nth(self.subjects.keys().cloned(), which)
    }

    fn planned(&self, which: usize) -> Option<(SubjectKey, Arc<SubjectPlan>)> {
        let plans = self.derived.plans.iter().filter(|(_, plan)| plan.sources().next().is_some());
        nth(plans.map(|(key, plan)| (key.clone(), Arc::clone(plan))), which)
    }

    fn put_record(&mut self, key: SubjectKey) -> Option<()> {
        self.derived.records.insert(key, Arc::new(Record { uid: uid(), outcome: RecordState::Unanswered(None) }));
        Some(())
    }

    fn sharer(&self, which: usize) -> Option<(SubjectKey, Shares)> {
        let derived = &self.derived;
        let sharers = derived.sharing.behind(None).flat_map(|address| derived.sharing.ages(address));
        let key = nth(sharers.map(|(_, key)| key.clone()), which)?;
        let shares = derived.counted.get(&key)?.shares.clone();
        Some((key, shares))
    }

    /// A Service, what is counted of it, and more than that.
    fn counted(&self, which: usize) -> Option<(SubjectKey, Option<Size>, Size)> {
        let key = self.known(which)?;
        let Counted { demand, shares: _ } = self.derived.counted.get(&key)?.clone();
        let now = demand.unwrap_or_default();
        Some((key, demand, Size { elements: now.elements + 1, ..now }))
    }
}

/// A Service that is not there.
fn gone() -> SubjectKey {
    SubjectKey::service("red", "that-is-gone")
}

fn uid() -> Uid {
    Uid::new("planted").unwrap_or_else(|error| panic!("{error}"))
}

fn nth<T>(all: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    let at = which.checked_rem(all.len())?;
    Some(all.swap_remove(at))
}
