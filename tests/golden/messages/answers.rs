//! Messages about answers of policies, limits and defects, from the constructors of the core.

use std::collections::BTreeMap;
use std::sync::Arc;

use egressd_core::chain::{
    Chain, ChainDecision, ChainResult, Contract, FailureKind, Member, MemberRole, Policy, PolicyFailure,
};
use egressd_core::check::{NoteKind, Overlap, PlanNote};
use egressd_core::decision::{Decision, Diagnostic, Draft, Outcome, Rule, RuleError};
use egressd_core::finding::{Finding, at_most};
use egressd_core::model::{
    ChangeKey, Context, PolicyObject, Snapshot, SubjectKey, SubjectKind, SubjectKinds, SubjectView,
};
use egressd_core::net::Family;
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Round};
use egressd_core::plan::{Excess, Limit};
use egressd_core::policy::{OnFailure, PolicySpec};
use egressd_core::status::SubjectStatus;
use egressd_core::testkit::{Several, SnapshotBuilder, a, egress_policy, rule, service, settings};
use egressd_policy_sdk::{NoSettings, Settings as _};

/// All of them.
pub(super) fn findings() -> Vec<Finding> {
    [failures(), refusals(), waiting(), not_shown(), config_maps(), limits(), defects(), states(), of_the_sdk()]
        .concat()
}

/// A policy that does the same about every Service.
struct Fixed(fn(&SubjectView) -> Result<Decision, PolicyFailure>);

impl Policy for Fixed {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn evaluate(&self, _: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        (self.0)(view).map(|decision| Outcome { decision, diagnostics: vec![] })
    }
}

fn fixed(policy: fn(&SubjectView) -> Result<Decision, PolicyFailure>) -> Member {
    Member::new(MemberRole::Policy(Arc::new(Fixed(policy))))
}

fn failure(kind: FailureKind, reason: &str) -> PolicyFailure {
    PolicyFailure { policy: "guard".to_owned(), reason: reason.to_owned(), kind }
}

/// The Service `default/web`, and what is asked about it.
struct World {
    pipeline: Pipeline,
    snapshot: Snapshot,
}

impl World {
    fn new(snapshot: SnapshotBuilder) -> Self {
        Self { pipeline: Pipeline::new(settings(Owner::Any), BTreeMap::new()), snapshot: snapshot.build() }
    }

    fn web(addresses: &[&str], endpoints: &[&str]) -> Self {
        Self::new(SnapshotBuilder::default().service(service("web", addresses), endpoints))
    }

    /// What is found when the policies answer.
    fn ask(&mut self, chain: &Chain) -> Vec<Finding> {
        self.answer(|context, view| chain.evaluate(context, view))
    }

    fn answer(&mut self, result: impl Fn(&Context, &SubjectView) -> ChainResult) -> Vec<Finding> {
        let keys = self.snapshot.services.keys().chain(self.snapshot.egress_policies.keys());
        let mut questions = self.pipeline.update(&self.snapshot, &keys.cloned().map(ChangeKey::Subject).collect());
        while !questions.is_empty() {
            let context = self.pipeline.context();
            let answers = questions.into_iter().map(|question| {
                let result = result(&context, &question.view);
                (question, result)
            });
            questions = self.pipeline.answer(answers.collect());
        }
        let Round { statuses, .. } = self.pipeline.round();
        statuses.into_values().flat_map(|status| status.findings).collect()
    }
}

fn web() -> World {
    World::web(&["192.0.2.10"], &["10.0.0.1"])
}

/// A policy that cannot answer, by what its operator chose for that.
fn failures() -> Vec<Finding> {
    let trapped = fixed(|_| Err(failure(FailureKind::Prompt, "it trapped: unreachable executed")));
    let member = |on_failure| Chain::new([Member { on_failure, ..trapped.clone() }]);
    let missing =
        Member { name: "guard".to_owned(), ..Member::new(MemberRole::Missing("it has no module".to_owned())) };
    let chains = [OnFailure::KeepLast, OnFailure::Closed, OnFailure::Skip].map(member);
    chains.into_iter().chain([Chain::new([missing])]).flat_map(|chain| web().ask(&chain)).collect()
}

/// An answer that the host refuses, from one policy and of all together.
fn refusals() -> Vec<Finding> {
    let foreign = |address: &str| rule([a("10.0.0.1")], a(address));
    let drafts: [Vec<Rule>; 3] = [
        vec![foreign("192.0.2.99")],
        vec![rule([a("10.0.0.9")], a("192.0.2.10"))],
        vec![foreign("192.0.2.10"), foreign("192.0.2.10")],
    ];
    let result = |rules: &[Rule]| ChainResult::new(ChainDecision::Draft(Draft::of(rules.to_vec()).into()));
    let refused = drafts.iter().flat_map(|rules| web().answer(|_, _| result(rules)));
    let steals = fixed(|_| Ok(Decision::Plan(Draft::of(vec![rule([a("10.0.0.1")], a("192.0.2.99"))]))));
    refused.chain(web().ask(&Chain::new([steals]))).collect()
}

