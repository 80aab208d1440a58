//! What is reported about endpoints that do not run where the Service's address is.

#![expect(clippy::unwrap_used, reason = "tests")]
use egressd_core::chain::ChainDecision;
use egressd_core::decision::{Draft, OnChange, OnUnavailable};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{
    AddressTrust, AnnotationPrefix, ClusterFacts, KnownPods, SubjectKey, SubjectView, TrafficPolicy, view,
};
use egressd_core::owner::{AddressState, LocalAddresses, Owner};
use egressd_core::placement::AddressOwnership;
use egressd_core::plan::{Answered, EgressRequest, FallbackDraft, NodeContext, Sharing, SubjectResult, settle};
use egressd_core::testkit::{SnapshotBuilder, a, context, facts, rule, service};

const V4: &str = "11.0.0.2";
const V6: &str = "fc00:11::2";
const POLICIES: [TrafficPolicy; 2] = [TrafficPolicy::Cluster, TrafficPolicy::Local];

/// The Service `web` as node-a sees it, which has its IPv4 address.
#[derive(Clone, Debug)]
struct Web {
    owner: Owner,
    policy: TrafficPolicy,
    here: Vec<&'static str>,
    elsewhere: Vec<(&'static str, &'static str)>,
    /// The addresses that node-a holds.
    held: Vec<&'static str>,
    /// What the policies report beside rules.
    diagnostics: Vec<Finding>,
}

impl Web {
    fn new() -> Self {
        let diagnostics = vec![Finding::new(Severity::Info, "asked", "egress is asked for")];
        let (owner, policy) = (Owner::Auto, TrafficPolicy::Local);
        Self { owner, policy, here: vec![], elsewhere: vec![], held: vec![V4], diagnostics }
    }

