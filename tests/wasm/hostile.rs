//! Policies that misbehave: each affects its own answer only, and its failure has the reason (P7).

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egressd::wasm::{Engine, Limits};
use egressd_core::chain::{FailureKind, Policy, PolicyFailure};
use egressd_core::decision::{Decision, Draft, Outcome};
use egressd_core::finding::{Finding, at_most};

use crate::components;
use crate::services::{ENGINE, changed, context, policy, view};

static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| components::component("egressd-test-hostile"));

static POLICY: LazyLock<Arc<dyn Policy>> = LazyLock::new(|| load(&ENGINE));

/// The hostile policy.
pub(crate) fn component() -> &'static [u8] {
    &COMPONENT
}

fn load(engine: &Engine) -> Arc<dyn Policy> {
    policy(engine, component(), "hostile", "{}")
}

fn evaluate(behaviour: &str) -> Result<Outcome, PolicyFailure> {
    POLICY.evaluate(&context(), &view(behaviour, &[]), &Draft::default())
}

/// The reason of the expected failure.
fn reason(behaviour: &str) -> String {
    let PolicyFailure { policy, reason, kind: _ } = evaluate(behaviour).err().unwrap();
    assert_eq!(policy, "hostile");
    reason
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(reason("loop"), "it used up its 10000000 units of fuel (an endless loop?)");
}

#[test]
fn deterministic_failures_are_prompt() {
    for behaviour in ["loop", "memory", "recursion", "panic", "prefix"] {
        assert_eq!(evaluate(behaviour).err().unwrap().kind, FailureKind::Prompt, "{behaviour}");
    }
}

