//! A policy that does what the annotation `do` says, and can be made to wait.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, mpsc};

use crate::policies::Loaded;
use egressd_core::chain::{Chain, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::check::DEFECT;
use egressd_core::decision::{Decision, Draft, OnChange, Outcome, Rule};
use egressd_core::model::{Context, SubjectView};
use egressd_core::testkit::{RuleParts, n, rule};
use ipnet::{IpNet, Ipv4Net};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What Services write to have their pods translated to their first address.
pub(super) const TRANSLATE: &str = "translate";
/// The same, after the test has let the policy go on.
pub(super) const SLOWLY: &str = "slowly";
/// The same, for what goes to [`NETWORK`] alone, which takes a chain in the kernel.
pub(super) const NARROWLY: &str = "narrowly";
/// The same with [`NETWORKS`] networks beside, so that the pod takes as many rules.
pub(super) const WIDELY: &str = "widely";
/// The same, and connections that contradict a change are ended.
pub(super) const SEVERING: &str = "severing";
/// The same, with a rule that no plan may have.
pub(super) const DEFECTIVE: &str = "defective";
/// To have no translation.
pub(super) const NOTHING: &str = "nothing";

/// What some Services are translated towards.
const NETWORK: &str = "198.51.100.0/24";

/// How many more networks some have: with two Services a change is too large for one slice.
const NETWORKS: u32 = 2_500;

/// No two of them are one.
fn networks() -> Vec<IpNet> {
    let network = |number: u32| Ipv4Net::new(Ipv4Addr::from_bits(0xC612_0000 + 2 * number), 32).unwrap();
    (0..NETWORKS).map(|number| network(number).into()).chain([n(NETWORK)]).collect()
}

/// See the module.
#[derive(Debug)]
struct AnnotationPolicy {
    begun: UnboundedSender<()>,
    may_end: Mutex<mpsc::Receiver<()>>,
}

/// The test's end of the policy that waits.
#[derive(Debug)]
pub(super) struct Gate {
    begun: UnboundedReceiver<()>,
    may_end: mpsc::Sender<()>,
}

impl Gate {
    /// Waits until the policy was asked about a Service that wants it to wait.
    pub(super) async fn policy_waits(&mut self) {
        self.begun.recv().await.unwrap();
    }

    /// Lets the policy answer once.
    pub(super) fn open(&self) {
        self.may_end.send(()).unwrap();
    }
}

impl AnnotationPolicy {
    /// Where the test is over, neither has an end any more.
    fn wait(&self) {
        let _ = self.begun.send(());
        let _ = self.may_end.lock().unwrap().recv();
    }
}

impl Policy for AnnotationPolicy {
    fn name(&self) -> &'static str {
        "annotation"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let setting = view.subject.annotations().get("do").unwrap_or(NOTHING);
        if setting == SLOWLY {
            self.wait();
        }
        let rule = |address| rule(view.local_endpoints(context).map(|endpoint| endpoint.address), address);
        let as_set = |rule: Rule| match setting {
            DEFECTIVE => rule.with_id(DEFECT),
            WIDELY => RuleParts { include: networks(), ..rule.into() }.rule(),
            NARROWLY => RuleParts { include: vec![n(NETWORK)], ..rule.into() }.rule(),
            _ => rule,
        };
        let plan = |rule| {
            let mut draft = Draft::of(vec![as_set(rule)]);
            draft.on_change = (setting == SEVERING).then_some(OnChange::Sever);
            Decision::Plan(draft)
        };
        let address = view.subject.addresses.first().filter(|_| setting != NOTHING);
        let decision = address.map_or(Decision::Pass, |address| plan(rule(*address)));
        Ok(Outcome { decision, diagnostics: vec![] })
    }
}

/// The policy as the only one of a chain.
pub(super) fn annotation_policy() -> (Chain, Gate) {
    let (says_begun, begun) = unbounded_channel();
    let (may_end, waits) = mpsc::channel();
    let policy = AnnotationPolicy { begun: says_begun, may_end: Mutex::new(waits) };
    (Chain::new([Member::new(MemberRole::Policy(Arc::new(policy)))]), Gate { begun, may_end })
}

/// What the loader gives once a chain is loaded.
pub(super) fn loaded(chain: Option<Chain>) -> Loaded {
    Loaded { chain, reports: vec![], valid: BTreeMap::new(), findings: vec![] }
}
