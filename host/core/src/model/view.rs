//! One subject as policies see it: with its endpoints and its own addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::address::own_addresses;
use super::published::unpublished;
use super::{
    AddressTrust, AnnotationPrefix, ClusterFacts, EgressPolicy, Endpoint, GatewayTexts, Labels, Namespace, Service,
    ServiceType, Snapshot, Subject, SubjectKey, SubjectKind, SubjectObject, Unusable,
};
use crate::finding::{Finding, at_most, first_of};
use crate::net::RareAddresses;

/// What is the same for every subject of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub node: String,
    /// This node's labels; empty while it is unknown.
    pub node_labels: Arc<Labels>,
}

/// One subject with everything that a policy may look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectView {
    /// The subject itself, without what egressd publishes on it: that must never be a reason to ask again.
    pub subject: Subject,
    /// Its namespace; without labels and annotations while that is unknown.
    pub namespace: Arc<Namespace>,
    /// The endpoints on this node that slices list and that are not the subject's, as far as is known
    /// ([`crate::whose`]): sorted.
    pub withheld: Box<[IpAddr]>,
    /// The endpoints on this node that may be the subject's and that no policy is shown: those of the withheld whose pod
    /// is not known, and all that are left out for another reason. They are guarded where the subject asks for that.
    pub held_back: RareAddresses,
    /// The endpoints on other nodes that this one translates, since it holds an address of their family: their packets come
    /// through the tunnel. Policies are shown them as endpoints here.
    pub remote: RareAddresses,
    /// What its annotations say about gateways. It is the host's alone: a gateway that moves is nothing to ask policies
    /// about.
    pub gateways: GatewayTexts,
    /// Findings about the input.
    pub findings: Vec<Finding>,
}

impl SubjectView {
    /// The endpoints that this node translates: its own, and those of other nodes that leave by this one.
    pub fn local_endpoints<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Endpoint> {
        self.subject.endpoints.iter().filter(|endpoint| self.is_local(endpoint, &context.node))
    }

    /// The endpoints that run on this node.
    pub fn own_endpoints<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a Endpoint> {
        self.subject.endpoints.iter().filter(|endpoint| endpoint.is_on(&context.node))
    }

    /// Whether the node of this name, which looks, translates an endpoint.
    pub fn is_local(&self, endpoint: &Endpoint, node: &str) -> bool {
        endpoint.is_on(node) || self.remote.contains(&endpoint.address)
    }
}

/// The view of a subject, where these facts hold; none when the snapshot does not hold it.
pub fn view(
    snapshot: &Snapshot,
    facts: &ClusterFacts,
    key: &SubjectKey,
    trust: AddressTrust,
    prefix: &AnnotationPrefix,
) -> Option<SubjectView> {
    let (gateways, (subject, findings)) = match key.kind {
        SubjectKind::Service => {
            let listed = snapshot.services.get(key)?;
            let service = unpublished(Arc::clone(listed), prefix);
            let of_service = of_service(snapshot, facts, service, |service| own_addresses(service, trust, prefix));
            (GatewayTexts::on(&listed.annotations), of_service)
        }
        SubjectKind::EgressPolicy => {
            let policy = snapshot.egress_policies.get(key)?;
            (GatewayTexts::on(&policy.annotations), of_egress_policy(facts, policy))
        }
    };
    let namespace = snapshot.namespaces.get(&*key.namespace).cloned().unwrap_or_else(Namespace::unknown);
    let (held_back, remote) = (RareAddresses::default(), RareAddresses::default());
    Some(SubjectView { subject, namespace, withheld: Box::default(), held_back, remote, gateways, findings })
}