#[test]
fn a_call_that_uses_no_fuel_runs_out_of_time() {
    let engine = Engine::new(Limits { fuel: u64::MAX, time: Duration::from_millis(250), ..Limits::default() }).unwrap();
    let policy = load(&engine);
    let start = Instant::now();
    let failure = policy.evaluate(&context(), &view("loop", &[]), &Draft::default()).err().unwrap();
    assert_eq!(failure.reason, "it ran for more than 0.25 s");
    assert_eq!(failure.kind, FailureKind::Slow);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_policy_that_allocates_endlessly_runs_out_of_memory() {
    let reason = reason("memory");
    assert!(reason.starts_with("it requested "), "{reason}");
    assert!(reason.ends_with(" bytes of memory, and the limit is 16777216"), "{reason}");
}

#[test]
fn endless_recursion_runs_out_of_stack() {
    assert_eq!(reason("recursion"), "its calls are nested too deep (infinite recursion?)");
}

#[test]
fn a_panic_is_reported_with_its_location_and_message() {
    let reason = reason("panic");
    assert!(
        reason.starts_with("it panicked; its last log line: panicked at tests/wasm/hostile/src/misbehave.rs:"),
        "{reason}"
    );
    assert!(reason.ends_with(": the sky is falling"), "{reason}");
}

#[test]
fn the_last_log_line_is_reported_for_every_failure() {
    let expected = "it used up its 10000000 units of fuel (an endless loop?); its last log line: I will loop now";
    assert_eq!(reason("log-then-loop"), expected);
}

#[test]
fn an_answer_that_is_too_large_is_not_read() {
    let reason = reason("huge-answer");
    assert!(reason.starts_with("its answer cannot be read, or is larger than 1048576 bytes: "), "{reason}");
}

#[test]
fn an_answer_that_names_one_string_many_times_is_not_read() {
    let reason = reason("aliased-answer");
    assert!(reason.starts_with("its answer cannot be read, or is larger than 1048576 bytes: "), "{reason}");
}

#[test]
fn filling_memory_repeatedly_runs_out_of_fuel() {
    assert_eq!(reason("fill"), "it used up its 10000000 units of fuel (an endless loop?)");
}

#[test]
fn a_storm_of_log_lines_ends_at_the_same_place_every_time() {
    let expected = "it logs too much: more than 10000 lines, or 16777216 bytes, in one call";
    for behaviour in ["log-storm", "log-wide"] {
        let failure = evaluate(behaviour).err().unwrap();
        assert!(failure.reason.starts_with(expected), "{}", failure.reason);
        assert!(failure.reason.len() < 700, "{}", failure.reason);
    }
}

#[test]
fn invalid_answers_are_refused_and_the_item_named() {
    for (behaviour, what) in [
        ("prefix", "rule \"one\": network 192.0.2.1/33 has a prefix that is too long; write at most 32"),
        ("prefix-ipv6", "rule \"one\": network 2001:db8::1/129 has a prefix that is too long; write at most 128"),
        ("host-bits", "rule \"one\": 192.0.2.1/24 has host bits set; use 192.0.2.0/24"),
        ("network-family", "rule \"one\": 2001:db8::1/128 is not IPv4, as the rule's address is; leave it out"),
        ("source-family", "rule \"one\": 2001:db8::1 is not IPv4, as the rule's address is; leave it out"),
        ("port-zero", "rule \"one\": port 0 is not a port; ports are 1 to 65535"),
        ("backwards", "rule \"one\": range 90-80 is backwards; write 80-90"),
        ("no-id", "a rule has an empty id; give it a short name like \"ipv4\""),
        ("same-id", "two rules have the id \"one\"; give each its own"),
        ("code", "diagnostic code \"Not Kebab\" is not kebab-case of at most 64 bytes, like bad-address"),
        ("span", "a span of 1 bytes at 1 is not in annotation \"\""),
    ] {
        assert_eq!(reason(behaviour), format!("its answer is invalid: {what}"));
    }
}

#[test]
fn a_span_ends_between_characters() {
    let view = view("span", &[("a", "ä")]);
    let failure = POLICY.evaluate(&context(), &view, &Draft::default()).err().unwrap();
    assert_eq!(failure.reason, "its answer is invalid: a span of 1 bytes at 1 is not in annotation \"a\"");
}

/// The findings that the chain makes of the diagnostics.
fn reported(behaviour: &str) -> Vec<Finding> {
    at_most(evaluate(behaviour).unwrap().diagnostics.into_iter().map(Finding::from))
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    assert_eq!(reported("escape")[0].message, "a [2Jb c");
}

#[test]
fn of_many_diagnostics_a_few_are_kept_and_the_rest_is_counted() {
    let findings = reported("many");
    assert_eq!(findings.len(), 17);
    assert_eq!(findings[16].message, "984 more findings are not listed; correct the listed ones first");
    assert!(findings[..16].iter().all(|finding| finding.message == "once more"));
}

#[test]
fn a_code_that_is_too_long_for_a_label_is_refused_with_a_short_message() {
    let quoted = format!("{:?}...", "x".repeat(64));
    let sentence = format!(
        "its answer is invalid: diagnostic code {quoted} is not kebab-case of at most 64 bytes, like bad-address"
    );
    assert_eq!(reason("long-code"), sentence);
}

#[test]
fn a_failure_leaves_no_state_behind() {
    for behaviour in ["panic", "loop", "memory", "recursion", "prefix"] {
        assert!(evaluate(behaviour).is_err());
        assert!(matches!(evaluate("fine").unwrap().decision, Decision::Plan(_)), "after {behaviour}");
    }
}

#[test]
fn only_what_was_asked_for_is_sent_and_some_things_never() {
    let view = changed(view("echo", &[]), |service| {
        for name in [
            "kube-vip.io/egress",
            "kube-vip.io/active-endpoint",
            "kube-vip.io/active-endpoint-ipv6",
            "kubectl.kubernetes.io/last-applied-configuration",
            "egressd.io/status",
        ] {
            service.annotations.insert(name.to_owned(), String::new());
        }
        service.labels.insert("seen/a".to_owned(), String::new());
        service.labels.insert("hidden/b".to_owned(), String::new());
    });
    let outcome = POLICY.evaluate(&context(), &view, &Draft::default()).unwrap();
    assert_eq!(outcome.diagnostics[0].message, "annotations: kube-vip.io/egress; labels: seen/a");
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let log = CapturedLog::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let policy = &*POLICY;
    let outcome = tracing::subscriber::with_default(subscriber, || {
        // Another test may have met the same lines at this moment, with no one to write them for. Once this call is
        // over, it has registered them, and what it found is worked out anew.
        policy.evaluate(&context(), &view("log-flood", &[]), &Draft::default()).unwrap();
        tracing::callsite::rebuild_interest_cache();
        log.0.lock().unwrap().clear();
        policy.evaluate(&context(), &view("log-flood", &[]), &Draft::default())
    });
    assert_eq!(outcome.unwrap().decision, Decision::Pass);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().filter(|line| line.contains("text=\"line ")).count();
    // A line has a bit more than 1000 bytes, and 64 KiB of 1000 are kept.
    assert!((64..=66).contains(&lines), "{lines} lines");
    assert_eq!(text.matches("the policy logs too much; further lines of this call are dropped").count(), 1);
    assert!(text.contains("policy=hostile"));
}

/// The captured output of tracing.
#[derive(Clone, Debug, Default)]
struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