/// A policy whose failures took too much time.
fn waiting() -> Vec<Finding> {
    let mut world = web();
    let good = |_: &Context, _: &SubjectView| {
        ChainResult::new(ChainDecision::Draft(Draft::of(vec![rule([a("10.0.0.1")], a("192.0.2.10"))]).into()))
    };
    world.answer(good);
    world.snapshot = World::web(&["192.0.2.10"], &["10.0.0.1", "10.0.0.2"]).snapshot;
    let rests = "it is evaluated once per second only, because its failures took 18 s of the last minute; the last \
                 failure: it ran for more than 1 s";
    let deferred = failure(FailureKind::Deferred, rests);
    let result = ChainResult::new(ChainDecision::Failed(deferred.clone()));
    world.answer(|_, _| ChainResult { failures: vec![deferred.clone()], ..result.clone() })
}

/// What a policy's contract has no form for.
fn not_shown() -> Vec<Finding> {
    let pass = || Member { order: 1, ..fixed(|_| Ok(Decision::Pass)) };
    let several = Member::new(MemberRole::Policy(Arc::new(Several)));
    let old = pass().handling(SubjectKinds::services(), Contract::Services("0.1.0"));
    let draft = World::web(&["192.0.2.10", "192.0.2.11"], &["10.0.0.1"]).ask(&Chain::new([several, old.clone()]));
    let new = pass().handling(SubjectKinds::services(), Contract::Subjects("0.2.0"));
    let policy = egress_policy("web", &["192.0.2.10"], &["10.0.0.1"]);
    let kinds = [pass(), old, new]
        .map(|member| World::new(SnapshotBuilder::default().egress_policy(policy.clone())).ask(&Chain::new([member])));
    [draft, kinds.concat()].concat()
}

/// ConfigMaps that are no policies.
fn config_maps() -> Vec<Finding> {
    let object = |name: &str| PolicyObject { name: name.to_owned(), ..PolicyObject::default() };
    let annotated = |annotation: &str, value: &str| PolicyObject {
        annotations: [(annotation.to_owned(), value.to_owned())].into(),
        wasm: Some(Arc::new([])),
        ..object("guard")
    };
    let both = PolicyObject { wasm: Some(Arc::new([])), gzip: Some(Arc::new([])), ..object("guard") };
    let labelled =
        PolicyObject { labels: [("egressd.io/order".to_owned(), "1".to_owned())].into(), ..annotated("a", "b") };
    let objects = [
        object("My_Policy"),
        both,
        labelled,
        annotated("egressd.io/oder", "1"),
        annotated("egressd.io/order", "first"),
        annotated("egressd.io/mode", "on"),
        annotated("egressd.io/on-failure", "open"),
        annotated("egressd.io/required", "yes"),
        annotated("egressd.io/namespaces", "a b"),
        annotated("egressd.io/sha256", "abc"),
    ];
    objects.iter().flat_map(|object| PolicySpec::read(object, "annotations").err().unwrap_or_default()).collect()
}

fn limits() -> Vec<Finding> {
    let key = SubjectKey::service("shop", "web");
    let excess = [
        (Limit::ServiceRules, 20, 16),
        (Limit::ServiceNetworks, 600, 512),
        (Limit::NamespaceElements, 70_000, 65_536),
        (Limit::NamespaceNetworks, 5_000, 4_096),
        (Limit::NamespaceChains, 300, 256),
        (Limit::NodeElements, 600_000, 524_288),
        (Limit::NodeNetworks, 40_000, 32_768),
        (Limit::NodeChains, 3_000, 2_048),
    ];
    let excess = excess.map(|(limit, value, most)| Excess { limit, value, most }.finding(&key));
    excess.into_iter().chain([Excess::of_endpoints(SubjectKind::Service, 5_000, 4_096)]).collect()
}

/// What must not be, and pods that two Services have.
fn defects() -> Vec<Finding> {
    let note = |kind| PlanNote { subject: SubjectKey::service("shop", "web"), kind }.finding();
    let other = SubjectKey::service("shop", "api");
    let overlap = |more, pods| Overlap { other: other.clone(), more, pod: a("10.0.0.1"), pods };
    let kinds = [
        NoteKind::FamilyUnknown(Family::Ipv6),
        NoteKind::NoSources("web-1".to_owned()),
        NoteKind::MixedFamilies("web-1".to_owned()),
        NoteKind::Unmerged(Family::Ipv4),
        NoteKind::Behind(overlap(0, 1)),
        NoteKind::Behind(overlap(2, 3)),
        NoteKind::Before(overlap(0, 1)),
    ];
    kinds.map(note).into_iter().collect()
}

/// Changes that are not in force, or not wholly, and more findings than are listed.
fn states() -> Vec<Finding> {
    let why = "cannot add element 10.0.0.1 to map egress_addrs of table ip kube_vip_v4: EINVAL; retrying";
    let held_back = SubjectStatus::held_back(SubjectKind::Service, None, why);
    let many = at_most((0..30).map(|number| Finding::error("unknown-protocol", number.to_string())));
    [held_back.findings, SubjectStatus::under_way(None).findings, many[many.len() - 1..].to_vec()].concat()
}

/// What every policy in Rust reports about its settings and its rules.
fn of_the_sdk() -> Vec<Finding> {
    let settings = NoSettings::parse("{\"port\": 443}").err();
    let rule = Diagnostic::from(RuleError::SameId { id: "ipv4".to_owned() });
    settings.into_iter().chain([rule]).map(Finding::from).collect()
}
