//! The chain of policies on its own thread.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use egressd::daemon::evaluator::{Evaluator, EvaluatorGone};
use egressd::wasm;
use egressd_core::chain::{Chain, ChainDecision, ChainResult, Member, MemberRole, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Diagnostic, Draft, Outcome};
use egressd_core::model::{Context, SubjectView};
use egressd_core::pipeline::{Question, QuestionQueue};

use crate::hostile;
use crate::services::{ENGINE, context, ip, policy, view, with};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn member(bytes: &[u8], name: &str) -> Member {
    Member::new(MemberRole::Policy(policy(&ENGINE, bytes, name, "{}")))
}

/// The evaluator's verdicts about these Services, which have different names.
fn asked(evaluator: &Evaluator, views: impl IntoIterator<Item = SubjectView>, most: Duration) -> Vec<ChainResult> {
    try_asking(evaluator, views, most).unwrap()
}

fn try_asking(
    evaluator: &Evaluator,
    views: impl IntoIterator<Item = SubjectView>,
    most: Duration,
) -> Result<Vec<ChainResult>, EvaluatorGone> {
    let mut turns = QuestionQueue::default();
    turns.add(views.into_iter().map(|view| Question::about(Arc::new(view))).collect());
    let (_, answers) = run(evaluator.evaluate(Arc::new(context()), turns, most))?;
    Ok(answers.into_iter().map(|(_, verdict)| verdict).collect())
}

#[test]
fn verdicts_are_in_the_order_of_the_services() {
    let evaluator = Evaluator::start(Chain::new([member(wasm::built_in(), "annotations")])).unwrap();
    let services = [("a", "true"), ("b", "false"), ("c", "maybe"), ("d", "true")];
    let services = services.map(|(name, value)| view(name, &[("kube-vip.io/egress", value)]));
    let verdicts = asked(&evaluator, services, Duration::MAX);
    let rulings: Vec<usize> = verdicts
        .iter()
        .map(|verdict| match &verdict.decision {
            ChainDecision::Draft(draft) => draft.rules().len(),
            ChainDecision::Invalid { policy } => policy.len(),
            ChainDecision::Denied { .. } | ChainDecision::Failed(_) => panic!("{verdict:?}"),
        })
        .collect();
    assert_eq!(rulings, [1, 0, "annotations".len(), 1]);
}

#[test]
fn a_failing_policy_does_not_affect_other_services() {
    let members = [member(wasm::built_in(), "annotations"), member(hostile::component(), "hostile")];
    let evaluator = Evaluator::start(Chain::new(members)).unwrap();
    // The address that the policy's only good answer translates to.
    let owner = |name| with(view(name, &[]), |subject| subject.addresses = vec![ip("192.0.2.1")]);
    let verdicts = asked(&evaluator, ["panic", "fine"].map(owner), Duration::MAX);
    assert!(
        matches!(&verdicts[0].decision, ChainDecision::Failed(failure) if failure.policy == "hostile"),
        "{verdicts:?}"
    );
    assert!(matches!(&verdicts[1].decision, ChainDecision::Draft(draft) if draft.rules().len() == 1), "{verdicts:?}");
}

/// A defect of the host itself.
struct PanickingPolicy;

impl Policy for PanickingPolicy {
    fn name(&self) -> &str {
        "bug"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        panic!("on purpose")
    }
}

struct SlowPolicy;

impl Policy for SlowPolicy {
    fn name(&self) -> &str {
        "slow"
    }

    fn evaluate(&self, _: &Context, _: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        thread::sleep(Duration::from_millis(20));
        Ok(Outcome { decision: Decision::Pass, diagnostics: Vec::new() })
    }
}

#[test]
fn it_evaluates_as_many_as_its_time_allows_and_at_least_one() {
    let evaluator = Evaluator::start((Box::new(SlowPolicy) as Box<dyn Policy>).into()).unwrap();
    let services = || (0..50).map(|number| view(&format!("web-{number}"), &[]));
    let answered = |most| asked(&evaluator, services(), most).len();
    assert_eq!(answered(Duration::ZERO), 1);
    assert!((1..50).contains(&answered(Duration::from_millis(100))));
}

/// Records the threads that call it, and takes longer for some Services than for others.
#[derive(Clone, Default)]
struct ThreadRecorder(Arc<Mutex<BTreeSet<String>>>);

impl ThreadRecorder {
    fn threads(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn is_asked(&self) {
        self.0.lock().unwrap().insert(name(thread::current().id()));
    }
}

fn number(view: &SubjectView) -> u64 {
    view.subject.key().name.rsplit('-').next().unwrap().parse().unwrap()
}

fn name(thread: ThreadId) -> String {
    format!("{thread:?}")
}

impl Policy for ThreadRecorder {
    fn name(&self) -> &str {
        "witness"
    }

    fn evaluate(&self, _: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        self.is_asked();
        let number = number(view);
        thread::sleep(Duration::from_micros(50 * (number % 7)));
        let code = format!("number-{number}");
        Ok(Outcome { decision: Decision::Pass, diagnostics: vec![Diagnostic::warning(code, "it was asked")] })
    }
}

/// Which Services were answered, in this order, and on how many threads.
fn answered(count: usize) -> (Vec<String>, usize) {
    let witness = ThreadRecorder::default();
    let evaluator = Evaluator::start((Box::new(witness.clone()) as Box<dyn Policy>).into()).unwrap();
    let services = (0..count).map(|number| view(&format!("web-{number}"), &[]));
    let verdicts = asked(&evaluator, services, Duration::MAX);
    let codes = verdicts.into_iter().map(|mut verdict| verdict.findings.remove(0).code.to_string());
    (codes.collect(), witness.threads())
}

#[test]
fn many_evaluations_run_on_two_threads_and_return_in_order() {
    let processors = thread::available_parallelism().unwrap().get();
    for (count, threads) in [(256, 1), (257, processors.min(2)), (600, processors.min(2))] {
        let expected: Vec<String> = (0..count).map(|number| format!("number-{number}")).collect();
        assert_eq!(answered(count), (expected, threads), "{count}");
    }
}

/// The component instances of the two threads share nothing.
#[test]
fn two_threads_give_the_same_verdicts_as_one() {
    let chain = || Chain::new([member(wasm::built_in(), "annotations")]);
    let (evaluator, alone) = (Evaluator::start(chain()).unwrap(), chain());
    let values = ["true", "maybe", "false"];
    let service =
        |number: usize| view(&format!("web-{number:03}"), &[("kube-vip.io/egress", values[number % values.len()])]);
    let one_by_one: Vec<ChainResult> = (0..300).map(|number| alone.evaluate(&context(), &service(number))).collect();
    assert_eq!(asked(&evaluator, (0..300).map(service), Duration::MAX), one_by_one);
}

#[test]
fn a_bug_on_one_of_two_threads_is_an_error_and_no_hang() {
    let evaluator = Evaluator::start((Box::new(PanickingPolicy) as Box<dyn Policy>).into()).unwrap();
    let services = (0..600).map(|number| view(&format!("web-{number}"), &[]));
    assert_eq!(try_asking(&evaluator, services, Duration::MAX).err(), Some(EvaluatorGone));
}

#[test]
fn a_thread_that_has_ended_is_an_error_and_no_hang() {
    let evaluator = Evaluator::start((Box::new(PanickingPolicy) as Box<dyn Policy>).into()).unwrap();
    let ask = || try_asking(&evaluator, [view("web", &[])], Duration::MAX);
    assert_eq!(ask().err(), Some(EvaluatorGone));
    assert_eq!(ask().err(), Some(EvaluatorGone));
}
