//! Any history of a server, however a follower sees it.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

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
    /// It is refused for a while, and misses nothing.
    Refuse(Kind),
    /// It is not refused any more.
    Admit(Kind),
}

fn any_object() -> impl Strategy<Value = (Kind, Reading)> {
    let any_of = |names: &'static [&'static str]| prop::sample::select(names);
    prop_oneof![
        (any_of(&["web", "dns", "mail"]), any_of(&["1", "2"])).prop_map(|(of, uid)| (Kind::Services, service(of, uid))),
        (any_of(&["s-1", "s-2", "s-3"]), any_of(&["web", "dns"]), 1..3_u8)
            .prop_map(|(of, service, pod)| (Kind::Slices, slice(of, service, pod))),
        (any_of(&["s-1", "s-2"]), any_of(&["web"])).prop_map(|(of, service)| {
            (Kind::Slices, Reading { content: Content::Nothing, ..slice(of, service, 1) })
        }),
        (any_of(&["a", "b"]), any_of(&["x", "y"])).prop_map(|(of, label)| (Kind::Nodes, node(of, label))),
        (any_of(&["a", "b"]), 1..3_u8).prop_map(|(of, last)| (Kind::EgressNodes, egress_node(of, last))),
        (any_of(&["shop", "hr"]), any_of(&["x", "y"])).prop_map(|(of, label)| (Kind::Namespaces, namespace(of, label))),
        (any_of(&["p", "q"]), any_of(&["{}", "[]"])).prop_map(|(of, settings)| (Kind::Policies, policy(of, settings))),
        (any_of(&["shop", "hr"]), any_of(&["x", "y"]), prop::sample::select(&PODS[..]))
            .prop_map(|(namespace, of, last)| (Kind::Pods, pod(namespace, of, last))),
        (any_of(&["shop", "hr"]), any_of(&["x", "y"]))
            .prop_map(|(namespace, of)| (Kind::Pods, pod_without_address(namespace, of))),
    ]
}

fn egress_node(of: &str, last: u8) -> Reading {
    let (addresses, mark) = ([[192, 0, 2, last].into()].into(), Mark::of(&last.to_string()));
    good(
        name("", of),
        Object::EgressNode(of.to_owned(), Arc::new(EgressNode { addresses, mark, ..EgressNode::default() })),
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(&Kind::FOLLOWED[..]);
    prop_oneof![
        6 => any_object().prop_map(|(kind, reading)| Step::Put(kind, reading)),
        3 => any::<Index>().prop_map(Step::Delete),
        1 => kind().prop_map(Step::Lose),
        2 => (kind(), 0..3_usize).prop_map(|(kind, broken_off)| Step::List(kind, broken_off)),
        1 => kind().prop_map(Step::Refuse),
        1 => kind().prop_map(Step::Admit),
    ]
}

/// A server, and a state that follows it.
struct ServerFixture {
    objects: BTreeMap<(Kind, ObjectReference), Reading>,
    lost: BTreeSet<Kind>,
    state: State,
}

impl Default for ServerFixture {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), lost: BTreeSet::new(), state: State::of(Kind::FOLLOWED) }
    }
}

impl ServerFixture {
    fn step(&mut self, step: Step) {
        match step {
            Step::Put(kind, reading) => {
                self.objects.insert((kind, reading.name.clone()), reading.clone());
                self.send(kind, Event::Changed(reading));
            }
            Step::Delete(index) if !self.objects.is_empty() => {
                let (kind, name) = index.get(&self.objects.keys().cloned().collect::<Vec<_>>()).clone();
                self.objects.remove(&(kind, name.clone()));
                self.send(kind, Event::Gone(name));
            }
            Step::Delete(_) => {}
            Step::Lose(kind) => {
                self.lost.insert(kind);
            }
            Step::Refuse(kind) => self.state.interrupted(kind),
            Step::Admit(kind) => self.state.resumed(kind),
            Step::List(kind, broken_off) => {
                self.state.apply(kind, Event::Begin);
                let listed = self.of(kind);
                listed.iter().take(broken_off).for_each(|one| self.state.apply(kind, Event::Listed(one.clone())));
                list(&mut self.state, kind, &listed);
                self.lost.remove(&kind);
            }
        }
    }

