//! What is asked again: what policies are shown of a Service, and nothing else. The host looks at the rest by itself.

use egressd_core::model::{Endpoint, Interest, Selection, ServiceType, TrafficPolicy};
use egressd_core::policy::Scope;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What is read: an annotation, and the labels of a team.
pub(super) fn reader() -> Member {
    annotation_policy().reading(Interest::new(&["do".to_owned()], &["team/".to_owned()]))
}

/// Denies what its operator chose by a label of the Service, which the policy itself does not read.
fn guard_of_guarded() -> Member {
    let scope = Scope { services: "guarded".parse().expect("a selector"), ..Scope::default() };
    Member { scope, ..fixed_policy(Decision::Deny).reading(Interest::default()) }
}

/// What of a Service no policy is shown.
#[derive(Clone, Debug)]
struct Unshown {
    annotations: Vec<(&'static str, &'static str)>,
    labels: Vec<&'static str>,
    created: i64,
    selection: Selection,
    spec_address: Option<&'static str>,
    hostnames: Vec<&'static str>,
    /// An endpoint that no pod can be: the host says so, and leaves it out.
    loopback: bool,
}

fn unshown() -> impl Strategy<Value = Unshown> {
    let names = vec![
        ("note", "a"),
        ("note", "b"),
        ("egressd.io/note", "a"),
        ("egressd.io/gateway", "node-a"),
        ("egressd.io/gateway-ipv6", "node-b"),
        ("kube-vip.io/active-endpoint", "10.0.0.9"),
        ("kube-vip.io/vipHost", "node-a"),
        ("kube-vip.io/vipHost", "node-b"),
        ("kube-vip.io/loadbalancerIP", "x"),
        ("kube-vip.io/Egress-Destination-Ports", "tcp:443"),
        ("egress-source-port", "tcp:443"),
        ("example.org/egress-denied-networks", "10.0.0.0/8"),
        ("kube-vip.io/egress", "true"),
    ];
    let annotations = prop::collection::vec(select(names), 0..4);
    let labels = prop::collection::vec(select(vec!["note", "kube-vip.io/egress-denied-networks", "teams"]), 0..2);
    let selection = select(vec![Selection::of([("app", "web")].into()), Selection::ByHand]);
    let spec_address = select(vec![None, Some("11.0.0.7"), Some("no address")]);
    let hostnames = select(vec![vec![], vec!["lb.example.org"]]);
    (annotations, labels, 0..3i64, selection, spec_address, hostnames, any::<bool>()).prop_map(
        |(annotations, labels, created, selection, spec_address, hostnames, loopback)| Unshown {
            annotations,
            labels,
            created,
            selection,
            spec_address,
            hostnames,
            loopback,
        },
    )
}

/// The part of the Service that the policies are shown.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    action: Option<&'static str>,
    team: Option<&'static str>,
    guarded: bool,
    kind: ServiceType,
    addresses: Vec<&'static str>,
    endpoints: Vec<&'static str>,
    ready: Option<bool>,
    traffic_policy: TrafficPolicy,
}

fn seen() -> impl Strategy<Value = Seen> {
    let action =
        select(vec![None, Some("translate"), Some("translate"), Some("gibberish"), Some("deny"), Some("trap")]);
    let team = select(vec![None, Some("a"), Some("b")]);
    let kind = prop_oneof![6 => Just(ServiceType::LoadBalancer), 1 => Just(ServiceType::ClusterIp)];
    let addresses = select(vec![vec!["11.0.0.2"], vec!["11.0.0.3"], vec!["11.0.0.2", "11.0.0.3"]]);
    let endpoints = select(vec![vec![], vec!["10.0.0.1"], vec!["10.0.0.1", "10.0.0.2"]]);
    let policies = select(vec![TrafficPolicy::Cluster, TrafficPolicy::Local]);
    let guarded = prop::bool::weighted(0.3);
    (action, team, guarded, kind, addresses, endpoints, any::<Option<bool>>(), policies).prop_map(
        |(action, team, guarded, kind, addresses, endpoints, ready, traffic_policy)| Seen {
            action,
            team,
            guarded,
            kind,
            addresses,
            endpoints,
            ready,
            traffic_policy,
        },
    )
}

impl Fixture {
    /// On a node that translates where the Service's annotation names it, which no policy reads.
    pub(super) fn reading() -> Self {
        let mut fixture = Self::with(Owner::VipHost, BTreeMap::new());
        fixture.reload([reader(), guard_of_guarded()]);
        fixture
    }

    /// Puts `web` as it is into the snapshot; returns what has to be asked.
    fn looks(&mut self, seen: &Seen, unshown: &Unshown) -> Vec<Question> {
        let mut service = service("web", &seen.addresses);
        service.annotations = unshown.annotations.iter().map(|(name, value)| (text(name), text(value))).collect();
        service.annotations.extend(seen.action.map(|action| (text("do"), text(action))));
        service.labels = unshown.labels.iter().map(|name| (text(name), text("true"))).collect();
        service.labels.extend(seen.team.map(|team| (text("team/name"), text(team))));
        service.labels.extend(seen.guarded.then(|| (text("guarded"), text(""))));
        (service.kind, service.traffic_policy) = (seen.kind, seen.traffic_policy);
        (service.created, service.selection) = (unshown.created, unshown.selection.clone());
        service.spec_address = unshown.spec_address.map(text);
        service.status_hostnames = unshown.hostnames.iter().map(|name| text(name)).collect();
        let loopback = unshown.loopback.then_some("127.0.0.1");
        let listed: Vec<&str> = seen.endpoints.iter().copied().chain(loopback).collect();
        let key = service.key.clone();
        let one = SnapshotBuilder::default().service(service, &listed).build();
        let mut slice = (*one.slices[&key]["here"]).clone();
        let with = |endpoint: &Endpoint| Endpoint { ready: seen.ready, ..endpoint.clone() };
        slice.endpoints = slice.endpoints.iter().map(with).collect();
        self.snapshot.services.extend(one.services);
        self.snapshot.slices.entry(key.clone()).or_default().insert("here".to_owned(), Arc::new(slice));
        self.pipeline.update(&self.snapshot, &[ChangeKey::Subject(key)].into())
    }

