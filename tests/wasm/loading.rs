//! What cannot be loaded, with which error; and what can.

use std::error::Error as _;

use egressd::wasm::{self, Compiler, Error, Limits, Version, World};
use egressd_core::chain::{Chain, ChainDecision, FailureKind, Member, MemberRole};
use egressd_core::decision::{Decision, Diagnostic, Draft};
use egressd_core::finding::Finding;
use egressd_core::text::Text;
use proptest::prelude::*;

use crate::guests::{self, Guest, StartFunction};
use crate::hostile;
use crate::services::{CHILD, ENGINE, context, policy, validator, view};

/// The error and its causes, as `main` would print them.
pub(crate) fn refused_by(compiler: &Compiler, bytes: &[u8], settings: &str) -> String {
    let error: Error = wasm::load(&ENGINE, compiler, bytes, "mine", settings).err().unwrap();
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

fn refused(bytes: &[u8], settings: &str) -> String {
    refused_by(&Compiler::InProcess, bytes, settings)
}

/// Why bytes are no policy: the same sentence from this process, from a child, and from `inspect`.
fn unfit(bytes: &[u8]) -> String {
    let message = refused(bytes, "{}");
    assert_eq!(refused_by(&CHILD, bytes, "{}"), message);
    let sentence = message.strip_prefix("cannot use policy mine: ").unwrap().to_owned();
    assert_eq!(wasm::inspect(bytes).err().unwrap().to_string(), sentence);
    sentence
}

#[test]
fn a_file_that_is_not_a_component_is_refused_with_its_kind() {
    let native = {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model(true);
        wasmtime::Engine::new(&config).unwrap().precompile_component(guests::EMPTY).unwrap()
    };
    for (bytes, expected) in [
        (b"".as_slice(), "it is empty: "),
        (b"#!/bin/sh\n", "it is text and not WebAssembly: "),
        (b"(component)", "it is text and not WebAssembly: "),
        (b"\x1f\x8b\x08\0", "it is compressed with gzip: "),
        (b"\xff\xfe\0\0", "it is not WebAssembly: "),
        (&native, "it is native code, which is never run: "),
        (b"\0asm\x01\0\0\0", "it is a core module and not a component: `egressd policy build` makes "),
        (&vec![0; wasm::MAX_COMPONENT + 1], "it has 4194305 bytes, and the limit is 4194304: "),
        (b"\0as", "it ends in the middle of something, behind byte 3: "),
    ] {
        let sentence = unfit(bytes);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn a_component_of_another_world_is_refused() {
    for (bytes, expected) in [
        (guests::EMPTY.to_vec(), "it exports none of egressd:policy/evaluator@0.1.0, egressd:policy/complainer@0.1.0"),
        (
            guests::exporting(&["egressd:policy/evaluator@0.1.0", "egressd:policy/complainer@0.1.0"]),
            "it exports both egressd:policy/evaluator@0.1.0 and egressd:policy/complainer@0.1.0: make two",
        ),
        (
            guests::exporting(&["egressd:policy/evaluator@0.2.0", "egressd:policy/checker@0.2.0"]),
            "it exports both egressd:policy/evaluator@0.2.0 and egressd:policy/checker@0.2.0: make two",
        ),
        (
            guests::exporting(&["egressd:policy/evaluator@0.3.0"]),
            "it was built for egressd:policy/evaluator@0.3.0, and this egressd serves contract 0.1.0 and 0.2.0: ",
        ),
        (
            guests::exporting(&["egressd:policy/evaluator@0.1.0", "egressd:policy/checker@0.2.0"]),
            "it has interfaces of contract 0.1.0 and 0.2.0 together, and a component is of one version: ",
        ),
        (
            guests::exporting(&["egressd:policy/selector@0.2.0"]),
            "it has world subjects, which this egressd cannot ask yet; worlds policy and validator are served: ",
        ),
        (
            guests::exporting(&["egressd:policy/evaluator@0.2.0", "egressd:policy/selector@0.2.0"]),
            "it has world subjects, which this egressd cannot ask yet",
        ),
        (
            guests::exporting(&["egressd:policy/complainer@0.2.0"]),
            "it exports none of egressd:policy/evaluator@0.1.0, egressd:policy/complainer@0.1.0, \
             egressd:policy/evaluator@0.2.0, egressd:policy/checker@0.2.0: ",
        ),
        (guests::exporting(&["egressd:policy/checker@0.2.0"]), "it does not fit the contract egressd:policy@0.2.0: "),
        (guests::exporting(&["egressd:policy/evaluator@0.1.0"]), "it does not fit the contract egressd:policy@0.1.0: "),
    ] {
        let sentence = unfit(&bytes);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn a_component_that_imports_more_than_the_log_is_refused() {
    for (bytes, expected) in [
        (
            guests::importing("wasi:io/poll@0.2.9"),
            "it imports wasi:io/poll@0.2.9, and a policy has no access to the system: build ",
        ),
        (
            guests::importing("acme:net/http@1.0.0"),
            "it imports acme:net/http@1.0.0, and a policy may import egressd:policy/host and nothing else: ",
        ),
        (
            guests::importing("egressd:policy/host@0.3.0"),
            "it was built for egressd:policy/host@0.3.0, and this egressd ",
        ),
    ] {
        let sentence = unfit(&bytes);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn a_component_of_0_2_0_lists_the_kinds_of_subjects_that_it_handles() {
    for world in ["policy", "validator"] {
        let component = Guest { version: "0.2.0", world, ..Guest::new() }.component();
        assert_eq!(wasm::inspect(&component).unwrap().contract, Version::V0_2);
        let error = wasm::load(&ENGINE, &CHILD, &component, "mine", "{}").unwrap_err();
        let reason = error.source().unwrap().to_string();
        let expected = "its description lists no kinds of subjects, so it can be asked about nothing; list Service";
        assert!(reason.ends_with(expected), "{reason}");
    }
}

#[test]
fn a_component_with_a_too_large_initial_memory_or_table_is_refused() {
    let large = Guest { pages: 65_536, ..Guest::new() };
    let expected = "its memory begins with 4294967296 bytes, and the limit is 16777216: ";
    assert!(unfit(&large.component()).starts_with(expected));
    let large = Guest { elements: 10_000_000, ..Guest::new() };
    let expected = "its table begins with 10000000 elements, and the limit is 4096: ";
    assert!(unfit(&large.component()).starts_with(expected));
}

#[test]
fn features_that_the_engine_has_not_are_refused() {
    // v128.const 0; drop
    let body = [vec![0, 0xfd, 0x0c], vec![0; 16], vec![0x1a, 0x0b]].concat();
    let guest = Guest::with(body);
    let sentence = unfit(&guest.component());
    assert!(sentence.starts_with("it is not valid WebAssembly, or uses a feature "), "{sentence}");
    assert!(sentence.to_lowercase().contains("simd"), "{sentence}");
}

#[test]
fn a_part_that_is_never_instantiated_is_refused_at_any_depth() {
    let module = guests::section(1, b"\0asm\x01\0\0\0");
    let component = guests::section(4, guests::EMPTY);
    let beside = |section: &[u8]| [Guest::new().component(), section.to_vec()].concat();
    for (bytes, what) in [
        (beside(&module), "core module 1"),
        (beside(&component), "component 1"),
        (guests::wrapping(&[guests::EMPTY, &module].concat()), "core module 0"),
        (guests::wrapping(&[guests::EMPTY, &component].concat()), "component 0"),
        // Under a second name it is no more in use.
        (guests::wrapping(&[guests::EMPTY, &module, &guests::exported("m", &[0, 0x11])].concat()), "core module 0"),
        (guests::wrapping(&[guests::EMPTY, &component, &guests::exported("c", &[4])].concat()), "component 0"),
    ] {
        let sentence = unfit(&bytes);
        assert_eq!(
            sentence,
            format!("it has {what}, which is never instantiated, so no call can reach it: leave it out")
        );
    }
    assert!(wasm::inspect(&guests::wrapping(&guests::instances(2))).is_ok());
}

#[test]
fn a_start_function_that_loops_runs_out_of_fuel() {
    // loop br 0 end
    let guest = Guest { start: StartFunction::First, ..Guest::with(vec![0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]) };
    let message = refused(&guest.component(), "{}");
    let expected = "it used up its 10000000 units of fuel (an endless loop?)";
    assert_eq!(message, format!("cannot call policy mine: policy mine failed: {expected}"));
}

#[test]
fn settings_that_the_policy_refuses_are_refused_with_its_message() {
    let message = refused(wasm::built_in(), r#"{"suffix": "x"}"#);
    let expected = "cannot use the settings of policy mine: unknown setting \"suffix\"; the only one is \"prefix\"";
    assert_eq!(message, expected);
    let message = refused(hostile::component(), "refuse");
    assert_eq!(message, "cannot use the settings of policy mine: not these; nor those");
}

#[test]
fn a_policy_that_fails_on_its_settings_is_refused() {
    let message = refused(hostile::component(), "panic");
    assert!(message.starts_with("cannot call policy mine: policy mine failed: it panicked"), "{message}");
    assert!(message.ends_with(": no settings like these"), "{message}");
}

#[test]
fn warnings_about_settings_do_not_refuse_them() {
    assert!(wasm::load(&ENGINE, &CHILD, hostile::component(), "mine", "{}").is_ok());
}

#[test]
fn a_component_compiled_by_a_child_answers_as_one_compiled_in_process() {
    let loaded = wasm::load(&ENGINE, &CHILD, &Guest::new().component(), "mine", "{}").unwrap();
    assert!(loaded.meter.last() > 0);
    let here = policy(&ENGINE, &Guest::new().component(), "mine", "{}");
    let outcome = here.evaluate(&context(), &view("web", &[]), &Draft::default()).unwrap();
    assert_eq!(outcome.decision, Decision::Pass);
}

#[test]
fn a_validator_may_report_nothing() {
    let component = Guest { world: "validator", ..Guest::new() }.component();
    assert_eq!(wasm::inspect(&component).unwrap().world, World::Validator);
    let validator = validator(&component, "guard");
    assert_eq!(validator.name(), "guard");
    assert_eq!(validator.validate(&context(), &view("web", &[]), &Draft::default()).unwrap(), []);
}

/// One diagnostic as the canonical ABI lays it out, with text behind it; all from 1024 on.
fn complaint(severity: u8, code: &str, message: &str) -> Vec<u8> {
    const RECORD: u32 = 60;
    let (record, text) = (1024 + 8, 1024 + 8 + RECORD);
    let (code_length, length) = (code.len() as u32, message.len() as u32);
    let list = [record, 1];
    let strings = [text, code_length, text + code_length, length];
    let bytes = |bytes: &[u32]| bytes.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    // No span, no rule, nothing extra.
    [bytes(&list), vec![severity, 0, 0, 0], bytes(&strings), vec![0; 40], code.into(), message.into()].concat()
}

#[test]
fn a_validators_error_denies_the_service_and_its_invalid_answer_is_a_failure() {
    let guard = |answer| validator(&Guest { world: "validator", answer, ..Guest::new() }.component(), "guard");
    let decision = |answer| {
        let chain = Chain::new([Member::new(MemberRole::Validator(guard(answer)))]);
        chain.evaluate(&context(), &view("web", &[]))
    };
    let verdict = decision(complaint(2, "no-ports", "not here"));
    assert_eq!(verdict.decision, ChainDecision::Denied { policy: "guard".to_owned() });
    assert_eq!(verdict.findings, [Finding::error("no-ports", "not here").of_policy(Text::new("guard"))]);
    assert!(matches!(decision(complaint(1, "no-ports", "careful")).decision, ChainDecision::Draft(_)));
    let ChainDecision::Failed(failure) = decision(complaint(2, "No Ports", "not here")).decision else {
        panic!("no failure")
    };
    assert_eq!(
        failure.reason,
        "its answer is invalid: diagnostic code \"No Ports\" is not kebab-case of at most 64 bytes, like bad-address"
    );
    assert_eq!(failure.kind, FailureKind::Prompt);
}

/// No egressd before contract 0.2.0 checked that.
#[test]
fn a_diagnostic_of_contract_0_1_0_with_an_empty_rule_id_is_about_no_rule() {
    const RULE_ID: usize = 8 + 40;
    let mut answer = complaint(1, "no-ports", "careful");
    answer[RULE_ID] = 1;
    let component = Guest { version: "0.1.0", world: "validator", answer, ..Guest::new() }.component();
    let answer = validator(&component, "guard").validate(&context(), &view("web", &[]), &Draft::default());
    assert_eq!(answer.unwrap(), [Diagnostic::warning("no-ports", "careful")]);
}

#[test]
fn an_inspection_lists_the_parts() {
    let inspection = wasm::inspect(wasm::built_in()).unwrap();
    assert_eq!(inspection.world, World::Policy);
    assert_eq!(inspection.contract, Version::V0_2);
    assert_eq!(inspection.exports, ["egressd:policy/evaluator@0.2.0"]);
    assert!(inspection.imports.contains(&"egressd:policy/host@0.2.0".to_owned()), "{inspection:?}");
    assert_eq!(inspection.bytes, wasm::built_in().len());
    assert!((10..1000).contains(&inspection.functions), "{inspection:?}");
    assert!((1000..40_000).contains(&inspection.largest_function), "{inspection:?}");
    assert!(inspection.memory > 0 && inspection.memory <= Limits::MEMORY as u64, "{inspection:?}");
}

#[test]
fn a_module_for_wasi_or_without_an_interface_does_not_become_a_component() {
    let sentence = |bytes: &[u8]| wasm::encode(bytes).err().unwrap().to_string();
    let import = [guests::sized(b"wasi_snapshot_preview1"), guests::sized(b"fd_write"), vec![0, 0]].concat();
    let kind = guests::section(1, &guests::vector(&[vec![0x60, 0, 0]]));
    let module = [b"\0asm\x01\0\0\0".to_vec(), kind, guests::section(2, &guests::vector(&[import]))].concat();
    assert!(
        sentence(&module).starts_with("it imports wasi_snapshot_preview1, and a policy has no access to the system: ")
    );
    assert!(sentence(guests::EMPTY).starts_with("it is a component already: "));
    let bare = wasm::inspect(&wasm::encode(b"\0asm\x01\0\0\0").unwrap()).err().unwrap().to_string();
    assert!(bare.starts_with("it exports none of "), "{bare}");
}

/// Where to cut: all of a small guest, and here and there in a real one.
#[test]
fn a_truncated_component_is_refused_with_a_message() {
    let small = Guest::new().component();
    let real = wasm::built_in();
    let cuts = (0..small.len()).map(|at| &small[..at]).chain((1..100).map(|n| &real[..real.len() * n / 100]));
    let sentences: Vec<Option<String>> = cuts.map(|cut| wasm::inspect(cut).err().map(|e| e.to_string())).collect();
    assert!(sentences.iter().flatten().all(|sentence| sentence.starts_with("it ")), "{sentences:?}");
    // The last section names the producer, and is optional.
    assert!(sentences.iter().filter(|sentence| sentence.is_none()).count() <= 2, "{sentences:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_are_accepted_or_refused_with_a_message(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Guest::new().component();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(error) = wasm::inspect(&bytes) {
            prop_assert!(error.to_string().starts_with("it"), "{error}");
        }
    }
}
