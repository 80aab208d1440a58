//! Which node translates, and what the others say.

#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, Outcome, Rule};
use egressd_core::model::{AnnotationPrefix, ChangeKey, Context, Snapshot, SubjectKey, SubjectView};
use egressd_core::owner::{AddressState, Owner};
use egressd_core::pipeline::{Pipeline, Question, Round, Settings};
use egressd_core::status::State;
use egressd_core::testkit::{RuleParts, SnapshotBuilder, a, service, settings};

const V4: &str = "11.0.0.2";
const V6: &str = "fc00:11::2";

/// Translates the endpoints of each family to the Service's first address of that family.
struct EachFamily;

fn chain() -> Chain {
    Chain::new([Member::new(MemberRole::Policy(Arc::new(EachFamily)))])
}

impl Policy for EachFamily {
    fn name(&self) -> &'static str {
        "each-family"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let rule = |address: &std::net::IpAddr| {
            RuleParts {
                sources: view
                    .local_endpoints(context)
                    .map(|e| e.address)
                    .filter(|e| e.is_ipv4() == address.is_ipv4())
                    .collect(),
                ..Rule::new(address.to_string(), *address).into()
            }
            .rule()
        };
        let first = |address: &&std::net::IpAddr| {
            view.subject.addresses.iter().find(|other| other.is_ipv4() == address.is_ipv4()) == Some(*address)
        };
        let rules = view.subject.addresses.iter().filter(first).map(rule).collect();
        Ok(Outcome { decision: Decision::Plan(Draft::of(rules)), diagnostics: vec![] })
    }
}

/// This node is `node-a`; the Service `web` has one endpoint here and one address of each family.
struct Fixture {
    pipeline: Pipeline,
    asked: usize,
}

impl Fixture {
    fn new(owner: Owner) -> Self {
        Self { pipeline: Pipeline::new(settings(owner), BTreeMap::new()), asked: 0 }
    }

    fn vip_host(self, node: &str) -> Self {
        self.look_at(&web(Some(node)))
    }

    fn no_vip_host(self) -> Self {
        self.look_at(&web(None))
    }

    fn look_at(mut self, snapshot: &Snapshot) -> Self {
        let services = snapshot.services.keys().cloned().map(ChangeKey::Subject);
        let questions = self.pipeline.update(snapshot, &services.chain([ChangeKey::Cluster]).collect());
        self.answer(questions);
        self
    }

    fn answer(&mut self, questions: Vec<Question>) {
        self.asked += questions.len();
        let context = self.pipeline.context();
        let answers = questions.into_iter().map(|question| {
            let verdict = chain().evaluate(&context, &question.view);
            (question, verdict)
        });
        let further = self.pipeline.answer(answers.collect());
        assert_eq!(further, [], "every answer is a draft");
    }

    fn holding(&mut self, held: &[(&str, AddressState)]) -> ServiceResult {
        let questions =
            self.pipeline.set_local_addresses(held.iter().map(|(address, standing)| (a(address), *standing)).collect());
        self.answer(questions);
        ServiceResult::from(&self.pipeline.round())
    }
}

fn web(vip_host: Option<&str>) -> Snapshot {
    let mut web = service("web", &[V4, V6]);
    web.annotations.extend(vip_host.map(|node| ("kube-vip.io/vipHost".to_owned(), node.to_owned())));
    SnapshotBuilder::default().service(web, &["10.0.0.1", "fd00:10:244::1"]).build()
}

/// What a round reports of `web`.
#[derive(Debug, PartialEq)]
struct ServiceResult {
    state: State,
    translated_to: Vec<String>,
    codes: Vec<String>,
    messages: Vec<String>,
}

impl From<&Round> for ServiceResult {
    fn from(round: &Round) -> Self {
        let status = &round.statuses[&SubjectKey::service("default", "web")];
        Self {
            state: status.state,
            translated_to: status.addresses.iter().map(ToString::to_string).collect(),
            codes: status.findings.iter().map(|finding| finding.code.to_string()).collect(),
            messages: status.findings.iter().map(|finding| finding.message.to_string()).collect(),
        }
    }
}

const BOTH: &[(&str, AddressState)] = &[(V4, AddressState::Usable), (V6, AddressState::Usable)];
const NEITHER: &[(&str, AddressState)] = &[];

#[test]
fn a_node_translates_to_the_addresses_that_it_holds() {
    let mut fixture = Fixture::new(Owner::Auto).no_vip_host();
    let result = fixture.holding(BOTH);
    assert_eq!((result.state, result.translated_to), (State::Translating, vec![V4.to_owned(), V6.to_owned()]));
    assert_eq!(result.codes, [""; 0]);
}

#[test]
fn a_node_that_holds_no_address_is_idle_and_says_who_translates() {
    let result = Fixture::new(Owner::Auto).no_vip_host().holding(NEITHER);
    assert_eq!((result.state, result.codes), (State::Idle, vec!["held-elsewhere".to_owned(); 2]));
    assert_eq!(
        result.messages[0],
        "nothing is translated to 11.0.0.2 here: the address is on no interface of this node (kube-ipvs0 is ignored), \
         and only the node that has it translates; if the load balancer assigns it to no interface, see --owner"
    );
}

