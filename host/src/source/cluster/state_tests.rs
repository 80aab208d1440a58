#![expect(clippy::expect_used, reason = "tests")]

use std::net::IpAddr;

use super::*;
use egressd_core::model::{
    EgressNode, Endpoint, Labels, ManagedBy, Mark, Node, Phase, Pod, PodNetwork, PolicyObject, Service, ServiceType,
    Slice, TrafficPolicy, Uid,
};

#[path = "state_claims_tests.rs"]
mod claims;
#[path = "state_history_tests.rs"]
mod history;
#[path = "state_networks_tests.rs"]
mod networks;
#[path = "state_start_tests.rs"]
mod start;

fn name(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference::new(namespace, name)
}

fn good(name: ObjectReference, object: Object) -> Reading {
    Reading { name, uid: None, faults: vec![], content: Content::Object(object) }
}

pub(in super::super) fn service(of: &str, uid: &str) -> Reading {
    let service = Service {
        key: SubjectKey::service("shop", of),
        uid: Uid::new(uid).expect("a uid"),
        created: 0,
        kind: ServiceType::LoadBalancer,
        labels: Labels::new(),
        annotations: Labels::new(),
        load_balancer_class: None,
        status_addresses: vec![],
        status_hostnames: vec![],
        spec_address: None,
        selection: egressd_core::model::Selection::ByHand,
        cluster_addresses: vec![],
        traffic_policy: TrafficPolicy::Cluster,
        families: vec![],
        ports: vec![],
        kube_vip_wrote: None,
    };
    Reading { uid: Some(uid.to_owned()), ..good(name("shop", of), Object::Service(Arc::new(service))) }
}

pub(in super::super) fn slice(of: &str, service: &str, pod: u8) -> Reading {
    let endpoint = Endpoint {
        address: [10, 0, 0, pod].into(),
        node: None,
        pod: None,
        ready: None,
        serving: None,
        terminating: None,
    };
    let service = SubjectKey::service("shop", service);
    let slice = Slice { service, made_by: ManagedBy::Controller, endpoints: [endpoint].into() };
    good(name("shop", of), Object::Slice(of.to_owned(), Arc::new(slice)))
}

fn node(of: &str, label: &str) -> Reading {
    let node = Node { labels: [("l".to_owned(), label.to_owned())].into(), ..Node::default() };
    good(name("", of), Object::Node(of.to_owned(), Arc::new(node), Arguments::new()))
}

pub(in super::super) fn namespace(of: &str, label: &str) -> Reading {
    let labels = Labels::from([("l".to_owned(), label.to_owned())]);
    good(name("", of), Object::Namespace(of.to_owned(), Arc::new(labels.into())))
}

fn policy(of: &str, settings: &str) -> Reading {
    let policy = PolicyObject { name: of.to_owned(), settings: Some(settings.to_owned()), ..PolicyObject::default() };
    good(name("", of), Object::Policy("egressd".to_owned(), Arc::new(policy)))
}

/// The last bytes of the addresses that pods have.
const PODS: [u8; 2] = [1, 2];

fn pod(namespace: &str, of: &str, last: u8) -> Reading {
    let pod = Pod {
        name: name(namespace, of),
        uid: Uid::new("1").expect("a uid"),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: vec![[10, 0, 0, last].into()],
        labels: Labels::new(),
        started: None,
    };
    Reading { uid: Some("1".to_owned()), ..good(name(namespace, of), Object::Pod(Arc::new(pod))) }
}

fn pod_without_address(namespace: &str, of: &str) -> Reading {
    let Content::Object(Object::Pod(pod)) = pod(namespace, of, 1).content else { unreachable!("it is a pod") };
    let pod = Pod { addresses: vec![], ..(*pod).clone() };
    Reading { uid: Some("1".to_owned()), ..good(name(namespace, of), Object::Pod(Arc::new(pod))) }
}

/// Whose an address is, as the namespace `shop` sees it.
fn whose_is(snapshot: &Snapshot, address: IpAddr) -> String {
    match &snapshot.pods {
        KnownPods::NotWatched => "not watched".to_owned(),
        KnownPods::Complete(pods) => format!("{:?}", pods.whose(address, "shop")),
        KnownPods::LastKnown(pods) => format!("last {:?}", pods.whose(address, "shop")),
    }
}

fn unreadable(reading: &Reading, uid: &str) -> Reading {
    let content = Content::Unreadable("spec.type \"Loud\" is not ClusterIP".to_owned());
    Reading { content, uid: Some(uid.to_owned()), name: reading.name.clone(), faults: vec![] }
}

fn list(state: &mut State, kind: Kind, readings: &[Reading]) {
    state.apply(kind, Event::Begin);
    readings.iter().for_each(|reading| state.apply(kind, Event::Listed(reading.clone())));
    state.apply(kind, Event::Complete);
}

