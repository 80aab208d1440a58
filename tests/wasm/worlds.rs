//! Every component of this tree has the exports of its world and nothing else, and is small.

use wit_component::DecodedWasm;

use crate::components::component;

/// Bytes that a policy may have: it is sent to every node, and compiled there.
const MAX_COMPONENT_BYTES: usize = 400 * 1024;

/// The exports of a component.
fn exports(package: &str) -> Vec<String> {
    let bytes = component(package);
    assert!(bytes.len() <= MAX_COMPONENT_BYTES, "{package} has {} bytes", bytes.len());
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
        panic!("{package} is not a component");
    };
    resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key)).collect()
}

#[test]
fn a_policy_exports_only_an_evaluator() {
    for policy in ["namespace-defaults", "private-guard", "address-pool"] {
        assert_eq!(exports(&format!("egressd-policy-{policy}")), ["egressd:policy/evaluator@0.2.0"]);
    }
}

#[test]
fn a_validator_exports_only_a_complainer() {
    assert_eq!(exports("egressd-policy-port-allowlist"), ["egressd:policy/checker@0.2.0"]);
}