    fn send(&mut self, kind: Kind, event: Event) {
        if !self.lost.contains(&kind) {
            self.state.apply(kind, event);
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
        let (mut fixture, mut mirror) = (ServerFixture::default(), mirror_of(&Snapshot::default()));
        for (step, hand_over) in steps {
            fixture.step(step);
            if hand_over {
                mirror = mirrored(mirror, fixture.state.update());
                prop_assert_eq!(&mirror, &mirror_of(&fixture.state.snapshot));
            }
        }
        let mut listed = State::of(Kind::FOLLOWED);
        for kind in Kind::FOLLOWED {
            list(&mut listed, kind, &fixture.of(kind));
            fixture.step(Step::List(kind, 0));
        }
        prop_assert_eq!(&fixture.state.snapshot, &listed.snapshot);
        prop_assert_eq!(&mirrored(mirror, fixture.state.update()), &mirror_of(&listed.snapshot));
    }
}

/// What a reader knows that reads only what the keys name.
fn mirrored(Mirror { snapshot: mut mirror, mut whose, mut without_address }: Mirror, update: Option<Update>) -> Mirror {
    let Update { snapshot, keys, .. } =
        update.unwrap_or_else(|| Update { snapshot: mirror.clone(), ..Update::default() });
    for key in keys {
        match key {
            ChangeKey::Subject(key) => {
                mirror.services = mirror.services.alter(|_| snapshot.services.get(&key).cloned(), key.clone());
                mirror.slices = mirror.slices.alter(|_| snapshot.slices.get(&key).cloned(), key.clone());
            }
            ChangeKey::Namespace(key) => {
                mirror.namespaces = mirror.namespaces.alter(|_| snapshot.namespaces.get(&key).cloned(), key.clone());
            }
            ChangeKey::Cluster => {
                mirror.nodes = snapshot.nodes.clone();
                mirror.service_networks = snapshot.service_networks.clone();
            }
            ChangeKey::Pod(address) => {
                whose.insert(address, whose_is(&snapshot, address));
            }
            ChangeKey::PodWithoutAddress(name) => {
                without_address.remove(&name);
                without_address.extend(all_without_address(&snapshot).take(&name));
            }
            ChangeKey::Pods => {
                (whose, without_address) = (whose_all_are(&snapshot), all_without_address(&snapshot));
            }
            ChangeKey::EgressNodes => mirror.egress_nodes = snapshot.egress_nodes.clone(),
            ChangeKey::Announced => mirror.announced = snapshot.announced.clone(),
            ChangeKey::Policy(key) => {
                mirror.policies = mirror.policies.alter(|_| snapshot.policies.get(&key).cloned(), key.clone());
            }
        }
    }
    Mirror { snapshot: mirror, whose, without_address }
}

/// Everything but pods, and whose the addresses of pods are.
#[derive(Debug, PartialEq)]
struct Mirror {
    snapshot: Snapshot,
    whose: BTreeMap<IpAddr, String>,
    without_address: BTreeSet<ObjectReference>,
}

fn mirror_of(snapshot: &Snapshot) -> Mirror {
    let (whose, without_address) = (whose_all_are(snapshot), all_without_address(snapshot));
    Mirror { snapshot: Snapshot { pods: KnownPods::default(), ..snapshot.clone() }, whose, without_address }
}

fn whose_all_are(snapshot: &Snapshot) -> BTreeMap<IpAddr, String> {
    PODS.map(|last| IpAddr::from([10, 0, 0, last])).map(|address| (address, whose_is(snapshot, address))).into()
}

fn all_without_address(snapshot: &Snapshot) -> BTreeSet<ObjectReference> {
    let Some(pods) = snapshot.pods.table() else { return BTreeSet::new() };
    let all = pods.names().filter_map(|name| pods.get(name));
    all.filter(|pod| pod.held().is_empty()).map(|pod| pod.name.clone()).collect()
}
