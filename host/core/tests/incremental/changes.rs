//! What an event changes of what the source knows, or of the host.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{
    AnnotationPrefix, ChangeKey, Connected, EarlierNodeData, KnownPods, KubeVipEndpoint, Namespace,
    Node as ClusterNode, Pods, Service, Slice, SubjectKey, SubjectKind, UnreadableService, Writer, active_endpoint,
    gateway_annotation,
};
use egressd_core::net::Family;
use egressd_core::pipeline::Question;
use egressd_core::ruleset::Name;
use egressd_core::testkit::n;

use crate::events::{
    Listed, NAMESPACES, NOTE, OfCluster, OfHost, OfNode, OfPods, OfService, Published, SERVICES, Spec,
};
use crate::node::Node;
use crate::objects::{
    as_announcement, as_egress_node, as_egress_policy, as_node, as_plugin, as_pod, as_selection, as_service, as_slice,
    key, known, labels, networks, pod_name, uid,
};

/// An object that shows which network plugin the cluster has.
const PLUGIN: &str = "IPPool default-ipv4-ippool";

impl Node {
    pub(crate) fn meet_service(&mut self, who: usize, event: &OfService) -> Vec<Question> {
        match event {
            OfService::Is(spec) => self.put_service(who, spec),
            OfService::Gone => self.remove_service(who),
            OfService::Unreadable(life) => self.lose_service(who, *life),
            OfService::Slice(name, made_by, listed) => self.put_slice(who, name, as_slice(&key(who), *made_by, listed)),
            OfService::SliceGone(name) => self.remove_slice(who, name),
            OfService::Selected(selection) => {
                self.change_service(who, |service| service.selection = as_selection(*selection))
            }
            OfService::SliceBy(name, made_by) => self.change_slice(who, name, |slice| slice.made_by = *made_by),
            OfService::Publishes(place, writer) => {
                let endpoint = place.and_then(|place| self.listed(who, place));
                self.change_service(who, |service| publish(service, endpoint, *writer));
            }
            OfService::Note(value) => self.change_service(who, |service| note(service, *value)),
            OfService::Gateway(node) => self.change_service(who, |service| name_gateway(service, *node)),
            OfService::Policy(policy) => return self.meet_policy(who, policy.as_ref()),
        }
        self.update([ChangeKey::Subject(key(who))])
    }

    fn meet_policy(&mut self, who: usize, policy: Option<&(Spec, Vec<Listed>)>) -> Vec<Question> {
        let key = SubjectKey::new(SubjectKind::EgressPolicy, &*key(who).namespace, &*key(who).name);
        match policy {
            Some((spec, selected)) => {
                let policy = as_egress_policy(&key, uid(who + SERVICES.len(), spec.life), spec, selected);
                self.snapshot.egress_policies.insert(key.clone(), Arc::new(policy));
            }
            None => drop(self.snapshot.egress_policies.remove(&key)),
        }
        self.update([ChangeKey::Subject(key)])
    }

    fn put_service(&mut self, who: usize, spec: &Spec) {
        self.snapshot.unreadable.services.remove(&key(who));
        self.snapshot.services.insert(key(who), Arc::new(as_service(who, spec)));
    }

    fn remove_service(&mut self, who: usize) {
        self.snapshot.unreadable.services.remove(&key(who));
        self.snapshot.services.remove(&key(who));
    }

    fn lose_service(&mut self, who: usize, life: Option<u8>) {
        let gone = self.snapshot.services.remove(&key(who));
        let known = gone.map_or_else(|| uid(who, 0), |service| service.uid.clone());
        let uid = life.map_or(known, |life| uid(who, life));
        let unreadable = UnreadableService { uid, why: "spec is no object".into() };
        self.snapshot.unreadable.services.insert(key(who), unreadable);
    }

    fn put_slice(&mut self, who: usize, name: &'static str, slice: Slice) {
        self.snapshot.slices.entry(key(who)).or_default().insert(name, Arc::new(slice));
    }

    fn remove_slice(&mut self, who: usize, name: &str) {
        if let Some(slices) = self.snapshot.slices.get_mut(&key(who)) {
            slices.remove(name);
        }
    }

    fn change_slice(&mut self, who: usize, name: &str, change: impl FnOnce(&mut Slice)) {
        if let Some(slice) = self.snapshot.slices.get_mut(&key(who)).and_then(|slices| slices.get_mut(name)) {
            change(Arc::make_mut(slice));
        }
    }

    /// The endpoint at this place among those that are listed.
    fn listed(&self, who: usize, place: usize) -> Option<IpAddr> {
        let slices = self.snapshot.slices.get(&key(who)).into_iter().flat_map(|slices| slices.values());
        slices.flat_map(|slice| slice.endpoints.iter()).map(|endpoint| endpoint.address).nth(place)
    }

    fn change_service(&mut self, who: usize, change: impl FnOnce(&mut Service)) {
        if let Some(service) = self.snapshot.services.get_mut(&key(who)) {
            change(Arc::make_mut(service));
        }
    }

    pub(crate) fn meet_node(&mut self, name: &str, event: &OfNode) -> Vec<Question> {
        match event {
            OfNode::Is(addresses, pods, readiness) => {
                let node = as_node(addresses, pods, *readiness);
                self.snapshot.nodes.insert(name.to_owned(), Arc::new(node));
            }
            OfNode::Gone => drop(self.snapshot.nodes.remove(name)),
            OfNode::Part(completeness, addresses, pods) => self.change_node(name, |node| {
                node.completeness = *completeness;
                node.before = EarlierNodeData { addresses: addresses.clone(), pod_networks: networks(pods) };
            }),
            OfNode::Readiness(readiness) => self.change_node(name, |node| node.readiness = *readiness),
            OfNode::Publishes(published) => return self.meet_published(name, published.as_ref()),
            OfNode::Label(label) => self.change_node(name, |node| node.labels = labels(*label)),
        }
        self.update([ChangeKey::Cluster])
    }