/// The keys of everything that changed, as text.
fn keys(state: &mut State) -> Vec<String> {
    let update = state.update().unwrap_or_default();
    let text = |key: &ChangeKey| match key {
        ChangeKey::Subject(service) => service.to_string(),
        ChangeKey::Namespace(name) => format!("namespace {name}"),
        ChangeKey::Cluster => "cluster".to_owned(),
        ChangeKey::Policy(name) => format!("policy {name}"),
        ChangeKey::Pod(address) => format!("pod {address}"),
        ChangeKey::PodWithoutAddress(pod) => format!("pod {}/{} without an address", pod.namespace, pod.name),
        ChangeKey::Pods => "pods".to_owned(),
        ChangeKey::Announced => "announced".to_owned(),
        ChangeKey::EgressNodes => "egressnodes".to_owned(),
    };
    update.keys.iter().map(text).collect()
}

#[test]
fn it_is_complete_when_every_kind_was_listed_even_if_there_is_none() {
    let mut state = State::of(Kind::FOLLOWED);
    for kind in Kind::FOLLOWED {
        assert!(!state.is_complete());
        list(&mut state, kind, &[]);
    }
    assert!(state.is_complete());
}

#[test]
fn a_slice_that_moves_to_another_service_gives_both_keys() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Slices, &[slice("s-1", "web", 1), slice("s-2", "web", 2)]);
    assert_eq!(keys(&mut state), ["shop/web"]);
    state.apply(Kind::Slices, Event::Changed(slice("s-1", "dns", 1)));
    assert_eq!(keys(&mut state), ["shop/dns", "shop/web"]);
    assert_eq!(state.snapshot.slices[&SubjectKey::service("shop", "web")].len(), 1);
    state.apply(Kind::Slices, Event::Gone(name("shop", "s-1")));
    assert_eq!(keys(&mut state), ["shop/dns"]);
    assert_eq!(state.snapshot.slices.len(), 1);
}

#[test]
fn a_slice_that_loses_its_label_belongs_to_no_service() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Slices, &[slice("s-1", "web", 1)]);
    keys(&mut state);
    let unlabelled = Reading { content: Content::Nothing, ..slice("s-1", "web", 1) };
    state.apply(Kind::Slices, Event::Changed(unlabelled));
    assert_eq!(keys(&mut state), ["shop/web"]);
    assert!(state.snapshot.slices.is_empty());
}

#[test]
fn while_a_list_runs_the_old_state_stays_and_its_end_removes_what_is_gone() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Services, &[service("web", "1"), service("dns", "2")]);
    keys(&mut state);
    state.apply(Kind::Services, Event::Begin);
    state.apply(Kind::Services, Event::Listed(service("dns", "2")));
    assert_eq!(keys(&mut state), Vec::<String>::new());
    // It breaks off, and begins again.
    state.apply(Kind::Services, Event::Begin);
    state.apply(Kind::Services, Event::Listed(service("mail", "3")));
    state.apply(Kind::Services, Event::Complete);
    assert_eq!(keys(&mut state), ["shop/dns", "shop/mail", "shop/web"]);
    assert_eq!(state.snapshot.services.len(), 1);
}

#[test]
fn what_did_not_change_gives_no_key() {
    let mut state = State::of(Kind::FOLLOWED);
    let objects = [node("a", "x"), node("b", "x")];
    list(&mut state, Kind::Nodes, &objects);
    assert_eq!(keys(&mut state), ["cluster"]);
    list(&mut state, Kind::Nodes, &objects);
    state.apply(Kind::Nodes, Event::Changed(node("a", "x")));
    assert_eq!(state.update().map(|update| update.keys), None);
}

#[test]
fn whether_egress_nodes_are_read_is_known_from_the_end_of_a_list_to_the_next_refusal() {
    let mut state = State::of(Kind::FOLLOWED);
    let kind = Kind::EgressNodes;
    let followed = |state: &State| state.snapshot.egress_nodes.followed;
    state.resumed(kind);
    state.apply(kind, Event::Begin);
    state.resumed(kind);
    assert_eq!(followed(&state), ReadState::No);
    state.apply(kind, Event::Complete);
    assert_eq!(followed(&state), ReadState::Yes);
    state.interrupted(kind);
    assert_eq!(followed(&state), ReadState::No);
    state.resumed(kind);
    assert_eq!(followed(&state), ReadState::Yes);
    state.apply(kind, Event::Absent);
    state.resumed(kind);
    assert_eq!(followed(&state), ReadState::Absent, "an answer that there are none");
    list(&mut state, kind, &[]);
    assert_eq!(followed(&state), ReadState::Yes);
}

#[test]
fn namespaces_and_policies_come_and_go_by_their_own_keys() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Namespaces, &[namespace("shop", "x")]);
    list(&mut state, Kind::Policies, &[policy("guard", "{}")]);
    assert_eq!(keys(&mut state), ["namespace shop", "policy guard"]);
    state.apply(Kind::Namespaces, Event::Gone(name("", "shop")));
    list(&mut state, Kind::Policies, &[]);
    assert_eq!(keys(&mut state), ["namespace shop", "policy guard"]);
    assert_eq!(state.snapshot, Snapshot::default());
}

