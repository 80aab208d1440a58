//! Cilium's Lease of a Service joins namespace and name by a dash, which both may have: it may be called as that of
//! another one.

use std::sync::Arc;

use egressd_core::model::{
    AnnotationPrefix, L2Status, Lease, LeaseTerm, NamedNode, ObjectReference, Service, ServiceType, Snapshot, Subject,
    SubjectKey, SubjectObject, UnixTime, UnreadableService,
};
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::placement::Certainty::{Certain, Unknown};
use egressd_core::placement::{AddressHolder, AddressOwnership};
use egressd_core::testkit::{a, service};
use proptest::prelude::*;

use crate::claims::V4;

const LEASE: &str = "cilium-l2announce-a-b-c-d";
/// All but the last fit the Lease.
const NAMES: [(&str, &str); 4] = [("a", "b-c-d"), ("a-b", "c-d"), ("a-b-c", "d"), ("a", "b")];
const CILIUM: Option<&str> = Some("io.cilium/l2-announcer");
const METALLB: Option<&str> = Some("metallb.io/metallb");

/// The state of the Service of each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServiceState {
    Nothing,
    OfClass(Option<&'static str>),
    Unreadable,
}

impl ServiceState {
    /// Whether Cilium may announce it.
    fn may_be_ciliums(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::OfClass(class) => class != METALLB,
            Self::Unreadable => true,
        }
    }
}

fn key(which: usize) -> SubjectKey {
    let (namespace, name) = NAMES[which];
    SubjectKey::service(namespace, name)
}

fn with_class(which: usize, class: Option<&str>) -> Service {
    let base = service("any", &[V4]);
    Service { key: key(which), load_balancer_class: class.map(Into::into), ..base }
}

/// A cluster with these Services and one Lease that node b holds.
fn cluster(there: &[ServiceState]) -> Snapshot {
    let mut snapshot = without_the_lease(there);
    let lease = Lease { named: NamedNode::Node("b".into()), since: Some(UnixTime(1)), term: LeaseTerm::Running };
    snapshot.announced.leases.insert(ObjectReference::new("kube-system", LEASE), Arc::new(lease));
    snapshot
}

fn without_the_lease(there: &[ServiceState]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (which, there) in there.iter().enumerate() {
        match there {
            ServiceState::Nothing => {}
            ServiceState::OfClass(class) => {
                drop(snapshot.services.insert(key(which), Arc::new(with_class(which, *class))))
            }
            ServiceState::Unreadable => {
                let unreadable = UnreadableService { uid: service("any", &[]).uid, why: "it is too large".into() };
                snapshot.unreadable.services.insert(key(which), unreadable);
            }
        }
    }
    snapshot
}

/// What a node of this name, whose interface has the address, knows of a Service.
fn seen_from(node: &str, snapshot: &Snapshot, which: usize) -> (AddressHolder, bool, Option<String>) {
    let mut ownership = AddressOwnership::new(Owner::Auto, node, &AnnotationPrefix::default());
    ownership.set_local_addresses(LocalAddresses::from([(a(V4), AddressState::Usable)]));
    ownership.see(snapshot);
    let service = snapshot.services.get(&key(which)).unwrap();
    let object = SubjectObject::Service(Arc::clone(service));
    let subject = Subject { object, addresses: vec![a(V4)], endpoints: [].into() };
    let why_not_owner = ownership.why_not_owner(&subject, a(V4)).map(|finding| finding.message.as_str().to_owned());
    (ownership.holding(&subject, a(V4)), ownership.holds(&subject, a(V4)), why_not_owner)
}

fn node_of(snapshot: &Snapshot, which: usize) -> Option<String> {
    seen_from("elsewhere", snapshot, which).0.node.map(|node| node.to_string()).filter(|node| node != "elsewhere")
}

fn any_there() -> impl Strategy<Value = ServiceState> {
    let classes = prop::sample::select(vec![None, CILIUM, METALLB]);
    prop_oneof![2 => Just(ServiceState::Nothing), 5 => classes.prop_map(ServiceState::OfClass), 1 => Just(ServiceState::Unreadable)]
}

fn readable(there: &[ServiceState]) -> impl Iterator<Item = (usize, Option<&'static str>)> {
    there.iter().enumerate().filter_map(|(which, there)| match there {
        ServiceState::OfClass(class) => Some((which, *class)),
        ServiceState::Nothing | ServiceState::Unreadable => None,
    })
}