    fn meet_published(&mut self, name: &str, published: Option<&Published>) -> Vec<Question> {
        let all = &mut self.snapshot.egress_nodes.by_name;
        match published {
            None => drop(all.remove(name)),
            Some(published) => drop(all.insert(name.to_owned(), Arc::new(as_egress_node(published)))),
        }
        self.update([ChangeKey::EgressNodes])
    }

    fn change_node(&mut self, name: &str, change: impl FnOnce(&mut ClusterNode)) {
        change(Arc::make_mut(self.snapshot.nodes.entry(name.to_owned()).or_default()));
    }

    pub(crate) fn meet_cluster(&mut self, event: &OfCluster) -> Vec<Question> {
        match event {
            OfCluster::ServiceNetworks(services) => {
                self.snapshot.service_networks.insert("kubernetes".to_owned(), Arc::new(networks(services)));
            }
            OfCluster::Plugin(None) => drop(self.snapshot.cluster_networks.remove(PLUGIN)),
            OfCluster::Plugin(Some((pods, completeness))) => {
                self.snapshot.cluster_networks.insert(PLUGIN.to_owned(), Arc::new(as_plugin(pods, *completeness)));
            }
            OfCluster::Labels(name, label) => {
                return self.change_namespace(name, |namespace| namespace.labels = labels(*label));
            }
            OfCluster::Notes(name, value) => {
                let annotations = value.map(|value| (NOTE, value)).into_iter().collect();
                return self.change_namespace(name, |namespace| namespace.annotations = annotations);
            }
        }
        self.update([ChangeKey::Cluster])
    }

    fn change_namespace(&mut self, name: &str, change: impl FnOnce(&mut Namespace)) -> Vec<Question> {
        change(Arc::make_mut(self.snapshot.namespaces.entry(name.to_owned()).or_default()));
        self.update([ChangeKey::Namespace(name.to_owned())])
    }

    pub(crate) fn meet_pods(&mut self, event: &OfPods) -> Vec<Question> {
        if let OfPods::Announced(number, pod) = event {
            return self.pipeline.announce(as_announcement(*number, pod), self.now);
        }
        let before = std::mem::take(&mut self.snapshot.pods);
        self.snapshot.pods = match (event, before) {
            (OfPods::Are(pods), _) => KnownPods::Complete(known(pods)),
            (OfPods::NotWatched, _) => KnownPods::NotWatched,
            (OfPods::LastKnown, KnownPods::NotWatched) => KnownPods::LastKnown(Pods::default()),
            (OfPods::LastKnown, KnownPods::LastKnown(pods)) => KnownPods::Complete(pods),
            (OfPods::LastKnown, KnownPods::Complete(pods)) => KnownPods::LastKnown(pods),
            (OfPods::One(..) | OfPods::Announced(..) | OfPods::OneGone(_), before) => {
                self.snapshot.pods = before;
                return self.meet_pod(event);
            }
        };
        self.update([ChangeKey::Pods])
    }

    fn meet_pod(&mut self, event: &OfPods) -> Vec<Question> {
        let (KnownPods::Complete(pods) | KnownPods::LastKnown(pods)) = &mut self.snapshot.pods else {
            return Vec::new();
        };
        let changed = match event {
            OfPods::One(number, pod) => pods.insert(Arc::new(as_pod(*number, pod))),
            OfPods::OneGone(number) => {
                NAMESPACES.iter().flat_map(|name| pods.remove(&pod_name(name, *number))).collect()
            }
            OfPods::Are(_) | OfPods::NotWatched | OfPods::LastKnown | OfPods::Announced(..) => return Vec::new(),
        };
        self.update(changed.into_iter().map(ChangeKey::Pod))
    }

    pub(crate) fn meet_host(&mut self, event: &OfHost) -> Vec<Question> {
        match event {
            OfHost::LocalAddresses(held) => return self.pipeline.set_local_addresses(held.clone()),
            OfHost::Connected(networks) => {
                let connected = |network: &&str| Connected { network: n(network), interface: "cni0".into() };
                return self.pipeline.connect(networks.iter().map(connected).collect());
            }
            OfHost::Foreign(table) => {
                let table = table.iter().map(|table| Name::new(*table).expect("a name"));
                self.pipeline.stand_beside(table.collect());
            }
            OfHost::MemoryIsLost => self.pipeline.lost_memory(),
            OfHost::Damaged(damage) => self.kernel.damage(*damage),
        }
        Vec::new()
    }
}

fn note(service: &mut Service, value: Option<&str>) {
    service.annotations.remove(NOTE);
    service.annotations.extend(value.map(|value| (NOTE, value)));
}

fn name_gateway(service: &mut Service, node: Option<&str>) {
    for name in Family::ALL.map(gateway_annotation) {
        service.annotations.remove(name);
        service.annotations.extend(node.map(|node| (name, node)));
    }
}

/// Writes an active endpoint as egressd or kube-vip does.
fn publish(service: &mut Service, endpoint: Option<IpAddr>, writer: Writer) {
    let name = |family| AnnotationPrefix::default().name(active_endpoint(family));
    for family in Family::ALL {
        service.annotations.remove(&name(family));
    }
    service.annotations.extend(endpoint.map(|endpoint| (name(Family::of(endpoint)), endpoint.to_string())));
    let wrote = |endpoint| KubeVipEndpoint { families: vec![Family::of(endpoint)], at: None };
    service.kube_vip_wrote = match writer {
        Writer::Anybody => None,
        Writer::KubeVip => endpoint.map(wrote),
    };
}
