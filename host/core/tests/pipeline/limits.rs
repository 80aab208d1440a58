//! What limits keep out of force, and what stays.

use std::time::Duration;

use egressd_core::pipeline::{ROOM_KEPT_FOR, Settings};
use egressd_core::plan::{Capacity, Limits, ServiceLimits};
use egressd_core::testkit::RuleParts;
use ipnet::IpNet;

use super::*;

/// Translates, with as many networks and rules as the annotations `networks` and `rules` say, to the Service's first
/// address.
struct Networks;

impl Policy for Networks {
    fn name(&self) -> &'static str {
        "networks"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        assert!(
            view.subject.endpoints.len() <= LIMITS.service.endpoints,
            "policies are shown no more than a Service may have"
        );
        let count = view.subject.annotations().get("networks").and_then(|text| text.parse::<u8>().ok());
        let decision = count.map_or(Decision::Pass, |count| {
            let network = |i| IpNet::new(a(&format!("192.0.2.{i}")), 32).expect("a network");
            let rules = view.subject.annotations().get("rules").map_or(1, |text| text.parse::<u8>().expect("a number"));
            let one = |number| {
                RuleParts {
                    id: format!("rule-{number}"),
                    include: (0..count).map(network).collect(),
                    ..rule(view.local_endpoints(context).map(|endpoint| endpoint.address), view.subject.addresses[0])
                        .into()
                }
                .rule()
            };
            Decision::Plan(Draft::of((0..rules).map(one).collect()))
        });
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

const LIMITS: Limits = Limits {
    service: ServiceLimits { rules: 2, networks: 4, endpoints: 5 },
    namespace: Capacity { elements: 6, networks: 6, chains: 6 },
    node: Capacity { elements: 10, networks: 10, chains: 10 },
};

/// The same where a network of each pod may be an element: what is refused then is refused for its networks.
const ROOMY: Limits = Limits {
    namespace: Capacity { elements: 100, ..LIMITS.namespace },
    node: Capacity { elements: 100, ..LIMITS.node },
    ..LIMITS
};

impl Fixture {
    fn limited() -> Self {
        Self::after(&Fixture::new(), LIMITS)
    }

    fn roomy() -> Self {
        Self::after(&Fixture::new(), ROOMY)
    }

    /// The next process.
    fn after(before: &Self, limits: Limits) -> Self {
        let settings = Settings { limits, ..settings(Owner::Any) };
        let pipeline = Pipeline::new(settings, before.pipeline.accepted().clone());
        let pipeline = pipeline.recalling(before.pipeline.drafts().clone());
        let chain = Chain::new([Member::new(MemberRole::Policy(Arc::new(Networks)))]);
        Self { pipeline, chain, snapshot: before.snapshot.clone(), asked: 0 }
    }

    /// The Service `namespace/name`, made at that time, with so many networks, and endpoints in a network of its own.
    fn has(&mut self, name: (&str, i64), networks: u8, endpoints: u8) -> Round {
        let key = self.will_have(name, networks, endpoints);
        let round = self.look_at([ChangeKey::Subject(key)]);
        self.ask_further(round)
    }

    /// The same, before it is looked at.
    fn will_have(&mut self, (name, created): (&str, i64), networks: u8, endpoints: u8) -> SubjectKey {
        let (namespace, own) = name.split_once('/').expect("namespace/name");
        let mut service = service(own, &["11.0.0.2"]);
        service.key = SubjectKey::service(namespace, own);
        service.uid = Uid::new(format!("uid-{namespace}-{own}")).expect("a uid");
        service.created = created;
        service.annotations.insert("networks".to_owned(), networks.to_string());
        let endpoints: Vec<String> = (1..=endpoints).map(|i| format!("10.0.{created}.{i}")).collect();
        let (key, endpoints) = (service.key.clone(), endpoints.iter().map(String::as_str).collect::<Vec<_>>());
        SnapshotBuilder::default().service(service, &endpoints).add_to(&mut self.snapshot);
        key
    }

    /// The Service with so many rules that say the same, which is an edit and no more elements.
    fn has_rules(&mut self, name: (&str, i64), rules: u8, endpoints: u8) -> Round {
        let key = self.will_have(name, 0, endpoints);
        let service = self.snapshot.services.get_mut(&key).expect("it is there");
        Arc::make_mut(service).annotations.insert("rules".to_owned(), rules.to_string());
        let round = self.look_at([ChangeKey::Subject(key)]);
        self.ask_further(round)
    }

    fn ask_further(&mut self, mut round: Round) -> Round {
        while !round.further.is_empty() {
            round = self.ask(round.further);
        }
        round
    }

    fn restart(&self) -> Round {
        self.restart_with([member(Networks)])
    }

