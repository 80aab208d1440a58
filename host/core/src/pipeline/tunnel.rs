//! The tunnel between nodes: what its ends and the addresses that nodes hold come to for subjects, and the part of the plan
//! that follows from all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::Pipeline;
use super::derived::Derived;
use crate::diff::Common;
use crate::finding::Finding;
use crate::model::{ClusterFacts, GatewayTexts, Snapshot, Subject, SubjectKey, SubjectView, TunnelEnd, TunnelIndex};
use crate::net::{Family, RareAddresses};
use crate::owner::HolderCount;
use crate::plan::{NodeContext, SubjectPlan, SubjectTunnel, TunnelContext, TunnelParts, TunnelPlan};
use crate::reporting::CrossNode;

impl Pipeline {
    /// Takes in what nodes say of tunnels now, with the Nodes that were looked at last; the subjects that this concerns.
    pub(super) fn take_tunnels(&mut self) -> BTreeSet<SubjectKey> {
        if self.settings.tunnel.is_none() {
            return BTreeSet::new();
        }
        let before = self.own_end().cloned();
        let changed = self.tunnels.follow(&self.nodes, &self.newest.egress_nodes.by_name);
        if before.as_ref() != self.own_end() {
            return self.subjects.keys().cloned().collect();
        }
        let named = changed.iter().flat_map(|node| self.places.naming(node));
        named.filter(|key| self.subjects.has(key)).cloned().collect()
    }

    /// What nodes say of tunnels, from nothing; nothing where there is none.
    pub(super) fn tunnels_anew(&self) -> TunnelIndex {
        let published = &self.newest.egress_nodes.by_name;
        self.settings.tunnel.map(|_| TunnelIndex::of(&self.nodes, published)).unwrap_or_default()
    }

    fn own_end(&self) -> Option<&TunnelEnd> {
        self.settings.tunnel.as_ref()?.end(&self.tunnels, &self.settings.node)
    }

    /// Whether this node translates for pods of others: where its own end of the tunnel is accepted.
    pub(super) fn cross_node(&self) -> CrossNode {
        if self.own_end().is_some() { CrossNode::On } else { CrossNode::Off }
    }

