#![expect(clippy::expect_used, reason = "tests")]

use egressd_core::model::{Endpoint, Labels, Node, PolicyObject, Service, ServiceKind, TrafficPolicy, Uid};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn name(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn good(name: ObjectReference, object: Object) -> Reading {
    Reading { name, uid: None, content: Content::Object(object) }
}

fn service(of: &str, uid: &str) -> Reading {
    let service = Service {
        key: ServiceKey::new("shop", of),
        uid: Uid::new(uid).expect("a uid"),
        created: 0,
        kind: ServiceKind::LoadBalancer,
        labels: Labels::new(),
        annotations: Labels::new(),
        load_balancer_class: None,
        status_addresses: vec![],
        status_hostnames: vec![],
        spec_address: None,
        cluster_addresses: vec![],
        traffic_policy: TrafficPolicy::Cluster,
        families: vec![],
        ports: vec![],
        kube_vip_wrote: None,
    };
    Reading { uid: Some(uid.to_owned()), ..good(name("shop", of), Object::Service(Arc::new(service))) }
}

fn slice(of: &str, service: &str, pod: u8) -> Reading {
    let endpoint = Endpoint {
        address: [10, 0, 0, pod].into(),
        node: None,
        pod: None,
        ready: None,
        serving: None,
        terminating: None,
    };
    let slice = Slice { service: ServiceKey::new("shop", service), endpoints: vec![endpoint] };
    good(name("shop", of), Object::Slice(of.to_owned(), Arc::new(slice)))
}

fn node(of: &str, label: &str) -> Reading {
    let node = Node { labels: [("l".to_owned(), label.to_owned())].into(), ..Node::default() };
    good(name("", of), Object::Node(of.to_owned(), Arc::new(node)))
}

fn namespace(of: &str, label: &str) -> Reading {
    let labels = Arc::new([("l".to_owned(), label.to_owned())].into());
    good(name("", of), Object::Namespace(of.to_owned(), labels))
}

fn policy(of: &str, settings: &str) -> Reading {
    let policy = PolicyObject { name: of.to_owned(), settings: Some(settings.to_owned()), ..PolicyObject::default() };
    good(name("", of), Object::Policy("egressd".to_owned(), Arc::new(policy)))
}

fn unreadable(reading: &Reading, uid: &str) -> Reading {
    let content = Content::Unreadable("spec.type \"Loud\" is not ClusterIP".to_owned());
    Reading { content, uid: Some(uid.to_owned()), name: reading.name.clone() }
}

fn list(state: &mut State, kind: Kind, readings: &[Reading]) {
    state.take(kind, Event::Begin);
    readings.iter().for_each(|reading| state.take(kind, Event::Listed(reading.clone())));
    state.take(kind, Event::Complete);
}

/// The keys of everything that changed, as text.
fn keys(state: &mut State) -> Vec<String> {
    let update = state.update().unwrap_or_default();
    let text = |key: &Key| match key {
        Key::Service(service) => service.to_string(),
        Key::Namespace(name) => format!("namespace {name}"),
        Key::Cluster => "cluster".to_owned(),
        Key::Policy(name) => format!("policy {name}"),
    };
    update.keys.iter().map(text).collect()
}

#[test]
fn it_is_complete_when_every_kind_was_listed_even_if_there_is_none() {
    let mut state = State::default();
    for kind in Kind::ALL {
        assert!(!state.is_complete());
        list(&mut state, kind, &[]);
    }
    assert!(state.is_complete());
}

#[test]
fn a_slice_that_moves_to_another_service_gives_both_keys() {
    let mut state = State::default();
    list(&mut state, Kind::Slices, &[slice("s-1", "web", 1), slice("s-2", "web", 2)]);
    assert_eq!(keys(&mut state), ["shop/web"]);
    state.take(Kind::Slices, Event::Changed(slice("s-1", "dns", 1)));
    assert_eq!(keys(&mut state), ["shop/dns", "shop/web"]);
    assert_eq!(state.snapshot.slices[&ServiceKey::new("shop", "web")].len(), 1);
    state.take(Kind::Slices, Event::Gone(name("shop", "s-1")));
    assert_eq!(keys(&mut state), ["shop/dns"]);
    assert_eq!(state.snapshot.slices.len(), 1);
}

#[test]
fn a_slice_that_loses_its_label_belongs_to_nobody() {
    let mut state = State::default();
    list(&mut state, Kind::Slices, &[slice("s-1", "web", 1)]);
    keys(&mut state);
    let nobodys = Reading { content: Content::Nothing, ..slice("s-1", "web", 1) };
    state.take(Kind::Slices, Event::Changed(nobodys));
    assert_eq!(keys(&mut state), ["shop/web"]);
    assert!(state.snapshot.slices.is_empty());
}

#[test]
fn while_a_list_runs_the_old_state_stays_and_its_end_removes_what_is_gone() {
    let mut state = State::default();
    list(&mut state, Kind::Services, &[service("web", "1"), service("dns", "2")]);
    keys(&mut state);
    state.take(Kind::Services, Event::Begin);
    state.take(Kind::Services, Event::Listed(service("dns", "2")));
    assert_eq!(keys(&mut state), Vec::<String>::new());
    // It breaks off, and begins again.
    state.take(Kind::Services, Event::Begin);
    state.take(Kind::Services, Event::Listed(service("mail", "3")));
    state.take(Kind::Services, Event::Complete);
    assert_eq!(keys(&mut state), ["shop/dns", "shop/mail", "shop/web"]);
    assert_eq!(state.snapshot.services.len(), 1);
}

#[test]
fn what_did_not_change_gives_no_key() {
    let mut state = State::default();
    let objects = [node("a", "x"), node("b", "x")];
    list(&mut state, Kind::Nodes, &objects);
    assert_eq!(keys(&mut state), ["cluster"]);
    list(&mut state, Kind::Nodes, &objects);
    state.take(Kind::Nodes, Event::Changed(node("a", "x")));
    assert_eq!(state.update().map(|update| update.keys), None);
}

#[test]
fn namespaces_and_policies_come_and_go_by_their_own_keys() {
    let mut state = State::default();
    list(&mut state, Kind::Namespaces, &[namespace("shop", "x")]);
    list(&mut state, Kind::Policies, &[policy("guard", "{}")]);
    assert_eq!(keys(&mut state), ["namespace shop", "policy guard"]);
    state.take(Kind::Namespaces, Event::Gone(name("", "shop")));
    list(&mut state, Kind::Policies, &[]);
    assert_eq!(keys(&mut state), ["namespace shop", "policy guard"]);
    assert_eq!(state.snapshot, Snapshot::default());
}

#[test]
fn what_cannot_be_read_keeps_its_last_good_state_and_is_told() {
    let mut state = State::default();
    list(&mut state, Kind::Services, &[service("web", "1")]);
    keys(&mut state);
    state.take(Kind::Services, Event::Changed(unreadable(&service("web", "1"), "1")));
    list(&mut state, Kind::Services, &[unreadable(&service("web", "1"), "1")]);
    assert_eq!(keys(&mut state), Vec::<String>::new());
    assert_eq!(
        state.findings()[0].message,
        "services: shop/web cannot be read: spec.type \"Loud\" is not ClusterIP; its last good state stays in force"
    );
    state.take(Kind::Services, Event::Gone(name("shop", "web")));
    assert!(state.findings().is_empty());
    assert_eq!(keys(&mut state), ["shop/web"]);
}

/// P5: a Service deleted while nobody looked, and another one of its name.
#[test]
fn the_last_good_state_of_an_earlier_life_is_nobodys() {
    let mut state = State::default();
    list(&mut state, Kind::Services, &[service("web", "1")]);
    keys(&mut state);
    list(&mut state, Kind::Services, &[unreadable(&service("web", "2"), "2")]);
    assert_eq!(keys(&mut state), ["shop/web"]);
    assert!(state.snapshot.services.is_empty());
    assert_eq!(state.findings().len(), 1);
}

/// What happens on a server, and how a follower sees it.
#[derive(Clone, Debug)]
enum Step {
    /// An object comes or changes.
    Put(Kind, Reading),
    /// An object goes, if there is one.
    Delete(Index),
    /// The follower of a kind loses the server: it sees nothing until the next list.
    Lose(Kind),
    /// It lists everything; some of that may have been begun before, and broken off.
    List(Kind, usize),
}

fn any_object() -> impl Strategy<Value = (Kind, Reading)> {
    let one = |names: &'static [&'static str]| prop::sample::select(names);
    prop_oneof![
        (one(&["web", "dns", "mail"]), one(&["1", "2"])).prop_map(|(of, uid)| (Kind::Services, service(of, uid))),
        (one(&["s-1", "s-2", "s-3"]), one(&["web", "dns"]), 1..3_u8)
            .prop_map(|(of, service, pod)| (Kind::Slices, slice(of, service, pod))),
        (one(&["s-1", "s-2"]), one(&["web"])).prop_map(|(of, service)| {
            (Kind::Slices, Reading { content: Content::Nothing, ..slice(of, service, 1) })
        }),
        (one(&["a", "b"]), one(&["x", "y"])).prop_map(|(of, label)| (Kind::Nodes, node(of, label))),
        (one(&["shop", "hr"]), one(&["x", "y"])).prop_map(|(of, label)| (Kind::Namespaces, namespace(of, label))),
        (one(&["p", "q"]), one(&["{}", "[]"])).prop_map(|(of, settings)| (Kind::Policies, policy(of, settings))),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(&Kind::ALL[..]);
    prop_oneof![
        6 => any_object().prop_map(|(kind, reading)| Step::Put(kind, reading)),
        3 => any::<Index>().prop_map(Step::Delete),
        1 => kind().prop_map(Step::Lose),
        2 => (kind(), 0..3_usize).prop_map(|(kind, broken_off)| Step::List(kind, broken_off)),
    ]
}

/// A server, and a state that follows it.
#[derive(Default)]
struct World {
    objects: BTreeMap<(Kind, ObjectReference), Reading>,
    lost: BTreeSet<Kind>,
    state: State,
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Put(kind, reading) => {
                self.objects.insert((kind, reading.name.clone()), reading.clone());
                self.tell(kind, Event::Changed(reading));
            }
            Step::Delete(index) if !self.objects.is_empty() => {
                let (kind, name) = index.get(&self.objects.keys().cloned().collect::<Vec<_>>()).clone();
                self.objects.remove(&(kind, name.clone()));
                self.tell(kind, Event::Gone(name));
            }
            Step::Delete(_) => {}
            Step::Lose(kind) => {
                self.lost.insert(kind);
            }
            Step::List(kind, broken_off) => {
                self.state.take(kind, Event::Begin);
                let listed = self.of(kind);
                listed.iter().take(broken_off).for_each(|one| self.state.take(kind, Event::Listed(one.clone())));
                list(&mut self.state, kind, &listed);
                self.lost.remove(&kind);
            }
        }
    }

    fn tell(&mut self, kind: Kind, event: Event) {
        if !self.lost.contains(&kind) {
            self.state.take(kind, event);
        }
    }

    fn of(&self, kind: Kind) -> Vec<Reading> {
        self.objects.iter().filter(|((of, _), _)| *of == kind).map(|(_, reading)| reading.clone()).collect()
    }
}