    fn restart_with(&self, members: impl IntoIterator<Item = Member>) -> Round {
        let mut next = Self { chain: Chain::new(members), ..Self::after(self, self.pipeline.limits()) };
        let keys: BTreeSet<ChangeKey> = next.snapshot.services.keys().cloned().map(ChangeKey::Subject).collect();
        let round = next.look_at(keys);
        next.ask_further(round)
    }
}

/// Of each Service in force, how many networks and endpoints it has.
fn in_force(round: &Round) -> String {
    let one = |(key, service): (&SubjectKey, &egressd_core::plan::SubjectPlan)| {
        let rule = &service.rules[0];
        format!("{key}: {} to {}", rule.sources().len(), rule.include().len())
    };
    round.plan.subjects.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn errors(round: &Round, name: &str) -> Vec<String> {
    let (namespace, own) = name.split_once('/').expect("namespace/name");
    let status = &round.statuses[&SubjectKey::service(namespace, own)];
    assert_eq!(status.state, State::Invalid);
    let errors = status.findings.iter().filter(|f| f.severity == egressd_core::finding::Severity::Error);
    errors.map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

#[test]
fn a_change_beyond_a_limit_of_a_service_is_invalid_and_what_was_accepted_stays_for_todays_endpoints() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/web", 1), 3, 1);
    let round = fixture.has(("a/web", 1), 5, 2);
    assert_eq!(in_force(&round), "a/web: 2 to 3");
    let message = "service-limit: the Service would have 5 networks on this node, and the limit is 4 \
                   (--limit-service-networks), so this Service's newest change is not in force; name fewer or wider \
                   ones";
    assert_eq!(errors(&round, "a/web"), [message]);
    assert_eq!(round.statuses, fixture.restart().statuses);
    assert_eq!(in_force(&fixture.has(("a/web", 1), 4, 2)), "a/web: 2 to 4");
}

#[test]
fn a_new_service_beyond_a_limit_is_not_in_force_and_harms_no_other() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/web", 1), 3, 1);
    fixture.has(("b/web", 3), 3, 1);
    let round = fixture.has(("a/more", 2), 4, 1);
    assert_eq!(in_force(&round), "a/web: 1 to 3, b/web: 1 to 3");
    let message = "namespace-limit: namespace a would have 7 networks on this node, and the limit is 6 \
                   (--limit-namespace-networks), so this Service's newest change is not in force; name fewer or wider \
                   ones";
    assert_eq!(errors(&round, "a/more"), [message]);
    assert_eq!(round.statuses, fixture.restart().statuses);
}

#[test]
fn the_newest_edit_loses_though_its_service_is_older() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/old", 1), 1, 1);
    fixture.has(("a/young", 2), 4, 1);
    let round = fixture.has(("a/old", 1), 3, 1);
    assert_eq!(in_force(&round), "a/old: 1 to 1, a/young: 1 to 4");
    assert_eq!(round.statuses, fixture.restart().statuses);
    // There is room again.
    assert_eq!(in_force(&fixture.has(("a/young", 2), 3, 1)), "a/old: 1 to 3, a/young: 1 to 3");
}

#[test]
fn where_pods_come_without_an_edit_those_in_force_stay_and_of_what_grows_the_older_service_goes_first() {
    let mut fixture = Fixture::limited();
    fixture.has(("a/young", 2), 0, 3);
    fixture.has(("a/old", 1), 0, 2);
    let round = fixture.has(("a/old", 1), 0, 4);
    assert_eq!(in_force(&round), "a/old: 2 to 0, a/young: 3 to 0");
    assert_eq!(round.statuses, fixture.restart().statuses);
    // Both want to grow, and there is room for one.
    let grown = [(("a/young", 2), 4), (("a/old", 1), 3)].map(|(name, pods)| fixture.will_have(name, 0, pods));
    let round = fixture.look_at(grown.map(ChangeKey::Subject));
    assert_eq!(in_force(&round), "a/old: 3 to 0, a/young: 3 to 0");
    assert_eq!(round.statuses, fixture.restart().statuses);
}

#[test]
fn with_too_many_endpoints_those_that_are_translated_stay_and_policies_see_no_others() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/web", 1), 1, 2);
    let round = fixture.has(("a/web", 1), 1, 6);
    assert_eq!(in_force(&round), "a/web: 2 to 1");
    let message = "service-limit-endpoints: the Service has 6 endpoints, and the limit is 5 \
                   (--limit-service-endpoints): endpoints that are translated already stay so, and no others are \
                   added; divide the pods among several Services";
    assert_eq!(errors(&round, "a/web"), [message]);
    assert_eq!(round.statuses, fixture.restart().statuses);
    // A policy's answer counts all the same, an edit too.
    assert_eq!(in_force(&fixture.has(("a/web", 1), 2, 6)), "a/web: 2 to 2");
    assert_eq!(in_force(&fixture.has(("a/web", 1), 2, 5)), "a/web: 5 to 2");
}

#[test]
fn on_a_full_node_the_namespace_with_the_most_loses_first() {
    let mut fixture = Fixture::limited();
    for (name, created) in [("a/1", 1), ("a/2", 2), ("b/1", 3)] {
        fixture.has((name, created), 0, 3);
    }
    let round = fixture.has(("c/1", 4), 0, 3);
    assert_eq!(in_force(&round), "a/1: 3 to 0, b/1: 3 to 0, c/1: 3 to 0");
    let message = "node-limit: all namespaces together would have 12 elements on this node, and the limit is 10 \
                   (--limit-node-elements); namespaces with a smaller share than a take precedence, so this Service's \
                   newest change is not in force; an administrator can raise the limit";
    assert_eq!(errors(&round, "a/2"), [message]);
    assert_eq!(round.statuses, fixture.restart().statuses);
}

