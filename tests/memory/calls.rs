//! The cost of a call of a component: none for endpoints on other nodes, unless its contract shows them.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use egressd::wasm::{self, Compiler, Engine, Limits, Loaded};
use egressd_core::chain::MemberRole;
use egressd_core::decision::Draft;
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, SubjectKey, SubjectView, view};
use egressd_core::testkit::{SnapshotBuilder, context, service};

use crate::counting::cost;

/// The built-in policy, of today or of an earlier contract.
fn load(component: &[u8]) -> Loaded {
    let engine = Engine::new(Limits { time: Duration::from_secs(600), ..Limits::default() }).unwrap();
    wasm::load(&engine, &Compiler::InProcess, component, "annotations", "{}").unwrap()
}

/// A Service with ten endpoints on this node, and so many on others.
fn with(elsewhere: u32) -> SubjectView {
    let mut service = service("web", &["11.0.0.2"]);
    service.annotations = [("kube-vip.io/egress".to_owned(), "true".to_owned())].into_iter().collect();
    let address = |number: u32| Ipv4Addr::from(0x0a00_0001 + number).to_string();
    let (here, others): (Vec<_>, Vec<_>) =
        ((0..10).map(address).collect(), (10..10 + elsewhere).map(address).collect());
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    let others: Vec<(&str, &str)> = others.iter().map(|address| (address.as_str(), "node-b")).collect();
    let snapshot = SnapshotBuilder::default().service(service, &here).elsewhere("web", &others).build();
    let facts = ClusterFacts::detected(&snapshot);
    let key = SubjectKey::service("default", "web");
    view(&snapshot, &facts, &key, AddressTrust::Status, &AnnotationPrefix::default()).unwrap()
}

/// Fuel of one call, and bytes that the host has for it at the worst moment.
#[derive(Debug, PartialEq)]
struct CallCost {
    fuel: u64,
    bytes: usize,
}

fn call_cost(loaded: &Loaded, elsewhere: u32) -> CallCost {
    let (view, context, draft) = (with(elsewhere), context(), Draft::default());
    assert_eq!(view.subject.endpoints.len(), 10 + elsewhere as usize);
    let MemberRole::Policy(policy) = &loaded.asked else { panic!("not a policy") };
    let ask = || drop(policy.evaluate(&context, &view, &draft).unwrap());
    // Memory that is allocated once and kept does not count.
    (0..3).for_each(|_| ask());
    let ((), cost) = cost(1, ask);
    CallCost { fuel: loaded.meter.last(), bytes: cost.peak }
}

#[test]
fn endpoints_on_other_nodes_cost_a_call_of_0_2_0_no_fuel_and_no_memory() {
    let built_in = load(wasm::built_in());
    assert_eq!(call_cost(&built_in, 90), call_cost(&built_in, 990));
}

#[test]
fn a_call_of_0_1_0_is_shown_all_endpoints_and_pays_for_each() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wasm/released/0.1.0/annotations.wasm");
    let released = load(&fs::read(path).unwrap());
    let (few, many) = (call_cost(&released, 90), call_cost(&released, 990));
    assert!(many.fuel > few.fuel + 900 * 100 && many.bytes > few.bytes + 900 * 50, "{few:?} {many:?}");
}