    fn here(self, here: &[&'static str]) -> Self {
        Self { here: here.to_vec(), ..self }
    }

    fn elsewhere(self, elsewhere: &[(&'static str, &'static str)]) -> Self {
        Self { elsewhere: elsewhere.to_vec(), ..self }
    }

    fn view(&self) -> SubjectView {
        let web = egressd_core::model::Service { traffic_policy: self.policy, ..service("web", &[V4, V6]) };
        let snapshot = SnapshotBuilder::default().service(web, &self.here).elsewhere("web", &self.elsewhere).build();
        let key = SubjectKey::service("default", "web");
        view(&snapshot, &ClusterFacts::detected(&snapshot), &key, AddressTrust::Status, &AnnotationPrefix::default())
            .unwrap()
    }

    /// What comes of it when the policies translate these sources.
    fn translating(&self, sources: &[&str]) -> SubjectResult {
        let rule = rule(sources.iter().map(|text| a(text)), a(V4));
        let rules = if sources.is_empty() { vec![] } else { vec![rule] };
        let mut ownership = AddressOwnership::new(self.owner, "node-a", &AnnotationPrefix::default());
        ownership.set_local_addresses(
            self.held.iter().map(|address| (a(address), AddressState::Usable)).collect::<LocalAddresses>(),
        );
        let (context, facts) = (context(), facts());
        let sharing = Sharing::default();
        let on_unavailable = OnUnavailable::Pass;
        let on_change = OnChange::Keep;
        let (context, facts, ownership, sharing) = (&context, &facts, &ownership, &sharing);
        let pods = &KnownPods::NotWatched;
        let here = NodeContext {
            tunnel: None,
            context,
            facts,
            ownership,
            sharing,
            pods,
            on_unavailable,
            on_change,
            prefix: &AnnotationPrefix::default(),
        };
        let decision = ChainDecision::Draft(Draft::of(rules).into());
        let answered = Answered {
            decision: &decision,
            findings: &self.diagnostics,
            request: EgressRequest::Made,
            on_unavailable: None,
        };
        settle(here, &self.view(), answered, FallbackDraft::Nothing)
    }

    /// What is found beyond what the policies report.
    fn found(&self, sources: &[&str]) -> Vec<Finding> {
        let findings = self.translating(sources).findings;
        findings.into_iter().filter(|finding| !self.diagnostics.contains(finding)).collect()
    }
}

#[test]
fn endpoints_of_other_nodes_are_a_warning_under_both_traffic_policies() {
    for policy in POLICIES {
        let one = Web { policy, ..Web::new() }.here(&["10.0.0.1"]).elsewhere(&[("10.0.1.1", "node-b")]);
        let sentence = "1 endpoint of the Service runs on node-b and is not translated, since node-a holds 11.0.0.2: \
                        run all replicas on the node that holds the address, or run fewer replicas";
        assert_eq!(one.found(&["10.0.0.1"]), [Finding::warning("remote-endpoints", sentence)]);
    }
}

#[test]
fn many_endpoints_on_many_nodes_are_counted_and_some_nodes_named() {
    let remote = [("10.0.1.1", "node-b"), ("10.0.2.1", "node-c"), ("10.0.3.1", "node-d"), ("10.0.4.1", "node-e")];
    let message = Web::new().here(&["10.0.0.1"]).elsewhere(&remote).found(&["10.0.0.1"])[0].message.clone();
    assert!(
        message.starts_with("4 endpoints of the Service run on node-b, node-c, node-d and 1 more and are"),
        "{message}"
    );
}

#[test]
fn the_advice_is_nothing_that_was_done_already() {
    for policy in POLICIES {
        let web = Web { policy, ..Web::new() }.elsewhere(&[("10.0.1.1", "node-b")]);
        let findings = [web.clone().here(&["10.0.0.1"]).found(&["10.0.0.1"]), web.found(&[])].concat();
        assert_eq!(findings.len(), 2);
        let advises = |finding: &Finding| finding.message.contains("externalTrafficPolicy: Local");
        assert_eq!(findings.iter().any(advises), policy == TrafficPolicy::Cluster, "{findings:?}");
    }
}

#[test]
fn a_service_whose_endpoints_are_all_here_gets_no_finding() {
    assert_eq!(Web::new().here(&["10.0.0.1", "10.0.0.2"]).found(&["10.0.0.1", "10.0.0.2"]), []);
}

#[test]
fn another_family_than_the_translated_one_is_not_counted() {
    let web = Web::new().here(&["10.0.0.1", "fd00:10:244::1"]).elsewhere(&[("fd00:10:244:1::1", "node-b")]);
    assert_eq!(web.found(&["10.0.0.1"]), []);
}

#[test]
fn policies_that_choose_among_the_endpoints_here_may_not_want_those_elsewhere() {
    let web = Web::new().here(&["10.0.0.1", "10.0.0.2"]).elsewhere(&[("10.0.1.1", "node-b")]);
    assert_eq!(web.found(&["10.0.0.2"]), []);
    assert_eq!(web.found(&["10.0.0.1", "10.0.0.2"]).len(), 1);
}

#[test]
fn where_several_nodes_may_hold_the_address_it_is_no_warning() {
    let web = Web { owner: Owner::Address, ..Web::new() };
    let findings = web.here(&["10.0.0.1"]).elsewhere(&[("10.0.1.1", "node-b")]).found(&["10.0.0.1"]);
    let sentence = "endpoints of the Service on other nodes (1 on node-b) are translated only where their own node has \
                    11.0.0.2 too (--owner address)";
    assert_eq!(findings, [Finding::new(Severity::Info, "remote-endpoints", sentence)]);
}

#[test]
fn an_address_that_left_all_endpoints_behind_is_plainly_reported() {
    let web = Web { policy: TrafficPolicy::Cluster, ..Web::new() };
    let remote = [("10.0.1.1", "node-b"), ("10.0.1.2", "node-b"), ("fd00:10:244:1::1", "node-c")];
    let sentence = "node-a holds 11.0.0.2, and all endpoints of the Service run on node-b, so none is translated: set \
                    externalTrafficPolicy: Local, if the load balancer then moves the address to one of their nodes, \
                    or keep a replica on node-a";
    assert_eq!(web.elsewhere(&remote).found(&[]), [Finding::warning("address-without-endpoints", sentence)]);
}

/// Egress may be asked for IPv4 alone, for which there is no endpoint at all.
#[test]
fn a_family_of_two_that_left_its_endpoints_behind_is_not_reported() {
    let web = Web { held: vec![V4, V6], ..Web::new() };
    let ipv6 = ("fd00:10:244:1::1", "node-b");
    assert_eq!(web.clone().elsewhere(&[ipv6]).found(&[]), []);
    assert_eq!(web.elsewhere(&[ipv6, ("10.0.1.1", "node-b")]).found(&[]).len(), 1);
}

#[test]
fn an_address_without_endpoints_is_reported_by_the_node_that_alone_holds_it_and_for_no_other_reason() {
    let web = || Web::new().elsewhere(&[("10.0.1.1", "node-b")]);
    assert_eq!(web().found(&[]).len(), 1);
    assert_eq!(Web::new().found(&[]), [], "no endpoint anywhere");
    assert_eq!(web().here(&["10.0.0.1"]).found(&[]), [], "an endpoint is here, and the policies do not want it");
    for owner in [Owner::Address, Owner::Any] {
        assert_eq!(Web { owner, ..web() }.found(&[]), [], "{owner:?}: another node may hold it, too");
    }
    let elsewhere = Web::new().elsewhere(&[("fd00:10:244:1::1", "node-b")]);
    assert_eq!(elsewhere.found(&[]), [], "the IPv6 address is elsewhere, too");
    let wrong = Web { diagnostics: vec![Finding::warning("no-allowed-network", "it names none")], ..web() };
    assert_eq!(wrong.found(&[]), [], "the policies have a reason of their own");
    assert_eq!(Web { diagnostics: vec![], ..web() }.found(&[]), [], "egress is not asked for");
}
