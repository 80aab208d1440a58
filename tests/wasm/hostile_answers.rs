//! Answers that contract 0.2.0 can represent and that are invalid or too large: each affects its own subject and policy
//! only, within the limits of an answer.

use std::sync::{Arc, LazyLock};

use egressd::wasm::{self, Compiler, Error, Loaded};
use egressd_core::chain::{Chain, ChainDecision, Member, MemberRole, PolicyFailure, Validator};
use egressd_core::decision::{Diagnostic, Draft};
use egressd_core::finding::{Finding, at_most};
use egressd_core::text;

use crate::components::component;
use crate::hostile;
use crate::services::{ENGINE, context, policy, validator, view};

static GUARD: LazyLock<Arc<dyn Validator>> =
    LazyLock::new(|| validator(&component("egressd-test-hostile-guard"), "guard"));

/// What misbehaves in every kind of question alike, and how the reason for its failure begins.
const MISBEHAVIOUR: [(&str, &str); 16] = [
    ("loop", "it used up its 10000000 units of fuel (an endless loop?)"),
    ("fill", "it used up its 10000000 units of fuel (an endless loop?)"),
    ("memory", "it requested "),
    ("recursion", "its calls are nested too deep (infinite recursion?)"),
    ("panic", "it panicked; its last log line: panicked at "),
    ("log-storm", "it logs too much: more than 10000 lines"),
    ("huge-answer", "its answer cannot be read, or is larger than 1048576 bytes: "),
    ("aliased-answer", "its answer cannot be read, or is larger than 1048576 bytes: "),
    ("code", "its answer is invalid: diagnostic code \"Not Kebab\" is not kebab-case"),
    ("long-code", "its answer is invalid: diagnostic code \"xxxx"),
    ("span", "its answer is invalid: a span of 1 bytes at 1 is not in annotation \"\""),
    ("span-overflow", "its answer is invalid: a span of 4294967295 bytes at 4294967295 is not in annotation \"\""),
    ("span-elsewhere", "its answer is invalid: a span of 0 bytes at 0 is not in annotation \"not/sent\""),
    ("empty-rule-id", "its answer is invalid: a rule has an empty id; give it a short name"),
    ("long-rule-id", "its answer is invalid: the id of a rule is longer than 256 bytes: \"xxxx"),
    ("extra", "its answer is invalid: the extra name \"later\" of a diagnostic is unknown; leave it out"),
];

fn validate(behaviour: &str) -> Result<Vec<Diagnostic>, PolicyFailure> {
    GUARD.validate(&context(), &view(behaviour, &[]), &Draft::default())
}

#[test]
fn a_validator_that_misbehaves_fails_with_the_reason_and_leaves_nothing_behind() {
    for (behaviour, begin) in MISBEHAVIOUR {
        let PolicyFailure { policy, reason, kind: _ } = validate(behaviour).err().unwrap();
        assert!(policy == "guard" && reason.starts_with(begin), "{behaviour}: {reason}");
        assert!(reason.len() <= text::MAX_MESSAGE_LENGTH, "{behaviour}: {} bytes", reason.len());
        assert_eq!(validate("fine").unwrap(), [], "after {behaviour}");
    }
}

#[test]
fn a_policy_that_misbehaves_fails_with_the_same_reasons() {
    let policy = policy(&ENGINE, hostile::component(), "hostile", "{}");
    for (behaviour, begin) in MISBEHAVIOUR {
        let failure = policy.evaluate(&context(), &view(behaviour, &[]), &Draft::default()).err().unwrap();
        assert!(failure.reason.starts_with(begin), "{behaviour}: {failure}");
    }
}

#[test]
fn a_validator_that_misbehaves_affects_its_own_subject_only() {
    let built_in = policy(&ENGINE, wasm::built_in(), "annotations", "{}");
    let chain =
        Chain::new([Member::new(MemberRole::Policy(built_in)), Member::new(MemberRole::Validator(Arc::clone(&GUARD)))]);
    let decision = |name| chain.evaluate(&context(), &view(name, &[("kube-vip.io/egress", "true")])).decision;
    for behaviour in ["loop", "memory", "panic", "huge-answer", "span-elsewhere", "extra"] {
        assert!(
            matches!(decision(behaviour), ChainDecision::Failed(failure) if failure.policy == "guard"),
            "{behaviour}"
        );
        assert!(
            matches!(decision("fine"), ChainDecision::Draft(draft) if draft.rules().len() == 1),
            "after {behaviour}"
        );
        assert_eq!(decision("deny"), ChainDecision::Denied { policy: "guard".to_owned() }, "after {behaviour}");
    }
}