proptest! {
    /// Whatever was missed and however it was learned: in the end it is what one list of everything says, and whoever
    /// looked only at the keys of each hand-over has missed nothing.
    #[test]
    fn any_history_ends_in_what_a_list_of_everything_says(
        steps in prop::collection::vec((any_step(), any::<bool>()), 0..60),
    ) {
        let (mut world, mut mirror) = (World::default(), Snapshot::default());
        for (step, hand_over) in steps {
            world.step(step);
            if hand_over {
                mirror = mirrored(mirror, world.state.update());
                prop_assert_eq!(&mirror, &world.state.snapshot);
            }
        }
        let mut listed = State::default();
        for kind in Kind::ALL {
            list(&mut listed, kind, &world.of(kind));
            world.step(Step::List(kind, 0));
        }
        prop_assert_eq!(&world.state.snapshot, &listed.snapshot);
        prop_assert_eq!(&mirrored(mirror, world.state.update()), &listed.snapshot);
    }
}

/// What somebody knows who reads only what the keys name.
fn mirrored(mut mirror: Snapshot, update: Option<Update>) -> Snapshot {
    let Update { snapshot, keys, .. } =
        update.unwrap_or_else(|| Update { snapshot: mirror.clone(), ..Update::default() });
    for key in keys {
        match key {
            Key::Service(key) => {
                mirror.services = mirror.services.alter(|_| snapshot.services.get(&key).cloned(), key.clone());
                mirror.slices = mirror.slices.alter(|_| snapshot.slices.get(&key).cloned(), key.clone());
            }
            Key::Namespace(key) => {
                mirror.namespaces = mirror.namespaces.alter(|_| snapshot.namespaces.get(&key).cloned(), key.clone());
            }
            Key::Cluster => {
                mirror.nodes = snapshot.nodes.clone();
                mirror.service_networks = snapshot.service_networks.clone();
            }
            Key::Policy(key) => {
                mirror.policies = mirror.policies.alter(|_| snapshot.policies.get(&key).cloned(), key.clone());
            }
        }
    }
    mirror
}