#[test]
fn each_family_goes_its_own_way() {
    let result = Fixture::new(Owner::Auto).no_vip_host().holding(&[(V6, AddressState::Usable)]);
    assert_eq!((result.state, result.translated_to), (State::Translating, vec![V6.to_owned()]));
    assert_eq!(result.codes, ["held-elsewhere"]);
}

#[test]
fn nothing_is_held_before_anything_is_known() {
    let mut fixture = Fixture::new(Owner::Auto).no_vip_host();
    assert_eq!(ServiceResult::from(&fixture.pipeline.round()).state, State::Idle);
}

#[test]
fn a_vip_host_that_is_another_node_wins_over_the_interface() {
    let result = Fixture::new(Owner::Auto).vip_host("node-b").holding(BOTH);
    assert_eq!(result.state, State::Idle);
    assert_eq!(result.messages[0], "nothing is translated to 11.0.0.2 here: kube-vip.io/vipHost names node node-b");
}

#[test]
fn a_vip_host_that_is_this_node_does_not_replace_the_interface() {
    let mut fixture = Fixture::new(Owner::Auto).vip_host("node-a");
    assert_eq!(fixture.holding(NEITHER).state, State::Idle);
    assert_eq!(fixture.holding(BOTH).state, State::Translating);
}

#[test]
fn a_vip_host_that_differs_in_case_is_this_node_and_reported() {
    for owner in [Owner::Auto, Owner::VipHost] {
        let reported = Fixture::new(owner).vip_host("Node-A").holding(BOTH);
        assert_eq!((reported.state, reported.codes), (State::Translating, vec!["vip-host-case".to_owned()]));
        let message = "kube-vip.io/vipHost: Node-A is read as node node-a; the names differ in case only";
        assert_eq!(reported.messages, [message]);
    }
    assert_eq!(Fixture::new(Owner::Auto).vip_host("Node-B").holding(BOTH).state, State::Idle);
}

#[test]
fn an_empty_vip_host_is_none() {
    assert_eq!(Fixture::new(Owner::Auto).vip_host(" ").holding(BOTH).state, State::Translating);
    assert_eq!(Fixture::new(Owner::VipHost).vip_host(" ").holding(BOTH).state, State::Idle);
}

#[test]
fn by_address_the_vip_host_is_ignored() {
    let mut fixture = Fixture::new(Owner::Address).vip_host("node-b");
    assert_eq!(fixture.holding(BOTH).state, State::Translating);
    assert_eq!(fixture.holding(NEITHER).state, State::Idle);
}

#[test]
fn by_vip_host_interfaces_are_ignored() {
    assert_eq!(Fixture::new(Owner::VipHost).vip_host("node-a").holding(NEITHER).state, State::Translating);
    assert_eq!(Fixture::new(Owner::VipHost).vip_host("node-b").holding(BOTH).state, State::Idle);
    let result = Fixture::new(Owner::VipHost).no_vip_host().holding(BOTH);
    assert_eq!(
        result.messages[0],
        "nothing is translated to 11.0.0.2 here: kube-vip.io/vipHost is not set yet; the node that it names will \
         translate (--owner vip-host)"
    );
}

#[test]
fn any_node_translates_everything() {
    assert_eq!(Fixture::new(Owner::Any).vip_host("node-b").holding(NEITHER).translated_to, [V4, V6]);
}

#[test]
fn an_address_that_the_kernel_does_not_use_is_not_held_and_the_reason_is_reported() {
    let mut fixture = Fixture::new(Owner::Auto).no_vip_host();
    let result = fixture.holding(&[(V4, AddressState::Usable), (V6, AddressState::Tentative)]);
    assert_eq!((result.translated_to, result.codes), (vec![V4.to_owned()], vec!["address-tentative".to_owned()]));
    let result = fixture.holding(&[(V4, AddressState::Usable), (V6, AddressState::Duplicate)]);
    assert_eq!((result.translated_to, result.codes), (vec![V4.to_owned()], vec!["address-duplicate".to_owned()]));
    assert_eq!(fixture.holding(BOTH).codes, [""; 0]);
}

#[test]
fn policies_are_not_asked_when_addresses_move() {
    let mut fixture = Fixture::new(Owner::Auto).no_vip_host();
    for held in [BOTH, NEITHER, BOTH] {
        fixture.holding(held);
    }
    assert_eq!(fixture.asked, 1);
}

#[test]
fn a_service_without_endpoints_here_says_nothing_about_its_addresses() {
    let elsewhere = SnapshotBuilder::default().service(service("web", &[V4]), &[]).build();
    let result = Fixture::new(Owner::Auto).look_at(&elsewhere).holding(NEITHER);
    assert_eq!((result.state, result.codes), (State::Idle, vec![]));
}

