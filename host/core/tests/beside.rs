//! What is reported where kube-vip does egress for the same Service.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, Outcome};
use egressd_core::finding::{Finding, Severity};
use egressd_core::model::{ChangeKey, Context, KubeVipEndpoint, Service, SubjectKey, SubjectView};
use egressd_core::net::Family;
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Round};
use egressd_core::ruleset::Name;
use egressd_core::testkit::{SnapshotBuilder, a, rule, service, settings};

const EGRESS: &str = "kube-vip.io/egress";

/// Translates Services that have any annotation that ends in `/egress`.
struct Either;

impl Policy for Either {
    fn name(&self) -> &'static str {
        "either"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let asked = view.subject.annotations().keys().any(|name| name.ends_with("/egress"));
        let rule = rule(view.local_endpoints(context).map(|endpoint| endpoint.address), a("11.0.0.2"));
        let plan = || Decision::Plan(Draft::of(vec![rule]));
        Ok(Outcome { decision: if asked { plan() } else { Decision::Pass }, diagnostics: vec![] })
    }
}

/// A node with the Service `web`, which has these annotations and was written by kube-vip or not.
struct Fixture(Pipeline);

impl Fixture {
    fn new(annotations: &[&str], wrote: Option<&str>) -> Self {
        let mut fixture = Self(Pipeline::new(settings(Owner::Any), BTreeMap::new()));
        fixture.look_at(annotations, wrote);
        fixture
    }

    /// Takes in the Service as it is now; how often policies were asked.
    fn look_at(&mut self, annotations: &[&str], wrote: Option<&str>) -> usize {
        let at = |at: &str| KubeVipEndpoint { families: vec![Family::Ipv4], at: Some(at.into()) };
        self.look_at_written(annotations, wrote.map(at))
    }

    fn look_at_written(&mut self, annotations: &[&str], kube_vip_wrote: Option<KubeVipEndpoint>) -> usize {
        let annotations = annotations.iter().map(|name| ((*name).to_owned(), "true".to_owned())).collect();
        let web = Service { annotations, kube_vip_wrote, ..service("web", &["11.0.0.2"]) };
        let snapshot = SnapshotBuilder::default().service(web, &["10.0.0.1"]).build();
        let key = SubjectKey::service("default", "web");
        let questions = self.0.update(&snapshot, &[ChangeKey::Cluster, ChangeKey::Subject(key)].into());
        let (asked, context) = (questions.len(), self.0.context());
        let chain = Chain::new([Member::new(MemberRole::Policy(Arc::new(Either)))]);
        let answers =
            questions.into_iter().map(|question| (question.clone(), chain.evaluate(&context, &question.view)));
        self.0.answer(answers.collect());
        asked
    }

    fn tables(mut self, names: &[&str]) -> Self {
        self.0.stand_beside(names.iter().map(|name| Name::new(*name).expect("it is a name")).collect());
        self
    }

    fn round(&mut self) -> Round {
        self.0.round()
    }

    fn reported(&mut self) -> Vec<Finding> {
        self.round().statuses[&SubjectKey::service("default", "web")].findings.clone()
    }
}

const AT: &str = "2026-08-23T16:46:16Z";

#[test]
fn what_kube_vip_wrote_on_a_service_of_both_is_a_warning_with_its_time() {
    let reported = Fixture::new(&[EGRESS], Some(AT)).reported();
    let sentence = "kube-vip.io/active-endpoint was written by kube-vip at 2026-08-23T16:46:16Z: kube-vip's own egress acts, \
                    or acted, on this Service beside egressd; give egressd another annotation prefix and an instance_name, \
                    or turn kube-vip's egress off and remove that annotation (docs/beside.md)";
    assert_eq!(reported, [Finding::warning("kube-vip-egress", sentence)]);
}

#[test]
fn the_annotations_that_kube_vip_wrote_are_named_and_no_others() {
    for (families, observed) in [
        (vec![Family::Ipv6], "kube-vip.io/active-endpoint-ipv6 was written by kube-vip: "),
        (
            Family::ALL.to_vec(),
            "kube-vip.io/active-endpoint and kube-vip.io/active-endpoint-ipv6 were written by kube-vip: ",
        ),
    ] {
        let mut fixture = Fixture::new(&[EGRESS], None);
        fixture.look_at_written(&[EGRESS], Some(KubeVipEndpoint { families, at: None }));
        let reported = fixture.reported();
        assert!(reported[0].message.starts_with(observed), "{}", reported[0].message);
    }
}

#[test]
fn a_table_of_kube_vips_name_is_a_warning_on_the_services_of_both() {
    let reported = Fixture::new(&[EGRESS], None).tables(&["kube_vip_v4", "kube_vip_v6"]).reported();
    assert_eq!((reported.len(), reported[0].severity), (1, Severity::Warning));
    let begin =
        "table kube_vip_v4 on this node has kube-vip's name and egressd did not make it: kube-vip's own egress ";
    assert!(reported[0].message.starts_with(begin), "{}", reported[0].message);
    let both = Fixture::new(&[EGRESS], Some(AT)).tables(&["kube_vip_v4"]).reported();
    assert!(both[0].message.contains("and remove that annotation and that table (docs"), "{}", both[0].message);
}

#[test]
fn with_a_prefix_of_its_own_egressd_has_its_services_for_itself() {
    let own = "egress.example.com/egress";
    let mut beside = Fixture::new(&[own], Some(AT)).tables(&["kube_vip_v4"]);
    assert_eq!(beside.reported(), []);
    beside.round();
    assert!(!beside.0.shares_services());
    let mut both = Fixture::new(&[own, EGRESS], Some(AT));
    assert_eq!(both.reported().len(), 1, "it asks both");
    both.round();
    assert!(both.0.shares_services());
}

#[test]
fn a_service_that_asks_egressd_for_nothing_is_kube_vips_business() {
    let mut beside = Fixture::new(&["kube-vip.io/loadbalancerIPs"], Some(AT)).tables(&["kube_vip_v4"]);
    assert_eq!(beside.reported(), []);
}

#[test]
fn without_a_sign_of_kube_vip_nothing_is_reported() {
    assert_eq!(Fixture::new(&[EGRESS], None).reported(), []);
}

#[test]
fn what_kube_vip_writes_is_no_reason_to_ask_policies_again() {
    let mut fixture = Fixture::new(&[EGRESS], None);
    assert_eq!(fixture.look_at(&[EGRESS], Some(AT)), 0);
    assert_eq!(fixture.reported().len(), 1);
    assert_eq!(fixture.look_at(&[EGRESS], None), 0);
    assert_eq!(fixture.reported(), []);
}