    fn outcome(&mut self) -> All {
        let round = self.pipeline.round();
        All { round, accepted: self.pipeline.accepted().clone(), drafts: self.pipeline.drafts().clone() }
    }
}

/// All that is to be noticed of a pipeline.
#[derive(Debug, PartialEq)]
struct All {
    round: Round,
    accepted: BTreeMap<Uid, Arc<Labels>>,
    drafts: BTreeMap<Uid, Arc<Draft>>,
}

fn text(text: &str) -> String {
    text.to_owned()
}

impl Seen {
    /// What of it is in a view: of a Service that can have no rules only what it says.
    fn in_view(&self) -> Self {
        let endpoints = if self.can_have_rules() { self.endpoints.clone() } else { Vec::new() };
        let addresses = if self.can_have_rules() { self.addresses.clone() } else { Vec::new() };
        let ready = self.ready.filter(|_| !endpoints.is_empty());
        Self { endpoints, addresses, ready, ..self.clone() }
    }

    /// The same with one thing as in another.
    fn with_one_of(mut self, other: &Self, which: usize) -> Self {
        match which {
            0 => self.action = other.action,
            1 => self.team = other.team,
            2 => self.guarded = other.guarded,
            3 => self.kind = other.kind,
            4 => self.addresses.clone_from(&other.addresses),
            5 => self.endpoints.clone_from(&other.endpoints),
            6 => self.ready = other.ready,
            _ => self.traffic_policy = other.traffic_policy,
        }
        self
    }

    fn can_have_rules(&self) -> bool {
        self.kind == ServiceType::LoadBalancer
    }

    /// Whether policies are asked about it, whatever else is on it.
    fn is_asked_about(&self) -> bool {
        self.can_have_rules() || self.action.is_some() || self.team.is_some()
    }
}

/// A gateway writes its name on the Service, and another one does when the address moves.
#[test]
fn a_gateway_that_comes_or_moves_is_nothing_to_ask_a_policy_about_that_reads_everything() {
    let mut fixture = Fixture::new();
    fixture.reload([annotation_policy().reading(Interest::everything())]);
    fixture.web(Some("translate"), &["10.0.0.1"]);
    for gateway in ["node-b", "node-c"] {
        let mut named = web(Some("translate"));
        for name in ["egressd.io/gateway", "egressd.io/gateway-ipv6"] {
            named.annotations.insert(name.to_owned(), gateway.to_owned());
        }
        assert_eq!(fixture.comes(named.clone(), &["10.0.0.1"]), []);
        let questions = fixture.pipeline.ask_all(fixture.chain.interest());
        let shown = questions[0].view.subject.annotations().keys().collect::<Vec<_>>();
        assert_eq!((shown, fixture.asked), (vec!["do"], 1));
    }
    let accepted = fixture.pipeline.accepted().values().flat_map(|all| all.keys().map(str::to_owned));
    assert_eq!(accepted.collect::<Vec<_>>(), ["do"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 10_000 }))]

    /// Each time they are asked again in the other world, whatever changed.
    #[test]
    fn not_asking_comes_to_what_asking_again_comes_to(
        history in prop::collection::vec((seen(), 0..16usize, unshown()), 1..10),
        first in seen(),
    ) {
        let (mut thrifty, mut asking) = (Fixture::reading(), Fixture::reading());
        let mut now = first;
        for (other, which, unshown) in history {
            now = now.with_one_of(&other, which);
            let questions = thrifty.looks(&now, &unshown);
            thrifty.ask(questions);
            drop(asking.looks(&now, &unshown));
            let questions = asking.pipeline.ask_all(asking.chain.interest());
            asking.ask(questions);
            prop_assert_eq!(thrifty.outcome(), asking.outcome());
        }
        prop_assert!(thrifty.asked <= asking.asked);
    }

    #[test]
    fn nothing_is_asked_about_what_is_not_shown_and_the_outcome_is_that_of_the_newest_state(
        seen in seen(), before in unshown(), after in unshown(),
    ) {
        prop_assume!(seen.is_asked_about());
        let mut fixture = Fixture::reading();
        let questions = fixture.looks(&seen, &before);
        fixture.ask(questions);
        prop_assert_eq!(fixture.looks(&seen, &after), []);
        let mut fresh = Fixture::reading();
        let questions = fresh.looks(&seen, &after);
        let round = fresh.ask(questions);
        // What is wrong now leaves in force what was accepted before.
        if state(&round) != State::Invalid {
            prop_assert_eq!(fixture.outcome(), fresh.outcome());
        }
    }

    #[test]
    fn what_is_shown_is_asked_about(
        before in seen(), other in seen(), which in 0..8usize, (unshown_before, unshown_after) in (unshown(), unshown()),
    ) {
        let after = before.clone().with_one_of(&other, which);
        prop_assume!(before.is_asked_about() && after.is_asked_about());
        let mut fixture = Fixture::reading();
        let questions = fixture.looks(&before, &unshown_before);
        fixture.ask(questions);
        let asked = fixture.looks(&after, &unshown_after).len();
        prop_assert_eq!(asked, usize::from(before.in_view() != after.in_view()));
    }
}
