//! Whose pod it is: a pod that Services of several namespaces list, and an address that several have (P13).
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::chain::{ChainDecision, ChainResult};
use egressd_core::decision::{Draft, Rule};
use egressd_core::model::{ChangeKey, Endpoint, ObjectReference, Service, Slice, Snapshot, SubjectKey, Uid};
use egressd_core::net::{PortRange, Protocol};
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::pipeline::{Pipeline, Round, Settings};
use egressd_core::plan::SharedAddresses;
use egressd_core::testkit::{Packet, RuleParts, Seen, SnapshotBuilder, a, n, rule, service, settings, trace};

const POD: &str = "10.0.0.1";
const OUTSIDE: &str = "203.0.113.9";

/// A Service, the pod that its endpoint names, and what its policy asks for.
#[derive(Clone, Debug)]
struct Tenant {
    service: Service,
    target: Option<(&'static str, &'static str)>,
    kind: RuleKind,
}

/// How specific a Service is.
#[derive(Clone, Copy, Debug)]
enum RuleKind {
    Plain,
    Port,
    Network,
    /// It asks for no egress at all.
    Nothing,
}

impl Tenant {
    fn new(namespace: &str, created: i64, address: &str) -> Self {
        let mut service = service("x", &[address]);
        service.key = SubjectKey::service(namespace, "x");
        service.uid = Uid::new(format!("uid-{namespace}")).expect("a uid");
        service.created = created;
        Self { service, target: None, kind: RuleKind::Plain }
    }

    fn naming(mut self, namespace: &'static str, pod: &'static str) -> Self {
        self.target = Some((namespace, pod));
        self
    }

    fn asking_for(mut self, kind: RuleKind) -> Self {
        self.kind = kind;
        self
    }

    fn rules(&self) -> Vec<Rule> {
        match self.kind {
            RuleKind::Nothing => vec![],
            RuleKind::Plain | RuleKind::Port | RuleKind::Network => vec![self.rule()],
        }
    }

    fn rule(&self) -> Rule {
        let address = *self.service.status_addresses.first().expect("one");
        let plain = rule([a(POD)], address);
        match self.kind {
            RuleKind::Plain | RuleKind::Nothing => plain,
            RuleKind::Port => RuleParts {
                destination_ports: vec![PortRange::new(Protocol::Tcp, 80, 80).expect("a port")],
                ..plain.into()
            }
            .rule(),
            RuleKind::Network => RuleParts { include: vec![n("0.0.0.0/0")], ..plain.into() }.rule(),
        }
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        let key = self.service.key.clone();
        let here = SnapshotBuilder::default().service(self.service.clone(), &[POD]).build();
        let mut slices = here.slices.get(&key).cloned().expect("one");
        let slice = slices.get_mut("here").expect("one");
        let pod =
            self.target.map(|(namespace, name)| ObjectReference { namespace: namespace.into(), name: name.into() });
        let endpoints = slice.endpoints.iter().cloned().map(|endpoint| Endpoint { pod: pod.clone(), ..endpoint });
        *slice = Arc::new(Slice { endpoints: endpoints.collect(), ..(**slice).clone() });
        snapshot.services.extend(here.services);
        snapshot.slices.insert(key, slices);
    }
}

/// What follows when these tenants' Services are there, on a node whose interfaces have this.
fn round(tenants: &[Tenant], shared: SharedAddresses, held: LocalAddresses) -> Round {
    let settings = Settings { shared, ..settings(Owner::Any) };
    let mut pipeline = Pipeline::new(settings, BTreeMap::new());
    pipeline.set_local_addresses(held);
    let mut snapshot = Snapshot::default();
    tenants.iter().for_each(|tenant| tenant.add_to(&mut snapshot));
    let keys = snapshot.services.keys().cloned().map(ChangeKey::Subject).collect();
    let questions = pipeline.update(&snapshot, &keys);
    let of = |key: &SubjectKey| tenants.iter().find(|tenant| tenant.service.key == *key).expect("one of them");
    let verdict = |key: &SubjectKey| ChainResult::new(ChainDecision::Draft(Draft::of(of(key).rules()).into()));
    let answers = questions.into_iter().map(|question| {
        let verdict = verdict(question.view.subject.key());
        (question, verdict)
    });
    assert!(pipeline.answer(answers.collect()).is_empty());
    pipeline.round()
}

fn seen(round: &Round, port: u16) -> Seen {
    trace(&round.ruleset, &Packet::new(a(POD), a(OUTSIDE)).port(Protocol::Tcp, port))
}

fn codes(round: &Round, namespace: &str) -> Vec<String> {
    let status = round.statuses.get(&SubjectKey::service(namespace, "x"));
    status.into_iter().flat_map(|status| status.findings.iter().map(|finding| finding.code.to_string())).collect()
}