#[test]
fn a_validators_reports_are_few_short_and_plain() {
    let findings = |behaviour| at_most(validate(behaviour).unwrap().into_iter().map(Finding::from));
    assert_eq!(findings("escape")[0].message, "a [2Jb c");
    assert_eq!(findings("many").len(), 17);
    assert!(findings("wide")[0].message.len() <= text::MAX_MESSAGE_LENGTH);
}

#[test]
fn fields_that_0_2_0_is_the_first_to_have_are_refused_by_name() {
    let policy = policy(&ENGINE, hostile::component(), "hostile", "{}");
    for (behaviour, what) in [
        ("address-family", "rule \"one\": 2001:db8::1 is not IPv4, as the rule's address is; leave it out"),
        ("no-address", "rule \"one\": it has no address to translate to; name one of the subject's own"),
        ("translated-backwards", "rule \"one\": range 90-80 is backwards; write 80-90"),
        ("dscp", "rule \"one\": DSCP 64 is not a code point; write 0 to 63"),
        ("empty-mark", "rule \"one\": a mark with mask 0 sets nothing; write a mask, or leave the mark out"),
        ("mark", "rule \"one\": mark 0x2 has bits outside of its mask 0x1; write 0x0, or a wider mask"),
        ("gateway-values", "label \"team\" has values, and its operator takes none; leave them out"),
        ("gateway-no-values", "label team has a list without values, which selects nothing; name one, or leave it out"),
        ("gateway-key", "\"-\" is not a label's name; write one like team or example.com/team"),
    ] {
        let failure = policy.evaluate(&context(), &view(behaviour, &[]), &Draft::default()).err().unwrap();
        assert_eq!(failure.reason, format!("its answer is invalid: {what}"));
    }
}

#[test]
fn a_rule_of_many_foreign_addresses_or_a_long_id_is_refused_with_a_short_message() {
    let policy = policy(&ENGINE, hostile::component(), "hostile", "{}");
    let chain = Chain::new([Member::new(MemberRole::Policy(policy))]);
    for (behaviour, part) in [
        ("many-addresses", "its answer is refused: "),
        ("long-id", "its answer is invalid: the id of a rule is longer than 256 bytes: "),
    ] {
        let verdict = chain.evaluate(&context(), &view(behaviour, &[]));
        let ChainDecision::Failed(failure) = verdict.decision else { panic!("{behaviour}: {:?}", verdict.decision) };
        assert!(failure.reason.starts_with(part) && failure.reason.len() < 600, "{behaviour}: {failure}");
    }
}

/// Loads the hostile policy, which describes itself in this way.
fn describe(behaviour: &str) -> Result<Loaded, Error> {
    let settings = format!("{{\"do\": \"describe-{behaviour}\"}}");
    wasm::load(&ENGINE, &Compiler::InProcess, hostile::component(), "hostile", &settings)
}

#[test]
fn a_policy_whose_description_fails_or_is_invalid_is_refused_with_the_reason() {
    for (behaviour, begin) in [
        ("loop", "it used up its 10000000 units of fuel (an endless loop?)"),
        ("memory", "it requested "),
        ("panic", "it panicked; its last log line: panicked at "),
        ("huge", "its answer cannot be read, or is larger than 1048576 bytes: "),
        ("many-kinds", "its answer cannot be read, or is larger than 1048576 bytes: "),
        ("extra", "its answer is invalid: its description has \"later\" in its extra, which this egressd does not"),
        ("no-kinds", "its answer is invalid: its description lists no kinds of subjects"),
    ] {
        let Err(Error::Question { policy, source }) = describe(behaviour) else { panic!("{behaviour} is taken") };
        assert!(policy == "hostile" && source.reason.starts_with(begin), "{behaviour}: {source}");
        assert!(describe("well").is_ok(), "after {behaviour}");
    }
}

#[test]
fn an_accepted_description_is_short_and_plain() {
    let wide = describe("wide").unwrap().description;
    assert!(
        wide.summary.len() <= text::MAX_MESSAGE_LENGTH && !wide.summary.contains('\n'),
        "{} bytes",
        wide.summary.len()
    );
    assert_eq!(describe("escape").unwrap().description.name, "a [2Jb c");
}
