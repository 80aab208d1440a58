//! Components that were built with the SDK of an earlier contract: they are loaded, and answer as they did.

use std::fs;
use std::path::PathBuf;

use egressd::wasm::{self, Loaded, Version, World};
use egressd_core::chain::{Chain, ChainDecision, Member, MemberRole};
use egressd_core::decision::{Decision, Draft};
use sha2::{Digest, Sha256};

use crate::services::{CHILD, ENGINE, context, ip, policy, view};

/// The components of 0.1.0, and their worlds.
const RELEASED: [(&str, World); 5] = [
    ("address-pool", World::Policy),
    ("annotations", World::Policy),
    ("namespace-defaults", World::Policy),
    ("port-allowlist", World::Validator),
    ("private-guard", World::Policy),
];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wasm/released/0.1.0"))
}

/// A component of contract 0.1.0.
pub(crate) fn released(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.wasm"))).unwrap()
}

fn load(name: &str, settings: &str) -> Loaded {
    wasm::load(&ENGINE, &CHILD, &released(name), name, settings).unwrap()
}

#[test]
fn released_components_are_the_files_that_their_page_names() {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    for (name, _) in RELEASED {
        let sum: String = Sha256::digest(released(name)).iter().map(|byte| format!("{byte:02x}")).collect();
        let row = page.lines().find(|line| line.starts_with(&format!("| {name}.wasm |"))).unwrap();
        assert!(row.contains(&sum), "{name}: {sum}");
    }
}

#[test]
fn released_components_say_of_which_contract_and_world_they_are() {
    for (name, world) in RELEASED {
        let inspection = wasm::inspect(&released(name)).unwrap();
        assert_eq!((inspection.contract, inspection.world), (Version::V0_1, world), "{name}");
    }
}

/// Settings that a component takes.
fn settings(name: &str) -> &'static str {
    match name {
        "namespace-defaults" => r#"{"defaults": []}"#,
        "port-allowlist" => r#"{"allow": []}"#,
        _ => "{}",
    }
}

#[test]
fn released_components_are_loaded_describe_themselves_and_answer() {
    for (name, _) in RELEASED {
        let Loaded { description, asked, .. } = load(name, settings(name));
        assert_eq!((description.name.as_str(), description.version.as_str()), (name, "0.1.0"));
        match asked {
            MemberRole::Policy(policy) => {
                drop(policy.evaluate(&context(), &view("web", &[]), &Draft::default()).unwrap())
            }
            MemberRole::Validator(guard) => {
                drop(guard.validate(&context(), &view("web", &[]), &Draft::default()).unwrap())
            }
            MemberRole::Missing(reason) => panic!("{name}: {reason}"),
        }
    }
}

#[test]
fn the_released_built_in_policy_answers_with_the_rules_that_annotations_ask_for() {
    let policy = policy(&ENGINE, &released("annotations"), "annotations", "{}");
    let service = view("web", &[("kube-vip.io/egress", "true"), ("kube-vip.io/egress-ipv6", "true")]);
    let outcome = policy.evaluate(&context(), &service, &Draft::default()).unwrap();
    let Decision::Plan(draft) = outcome.decision else { panic!("{:?}", outcome.decision) };
    let rules: Vec<_> = draft.rules().iter().map(|rule| (rule.sources().to_vec(), rule.address())).collect();
    assert_eq!(rules, [(vec![ip("10.244.1.7")], ip("192.0.2.10")), (vec![ip("fd00:244:1::7")], ip("2001:db8::10"))]);
}

#[test]
fn a_released_validator_denies_what_its_settings_do_not_allow() {
    let member = |name: &str, settings: &str| Member::new(load(name, settings).asked);
    let chain = |ports: &str| {
        let allow = format!(r#"{{"allow": [{{"ports": ["{ports}"]}}]}}"#);
        Chain::new([member("annotations", "{}"), member("port-allowlist", &allow)])
    };
    let service = view("web", &[("kube-vip.io/egress", "true"), ("kube-vip.io/egress-destination-ports", "tcp:443")]);
    let decision = |ports| chain(ports).evaluate(&context(), &service).decision;
    assert!(matches!(decision("tcp:443"), ChainDecision::Draft(draft) if draft.rules().len() == 1));
    assert_eq!(decision("tcp:80"), ChainDecision::Denied { policy: "port-allowlist".to_owned() });
}