proptest! {
    /// Whichever Service Cilium holds the Lease for: no other one gets an address by it, and none loses one that Cilium
    /// cannot mean. One that says by its class that it is Cilium's is not to be moved by those that say nothing.
    #[test]
    fn a_lease_gives_no_service_an_address_that_cilium_did_not_mean(
        there in prop::collection::vec(any_there(), NAMES.len()),
    ) {
        let (with, without) = (cluster(&there), without_the_lease(&there));
        let fits = |which: usize| which < NAMES.len() - 1;
        let owners: Vec<usize> =
            (0..NAMES.len()).filter(|which| fits(*which) && there[*which].may_be_ciliums()).collect();
        for (which, class) in readable(&there) {
            if fits(which) && class != METALLB {
                let others = owners.iter().filter(|owner| **owner != which);
                let ranks_below = |owner: &usize| class == CILIUM && there[*owner] == ServiceState::OfClass(None);
                let is_its = others.copied().all(|owner| ranks_below(&owner));
                let named = node_of(&with, which);
                prop_assert_eq!(named.as_deref(), is_its.then_some("b"), "{:?}", key(which));
                prop_assert!(!seen_from("elsewhere", &with, which).1, "unknown is never open");
            } else {
                for node in ["b", "elsewhere"] {
                    prop_assert_eq!(seen_from(node, &with, which), seen_from(node, &without, which));
                }
            }
        }
    }

    /// What one tenant makes without a class changes nothing for a Service that has Cilium's.
    #[test]
    fn services_without_a_class_change_nothing_for_one_that_has_ciliums(others in prop::collection::vec(any::<bool>(), 2)) {
        let other = |is_there: &bool| if *is_there { ServiceState::OfClass(None) } else { ServiceState::Nothing };
        let there: Vec<ServiceState> = [ServiceState::OfClass(CILIUM)].into_iter().chain(others.iter().map(other)).collect();
        let named = node_of(&cluster(&there), 0);
        prop_assert_eq!(named.as_deref(), Some("b"));
    }
}

#[test]
fn a_lease_that_may_be_of_two_services_counts_for_neither_and_names_both() {
    let snapshot = cluster(&[ServiceState::OfClass(None), ServiceState::OfClass(None)]);
    for which in [0, 1] {
        let (holding, holds, why_not_owner) = seen_from("b", &snapshot, which);
        assert_eq!((holding.node, holding.certainty, holds), (None, Unknown, false));
        let names = if which == 0 { "a/b-c-d or Service a-b/c-d" } else { "a-b/c-d or Service a/b-c-d" };
        let because =
            format!("Lease kube-system/{LEASE} belongs to Service {names}, for which Cilium uses the same Lease name");
        assert!(why_not_owner.as_ref().is_some_and(|message| message.contains(&because)), "{why_not_owner:?}");
    }
}

#[test]
fn what_a_load_balancer_says_of_one_service_alone_comes_before_a_lease_that_may_be_anothers() {
    let mut snapshot = cluster(&[ServiceState::OfClass(None), ServiceState::OfClass(None)]);
    let status = L2Status { named: NamedNode::Node("c".into()), since: None };
    snapshot.announced.l2_statuses.entry(key(1)).or_default().insert("l2-x", Arc::new(status));
    let (holding, holds, _) = seen_from("c", &snapshot, 1);
    assert_eq!((holding.node.as_deref(), holding.certainty, holds), (Some("c"), Certain, true));
    assert!(!seen_from("c", &snapshot, 0).1, "of the other one it stays unknown");
}

#[test]
fn a_lease_that_may_be_of_two_and_has_ended_keeps_neither_from_its_interface() {
    let mut snapshot = cluster(&[ServiceState::OfClass(None), ServiceState::OfClass(None)]);
    let lease = snapshot.announced.leases.get_mut(&ObjectReference::new("kube-system", LEASE)).unwrap();
    Arc::make_mut(lease).term = LeaseTerm::Ended;
    assert!(seen_from("elsewhere", &snapshot, 0).1 && seen_from("b", &snapshot, 1).1);
}

/// It has no address, so that Cilium announces nothing for it.
#[test]
fn an_alias_of_a_name_has_no_lease_and_takes_none_from_others() {
    let mut snapshot = cluster(&[ServiceState::OfClass(None), ServiceState::OfClass(None)]);
    let alias = Service { kind: ServiceType::ExternalName, ..with_class(1, CILIUM) };
    snapshot.services.insert(key(1), Arc::new(alias));
    assert_eq!((node_of(&snapshot, 0).as_deref(), node_of(&snapshot, 1)), (Some("b"), None));
}