    fn tunnel_context(&self) -> Option<TunnelContext<'_>> {
        TunnelContext::of(self.settings.tunnel.as_ref(), &self.settings.node, &self.tunnels)
    }

    /// The endpoints of a subject on other nodes of which some subject's packets come here, since this node holds an address
    /// of it: what all subjects say of such a pod decides here as on its own node (P13). Where all nodes are to translate,
    /// there are none.
    pub(super) fn remote_endpoints(&self, snapshot: &Snapshot, view: &SubjectView) -> RareAddresses {
        let is_alone = self.ownership.share() != HolderCount::Assumed;
        let Some(tunnel) = self.tunnel_context().filter(|_| is_alone) else { return RareAddresses::default() };
        let mut held: BTreeMap<SubjectKey, BTreeSet<Family>> = BTreeMap::new();
        let mut comes_here = |pod: IpAddr| {
            self.places.of(pod).any(|key| {
                let families = held.entry(key.clone()).or_insert_with(|| self.held_families(snapshot, key));
                families.contains(&Family::of(pod))
            })
        };
        let reached = view.subject.endpoints.iter().filter(|endpoint| {
            let node = endpoint.node.as_deref();
            node.is_some_and(|node| tunnel.way_to(node, Family::of(endpoint.address)).is_some())
        });
        reached.map(|endpoint| endpoint.address).filter(|pod| comes_here(*pod)).collect()
    }

    /// The families of which this node holds an address of a subject.
    fn held_families(&self, snapshot: &Snapshot, key: &SubjectKey) -> BTreeSet<Family> {
        let Some(object) = snapshot.object(key) else { return BTreeSet::new() };
        let addresses = self.preferred(&object);
        let subject = Subject { object, addresses: addresses.clone(), endpoints: Arc::default() };
        let holds =
            |address: &IpAddr| self.ownership.holds(&subject, *address) && self.facts.refusal(*address).is_none();
        addresses.into_iter().filter(holds).map(Family::of).collect()
    }

    /// The subjects that have a pod with one of these, where that matters.
    pub(super) fn sharing_pods(&self, keys: &BTreeSet<SubjectKey>) -> BTreeSet<SubjectKey> {
        if self.settings.tunnel.is_none() {
            return BTreeSet::new();
        }
        let pods = keys.iter().flat_map(|key| self.places.inner_of(key));
        let sharing = pods.flat_map(|pod| self.places.of(*pod));
        sharing.filter(|key| self.subjects.has(key)).cloned().collect()
    }

    /// Whether another node is known to translate to an address for this one.
    pub(super) fn is_away(&self, view: &SubjectView, address: IpAddr) -> bool {
        self.here(&self.derived.sharing).way_to_holder(view, address).is_some()
    }

    /// The nodes that are named as gateways on a subject.
    pub(super) fn named_gateways(&self, snapshot: &Snapshot, key: &SubjectKey) -> Vec<Arc<str>> {
        let texts = snapshot.object(key).filter(|_| self.settings.tunnel.is_some());
        let texts = texts.map(|object| GatewayTexts::on(object.annotations())).unwrap_or_default();
        texts.values().map(Arc::from).collect()
    }

    /// What these facts say about the node, and where there is a tunnel, what is not accepted of its ends.
    pub(super) fn findings(&self, facts: &ClusterFacts) -> Vec<Finding> {
        let of_tunnel = self.settings.tunnel.map(|_| self.tunnels.findings()).unwrap_or_default();
        facts.findings.iter().cloned().chain(of_tunnel).collect()
    }

    /// What a subject has to do with the tunnel, and its age.
    pub(super) fn tunnel_part(
        &self,
        here: NodeContext<'_>,
        key: &SubjectKey,
        plan: Option<&SubjectPlan>,
    ) -> (i64, SubjectTunnel) {
        let asking = self.subjects.get(key).filter(|entry| entry.verdict.is_some() && !entry.asks_nothing());
        let part = asking.map(|entry| (entry.view.subject.created(), SubjectTunnel::of(here, &entry.view, plan)));
        part.unwrap_or_default()
    }

    /// The tunnel of the plan from nothing, where these are the plans.
    pub(super) fn tunnel_of_all(
        &self,
        here: NodeContext<'_>,
        plans: &BTreeMap<SubjectKey, SubjectPlan>,
    ) -> Option<TunnelPlan> {
        let (settings, mut parts) = (self.settings.tunnel.as_ref()?, TunnelParts::default());
        for key in self.subjects.keys() {
            let (created, part) = self.tunnel_part(here, key, plans.get(key));
            parts.put(key, created, part);
        }
        Some(TunnelPlan::of(settings, &self.tunnels, &parts, &mut self.numbers.clone()))
    }

    /// Takes in what these subjects have to do with the tunnel now; the pods for which that is news, and whether it is for
    /// all.
    pub(super) fn take_tunnel(
        &mut self,
        derived: &mut Derived,
        keys: &BTreeSet<SubjectKey>,
    ) -> (BTreeSet<IpAddr>, Common) {
        let Some(settings) = self.settings.tunnel else { return (BTreeSet::new(), Common::Same) };
        let about = self.take_tunnel_parts(derived, keys);
        let same_ends = derived.tunnel.is_some() && derived.ends.ptr_eq(self.tunnels.accepted());
        if about.is_empty() && same_ends {
            return (BTreeSet::new(), Common::Same);
        }
        let is_new = derived.tunnel.is_none();
        let before = derived.tunnel.take().unwrap_or_else(|| TunnelPlan::bare(&settings));
        let mut plan = before.clone();
        if !same_ends {
            plan.take_ends(&settings, &self.tunnels);
            derived.ends = self.tunnels.accepted().clone();
        }
        plan.take(&derived.tunnel_parts, &about, &mut self.numbers);
        let pods = self.led_elsewhere(derived, &about, &before, &plan);
        let has_same_ways =
            (&before.nodes, &before.held, &before.gateways) == (&plan.nodes, &plan.held, &plan.gateways);
        derived.tunnel = Some(plan);
        (pods, if has_same_ways && !is_new { Common::Same } else { Common::Changed })
    }

    /// The addresses about which one of these subjects says something else.
    fn take_tunnel_parts(&self, derived: &mut Derived, keys: &BTreeSet<SubjectKey>) -> BTreeSet<IpAddr> {
        let mut about = BTreeSet::new();
        for key in keys {
            let plan = derived.plans.get(key);
            let (created, part) = self.tunnel_part(self.here(&derived.sharing), key, plan.map(|plan| &**plan));
            about.extend(derived.tunnel_parts.put(key, created, part));
        }
        about
    }

    /// The pods whose packets another tunnel leads elsewhere, and those of other nodes that come or go with it.
    fn led_elsewhere(
        &self,
        derived: &Derived,
        about: &BTreeSet<IpAddr>,
        before: &TunnelPlan,
        now: &TunnelPlan,
    ) -> BTreeSet<IpAddr> {
        let is_home = |tunnel: &TunnelPlan, pod: &IpAddr| tunnel.homes.contains_key(pod);
        let mut pods: BTreeSet<IpAddr> =
            about.iter().filter(|pod| is_home(before, pod) != is_home(now, pod)).copied().collect();
        // A number may come from an address that is not looked at.
        let addresses: BTreeSet<IpAddr> = before.gateways.keys().chain(now.gateways.keys()).copied().collect();
        for address in addresses.into_iter().filter(|address| before.mark(*address) != now.mark(*address)) {
            let plans = self.places.of(address).filter_map(|key| derived.plans.get(key));
            let rules = plans.flat_map(|plan| &plan.rules).filter(|rule| rule.address() == address);
            pods.extend(rules.flat_map(|rule| rule.sources()));
        }
        pods
    }

    /// The tunnel of the plan with these pods alone.
    pub(super) fn tunnel_around(&self, pods: &BTreeSet<IpAddr>) -> Option<TunnelPlan> {
        let tunnel = self.derived.tunnel.as_ref()?;
        let homes = pods.iter().filter_map(|pod| Some((*pod, *tunnel.homes.get(pod)?))).collect();
        let TunnelPlan { port, marks, nodes, held, homes: _, gateways } = tunnel;
        Some(TunnelPlan {
            port: *port,
            marks: *marks,
            nodes: nodes.clone(),
            held: held.clone(),
            homes,
            gateways: gateways.clone(),
        })
    }
}