#[test]
fn what_cannot_be_read_keeps_its_last_valid_state_and_is_reported() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Services, &[service("web", "1")]);
    keys(&mut state);
    state.apply(Kind::Services, Event::Changed(unreadable(&service("web", "1"), "1")));
    list(&mut state, Kind::Services, &[unreadable(&service("web", "1"), "1")]);
    assert_eq!(keys(&mut state), Vec::<String>::new());
    assert_eq!(
        state.findings()[0].message,
        "services: shop/web cannot be read: spec.type \"Loud\" is not ClusterIP; its last good state stays in force"
    );
    state.apply(Kind::Services, Event::Gone(name("shop", "web")));
    assert!(state.findings().is_empty());
    assert_eq!(keys(&mut state), ["shop/web"]);
}

/// P5: a Service deleted while nothing looked, and another one of its name.
#[test]
fn the_last_good_state_of_a_deleted_service_is_not_restored_for_one_of_its_name() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Services, &[service("web", "1")]);
    keys(&mut state);
    list(&mut state, Kind::Services, &[unreadable(&service("web", "2"), "2")]);
    assert_eq!(keys(&mut state), ["shop/web"]);
    assert!(state.snapshot.services.is_empty());
    assert_eq!(state.findings().len(), 1);
}

#[test]
fn pods_are_known_once_they_were_listed_and_last_known_while_they_cannot_be_read() {
    let mut state = State::of(Kind::FOLLOWED);
    let known = |state: &State| whose_is(&state.snapshot, [10, 0, 0, 1].into());
    state.apply(Kind::Pods, Event::Begin);
    state.apply(Kind::Pods, Event::Listed(pod("hr", "x", 1)));
    state.interrupted(Kind::Pods);
    assert_eq!((known(&state), keys(&mut state)), ("not watched".to_owned(), vec![]));
    list(&mut state, Kind::Pods, &[pod("hr", "x", 1)]);
    assert_eq!(
        (known(&state).as_str(), keys(&mut state)),
        ("Foreign(\"hr\")", vec!["pod 10.0.0.1".into(), "pods".into()])
    );
    state.interrupted(Kind::Nodes);
    state.interrupted(Kind::Pods);
    assert_eq!((known(&state).as_str(), keys(&mut state)), ("last Foreign(\"hr\")", vec!["pods".into()]));
    // Of a list that has begun the end counts.
    state.apply(Kind::Pods, Event::Begin);
    state.resumed(Kind::Pods);
    assert_eq!((known(&state).as_str(), keys(&mut state)), ("last Foreign(\"hr\")", vec![]));
    state.apply(Kind::Pods, Event::Complete);
    assert_eq!((known(&state).as_str(), keys(&mut state)), ("Unknown", vec!["pod 10.0.0.1".into(), "pods".into()]));
}

/// A runtime may announce its addresses before the object is known.
#[test]
fn a_pod_is_news_before_it_has_an_address_too() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Pods, &[]);
    assert_eq!(keys(&mut state), ["pods"]);
    for _ in 0..2 {
        state.apply(Kind::Pods, Event::Changed(pod_without_address("hr", "x")));
        assert_eq!(keys(&mut state), ["pod hr/x without an address"]);
        state.apply(Kind::Pods, Event::Changed(pod_without_address("hr", "x")));
        assert!(keys(&mut state).is_empty(), "nothing changed");
        state.apply(Kind::Pods, Event::Changed(pod("hr", "x", 1)));
        assert_eq!(keys(&mut state), ["pod 10.0.0.1", "pod hr/x without an address"]);
        state.apply(Kind::Pods, Event::Changed(pod_without_address("hr", "x")));
        assert_eq!(keys(&mut state), ["pod 10.0.0.1", "pod hr/x without an address"]);
        state.apply(Kind::Pods, Event::Gone(name("hr", "x")));
        assert_eq!(keys(&mut state), ["pod hr/x without an address"]);
    }
}

/// An installation without the right has everything else.
#[test]
fn pods_that_may_not_be_read_are_not_waited_for() {
    let mut state = State::of(Kind::FOLLOWED);
    Kind::FOLLOWED.into_iter().filter(|kind| *kind != Kind::Pods).for_each(|kind| list(&mut state, kind, &[]));
    assert!(!state.is_complete());
    state.interrupted(Kind::Pods);
    assert!(!state.is_complete());
    state.forgo(Kind::Pods);
    assert!(state.is_complete());
}

#[test]
fn an_unreadable_pod_does_not_keep_the_state_of_an_earlier_one_of_its_name() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, Kind::Pods, &[pod("shop", "x", 1)]);
    state.apply(Kind::Pods, Event::Changed(unreadable(&pod("shop", "x", 1), "1")));
    assert_eq!(state.pods.names().count(), 1);
    state.apply(Kind::Pods, Event::Changed(unreadable(&pod("shop", "x", 1), "2")));
    assert_eq!(state.pods.names().count(), 0);
}