fn member(policy: impl Policy + 'static) -> Member {
    Member::new(MemberRole::Policy(Arc::new(policy)))
}

/// Denies a network, as guards do.
struct Guarding;

impl Policy for Guarding {
    fn name(&self) -> &'static str {
        "the-guard"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        let mut draft = draft.clone();
        draft.retain_rules(|rule| {
            rule.change(|parts| parts.exclude.extend("10.0.0.0/8".parse::<IpNet>()));
            true
        });
        Ok(Outcome { decision: Decision::Plan(draft), diagnostics: vec![] })
    }
}

#[test]
fn a_guard_binds_a_service_that_is_at_its_limit_and_one_whose_edit_exceeds_it() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/full", 1), 4, 1);
    fixture.has(("b/more", 2), 4, 1);
    let excluded = |round: &Round, namespace: &str, name: &str| {
        let service = round.plan.subjects.get(&SubjectKey::service(namespace, name));
        service.map(|service| service.rules.iter().map(|rule| rule.exclude().len()).sum::<usize>())
    };
    let round = fixture.reload([member(Networks), member(Guarding)]);
    let round = fixture.ask_further(round);
    assert_eq!([excluded(&round, "a", "full"), excluded(&round, "b", "more")], [Some(1), Some(1)]);
    let round = fixture.has(("b/more", 2), 5, 1);
    assert_eq!([excluded(&round, "a", "full"), excluded(&round, "b", "more")], [Some(1), Some(1)]);
    let round = fixture.restart_with([member(Networks), member(Guarding)]);
    assert_eq!([excluded(&round, "a", "full"), excluded(&round, "b", "more")], [Some(1), Some(1)]);
}

/// P4: what was in force as a whole is so again, whatever waited meanwhile.
#[test]
fn the_room_of_pods_that_are_replaced_is_kept_for_ten_minutes_and_for_no_edit() {
    let mut fixture = Fixture::limited();
    fixture.has(("a/web", 1), 0, 3);
    fixture.has(("a/more", 2), 0, 3);
    assert_eq!(in_force(&fixture.has(("a/more", 2), 0, 4)), "a/more: 3 to 0, a/web: 3 to 0");
    for (left, expected) in
        [(2, "a/more: 3 to 0, a/web: 2 to 0"), (0, "a/more: 3 to 0"), (3, "a/more: 3 to 0, a/web: 3 to 0")]
    {
        assert_eq!(in_force(&fixture.has(("a/web", 1), 0, left)), expected);
    }
    fixture.has(("a/web", 1), 0, 2);
    let begun = Duration::from_secs(60);
    assert_eq!(fixture.pipeline.next_try(begun), Some(begun + ROOM_KEPT_FOR));
    fixture.pipeline.ask_waited(begun + ROOM_KEPT_FOR - Duration::from_secs(1));
    assert_eq!(in_force(&fixture.pipeline.round()), "a/more: 3 to 0, a/web: 2 to 0");
    fixture.pipeline.ask_waited(begun + ROOM_KEPT_FOR);
    assert_eq!(in_force(&fixture.pipeline.round()), "a/more: 4 to 0, a/web: 2 to 0");
    // Whoever says that they need less has less.
    assert_eq!(in_force(&fixture.has_rules(("a/more", 2), 2, 4)), "a/more: 4 to 0, a/web: 2 to 0");
    fixture.has_rules(("a/web", 1), 2, 1);
    assert_eq!(in_force(&fixture.has_rules(("a/more", 2), 2, 5)), "a/more: 5 to 0, a/web: 1 to 0");
}

/// What a step remembers changes what limits count, so its Service is looked at again.
#[test]
fn what_is_counted_of_a_refused_edit_follows_when_the_room_of_its_pods_ends() {
    let mut fixture = Fixture::roomy();
    fixture.has(("a/web", 1), 2, 3);
    fixture.has(("a/web", 1), 2, 2);
    let key = fixture.will_have(("a/web", 1), 0, 2);
    let service = fixture.snapshot.services.get_mut(&key).expect("it is there");
    Arc::make_mut(service).annotations.insert("rules".to_owned(), "3".to_owned());
    let round = fixture.look_at([ChangeKey::Subject(key)]);
    assert_eq!(in_force(&fixture.ask_further(round)), "a/web: 2 to 2");
    fixture.pipeline.next_try(Duration::ZERO);
    let questions = fixture.pipeline.ask_waited(ROOM_KEPT_FOR);
    assert_eq!(in_force(&fixture.ask(questions)), "a/web: 2 to 2");
    assert_eq!(in_force(&fixture.ask(Vec::new())), "a/web: 2 to 2");
}