const KINDS: [RuleKind; 3] = [RuleKind::Plain, RuleKind::Port, RuleKind::Network];

/// The older Service is the pod's own.
fn victim() -> Tenant {
    Tenant::new("victim", 2020, "11.0.0.3").naming("victim", "web-1")
}

#[test]
fn a_younger_service_of_another_namespace_takes_no_packet_of_a_pod_whatever_it_asks_for() {
    for kind in KINDS {
        for target in [None, Some(("victim", "web-1")), Some(("evil", "made-up"))] {
            let mut evil = Tenant::new("evil", 2026, "11.0.0.4").asking_for(kind);
            evil.target = target;
            let round = round(&[victim(), evil], SharedAddresses::Allow, LocalAddresses::new());
            for port in [80, 443] {
                assert_eq!(seen(&round, port), Seen::As(a("11.0.0.3")), "{kind:?} {target:?} {port}");
            }
        }
    }
}

#[test]
fn an_older_service_whose_slice_names_no_pod_of_its_own_goes_after_the_pods_own() {
    for kind in KINDS {
        for target in [None, Some(("victim", "web-1"))] {
            let mut evil = Tenant::new("evil", 2010, "11.0.0.4").asking_for(kind);
            evil.target = target;
            let round = round(&[victim(), evil], SharedAddresses::Allow, LocalAddresses::new());
            assert_eq!(seen(&round, 80), Seen::As(a("11.0.0.3")), "{kind:?} {target:?}");
        }
    }
}

/// Nothing in a slice shows it: only the pods of the node do (`pods.rs`).
#[test]
fn an_older_service_that_forges_a_pod_of_its_own_goes_first() {
    let evil = Tenant::new("evil", 2010, "11.0.0.4").naming("evil", "made-up");
    assert_eq!(
        seen(&round(&[victim(), evil], SharedAddresses::Allow, LocalAddresses::new()), 80),
        Seen::As(a("11.0.0.4"))
    );
}

#[test]
fn what_the_first_namespace_does_not_match_falls_to_the_next() {
    let victim = victim().asking_for(RuleKind::Port);
    let evil = Tenant::new("evil", 2026, "11.0.0.4").asking_for(RuleKind::Network);
    let round = round(&[victim, evil], SharedAddresses::Allow, LocalAddresses::new());
    assert_eq!([80, 443].map(|port| seen(&round, port)), [Seen::As(a("11.0.0.3")), Seen::As(a("11.0.0.4"))]);
}

#[test]
fn an_address_of_two_namespaces_is_a_warning_for_both() {
    let evil = Tenant::new("evil", 2026, "11.0.0.3");
    let round = round(&[victim(), evil], SharedAddresses::Allow, LocalAddresses::new());
    for namespace in ["victim", "evil"] {
        assert!(codes(&round, namespace).contains(&"shared-address".to_owned()), "{:?}", codes(&round, namespace));
    }
}

#[test]
fn where_the_oldest_alone_is_served_the_others_are_refused() {
    let evil = Tenant::new("evil", 2026, "11.0.0.3");
    let round = round(&[victim(), evil], SharedAddresses::Oldest, LocalAddresses::new());
    assert!(codes(&round, "evil").contains(&"shared-address-taken".to_owned()));
    assert_eq!(round.plan.subjects.keys().collect::<Vec<_>>(), [&SubjectKey::service("victim", "x")]);
}

#[test]
fn an_older_service_that_asks_for_no_egress_takes_no_address() {
    let old = Tenant::new("evil", 1, "11.0.0.3").asking_for(RuleKind::Nothing);
    let round = round(&[victim(), old], SharedAddresses::Oldest, LocalAddresses::new());
    assert_eq!(round.plan.subjects.keys().collect::<Vec<_>>(), [&SubjectKey::service("victim", "x")]);
    assert!(codes(&round, "victim").is_empty());
}

#[test]
fn an_address_of_one_namespace_is_reported_to_none() {
    assert!(codes(&round(&[victim()], SharedAddresses::Oldest, LocalAddresses::new()), "victim").is_empty());
}

#[test]
fn an_endpoint_that_this_nodes_interfaces_have_is_never_translated() {
    for standing in [AddressState::Usable, AddressState::Tentative, AddressState::Duplicate] {
        let round = round(&[victim()], SharedAddresses::Allow, LocalAddresses::from([(a(POD), standing)]));
        assert_eq!(seen(&round, 80), Seen::Untranslated);
        assert_eq!(codes(&round, "victim"), ["endpoint-is-this-node"]);
    }
}