#[test]
fn only_two_ways_look_at_interfaces() {
    let ways = [Owner::Auto, Owner::Address, Owner::VipHost, Owner::Any];
    assert_eq!(ways.map(Owner::looks_at_interfaces), [true, true, false, false]);
}

/// `web` with these addresses, in this order.
fn with_addresses(addresses: &[&str]) -> Snapshot {
    SnapshotBuilder::default().service(service("web", addresses), &["10.0.0.1"]).build()
}

const FIRST: &str = "11.0.0.2";
const SECOND: &str = "11.0.0.3";

fn usable(addresses: &[&'static str]) -> Vec<(&'static str, AddressState)> {
    addresses.iter().map(|address| (*address, AddressState::Usable)).collect()
}

#[test]
fn of_several_addresses_of_a_family_the_first_that_the_node_holds_is_used_and_reported() {
    let mut fixture = Fixture::new(Owner::Auto).look_at(&with_addresses(&[FIRST, SECOND]));
    let result = fixture.holding(&usable(&[SECOND]));
    assert_eq!((result.translated_to, result.codes), (vec![SECOND.to_owned()], vec!["address-chosen".to_owned()]));
    assert_eq!(
        result.messages,
        ["this node uses 11.0.0.3, which it holds, instead of 11.0.0.2, the first of the Service's 2 IPv4 addresses"]
    );
    let result = fixture.holding(&usable(&[FIRST, SECOND]));
    assert_eq!(result.translated_to, [SECOND], "it stays as long as it is held");
    let result = fixture.holding(&usable(&[FIRST]));
    assert_eq!((result.translated_to, result.codes), (vec![FIRST.to_owned()], vec![]));
    let result = fixture.holding(NEITHER);
    assert_eq!((result.translated_to, result.codes), (vec![], vec!["held-elsewhere".to_owned()]));
    let mut fixture = fixture.look_at(&with_addresses(&[SECOND, FIRST]));
    let result = fixture.holding(&usable(&[FIRST, SECOND]));
    assert_eq!(result.translated_to, [SECOND], "another order is another wish");
}

#[test]
fn what_an_earlier_process_used_is_used_again_though_another_address_comes_first() {
    let mut before = Fixture::new(Owner::Auto).look_at(&with_addresses(&[FIRST, SECOND]));
    before.holding(&usable(&[SECOND]));
    let pipeline = Pipeline::new(settings(Owner::Auto), BTreeMap::new()).recalling(before.pipeline.drafts().clone());
    let mut later = Fixture { pipeline, asked: 0 }.look_at(&with_addresses(&[FIRST, SECOND]));
    assert_eq!(later.holding(&usable(&[FIRST, SECOND])).translated_to, [SECOND]);
}

#[test]
fn between_an_address_that_goes_and_the_policies_answer_the_pod_leaves_with_the_other() {
    let mut fixture = Fixture::new(Owner::Auto).look_at(&with_addresses(&[FIRST, SECOND]));
    fixture.holding(&usable(&[FIRST, SECOND]));
    let questions = fixture.pipeline.set_local_addresses([(a(SECOND), AddressState::Usable)].into());
    assert_eq!(
        (questions.len(), ServiceResult::from(&fixture.pipeline.round()).translated_to),
        (1, vec![SECOND.to_owned()])
    );
}

#[test]
fn a_nodes_own_address_is_passed_over_where_there_is_another() {
    let mut snapshot = with_addresses(&[FIRST, SECOND]);
    snapshot.nodes.extend(SnapshotBuilder::default().node("node-a", &[FIRST]).build().nodes);
    for owner in [Owner::Auto, Owner::Any] {
        let result = Fixture::new(owner).look_at(&snapshot).holding(&usable(&[FIRST, SECOND]));
        assert_eq!((result.translated_to, result.codes), (vec![SECOND.to_owned()], vec!["address-chosen".to_owned()]));
    }
}

#[test]
fn with_another_prefix_kube_vips_vip_host_is_read_where_there_is_none_of_ones_own() {
    let prefixed =
        Settings { prefix: AnnotationPrefix::new("example.org").expect("a prefix"), ..settings(Owner::Auto) };
    for (own, translated) in [(None, false), (Some("node-b"), false), (Some("node-a"), true), (Some(" "), false)] {
        let mut snapshot = web(Some("node-b"));
        let key = SubjectKey::service("default", "web");
        let mut service = (*snapshot.services[&key]).clone();
        service.annotations.extend(own.map(|node| ("example.org/vipHost".to_owned(), node.to_owned())));
        snapshot.services.insert(key, service.into());
        let fixture = Fixture { pipeline: Pipeline::new(prefixed.clone(), BTreeMap::new()), asked: 0 };
        let result = fixture.look_at(&snapshot).holding(BOTH);
        assert_eq!(result.state == State::Translating, translated, "{own:?}: {result:?}");
    }
}