/// One that is no LoadBalancer has no addresses of its own, so its endpoints cannot matter and are not gathered.
fn of_service(
    snapshot: &Snapshot,
    facts: &ClusterFacts,
    service: Arc<Service>,
    own_addresses: impl FnOnce(&Service) -> (Vec<IpAddr>, Vec<Finding>),
) -> (Subject, Vec<Finding>) {
    if service.kind != ServiceType::LoadBalancer {
        let object = SubjectObject::Service(service);
        return (Subject { object, addresses: Vec::new(), endpoints: Arc::default() }, Vec::new());
    }
    let (addresses, findings) = own_addresses(&service);
    let slices = || snapshot.slices.get(&service.key).into_iter().flat_map(|slices| slices.values());
    let (endpoints, never) = endpoints(facts, || slices().map(|slice| &slice.endpoints));
    let findings = at_most(findings.into_iter().chain(never_translated(&never)));
    (Subject { object: SubjectObject::Service(service), addresses, endpoints }, findings)
}

/// It comes with its addresses and endpoints. Of the endpoints those that are never translated are left out here, too.
fn of_egress_policy(facts: &ClusterFacts, policy: &Arc<EgressPolicy>) -> (Subject, Vec<Finding>) {
    let (endpoints, never) = endpoints(facts, || std::iter::once(&policy.endpoints));
    let findings = at_most(never_translated(&never));
    let (object, addresses) = (SubjectObject::EgressPolicy(Arc::clone(policy)), policy.addresses.clone());
    (Subject { object, addresses, endpoints }, findings)
}

/// Why an endpoint is never translated, whoever lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Never {
    /// It is a node's own address: host network.
    Node,
    /// No pod can have it.
    Unusable(Unusable),
}

/// The endpoints of all these lists, each address once; and beside them those that are never translated.
fn endpoints<'a, L: Iterator<Item = &'a Arc<[Endpoint]>>>(
    facts: &ClusterFacts,
    lists: impl Fn() -> L,
) -> (Arc<[Endpoint]>, BTreeMap<Never, Vec<IpAddr>>) {
    // While a slice is split or moved, an address can stand in two of them; any of the two is right.
    let by_address: BTreeMap<IpAddr, &Endpoint> =
        lists().flat_map(|list| list.iter()).map(|endpoint| (endpoint.address, endpoint)).collect();
    let (mut endpoints, mut never) = (Vec::new(), BTreeMap::<Never, Vec<IpAddr>>::new());
    for (address, endpoint) in by_address {
        match why_never(facts, address) {
            Some(why) => never.entry(why).or_default().push(address),
            None => endpoints.push(endpoint),
        }
    }
    let same = lists().find(|list| list.iter().eq(endpoints.iter().copied()));
    (same.map_or_else(|| endpoints.into_iter().cloned().collect(), Arc::clone), never)
}

/// Whether an endpoint with this address is translated, if everything else is right.
pub fn is_translatable(facts: &ClusterFacts, address: IpAddr) -> bool {
    why_never(facts, address).is_none()
}

fn why_never(facts: &ClusterFacts, address: IpAddr) -> Option<Never> {
    let unusable = Unusable::of(address).map(Never::Unusable);
    unusable.or_else(|| facts.node_addresses.contains(&address).then_some(Never::Node))
}

/// One finding for each reason, however many endpoints there are.
fn never_translated(never: &BTreeMap<Never, Vec<IpAddr>>) -> impl Iterator<Item = Finding> {
    never.iter().filter_map(|(why, addresses)| Some(why.finding(*addresses.first()?, addresses.len() - 1)))
}

impl Never {
    fn finding(self, first: IpAddr, more: usize) -> Finding {
        let subject = format!("endpoint {}", first_of(first, more));
        match self {
            Self::Node => Finding::warning(
                "host-network-endpoint",
                format!(
                    "{subject} is a node's own address (host network) and is never translated; run the pod on the pod network"
                ),
            ),
            Self::Unusable(kind) => Finding::warning(
                "endpoint-unusable",
                format!(
                    "{subject} is {kind}, which no pod has, and is never translated; correct the EndpointSlice or its \
                     controller"
                ),
            ),
        }
    }
}
