//! What load balancers write about the nodes that announce addresses, as it comes, moves and goes.

use egressd_core::model::{L2Status, NamedNode};
use serde_json::{Value, json};

use super::super::super::watched::reading;
use super::*;
use crate::source::kind::ClaimKind;

const STATUSES: Kind = Kind::Claims(ClaimKind::L2Statuses);

fn status(of: &str, service: &str, node: Value) -> Reading {
    let status = json!({"node": node, "serviceName": service, "serviceNamespace": "shop"});
    in_namespace("metallb-system", of, status)
}

fn in_namespace(namespace: &str, of: &str, status: Value) -> Reading {
    reading(STATUSES, &json!({"metadata": {"name": of, "namespace": namespace}, "status": status}))
}

/// One that has labels, whatever its status says.
fn labelled(status: Value) -> Reading {
    let labels =
        json!({"metallb.io/node": "node-b", "metallb.io/service-name": "web", "metallb.io/service-namespace": "shop"});
    let metadata = json!({"name": "l2-a", "namespace": "metallb-system", "labels": labels});
    reading(STATUSES, &json!({"metadata": metadata, "status": status}))
}

/// What is known, each as `Service object: node`, and what may be about any Service.
fn known(state: &State) -> Vec<String> {
    let node = |status: &L2Status| match &status.named {
        NamedNode::Node(node) => node.to_string(),
        NamedNode::NoNode => "none".to_owned(),
        NamedNode::Unreadable | NamedNode::NotRead | NamedNode::NotFollowed => "unreadable".to_owned(),
    };
    let statuses = state.snapshot.announced.l2_statuses.iter();
    let each = statuses.flat_map(|(service, statuses)| statuses.iter().map(move |one| (service, one)));
    let each = each.map(|(service, (name, status))| format!("{} {name}: {}", service.name, node(status)));
    each.chain(state.snapshot.announced.unreadable.iter().map(|title| title.to_string())).collect()
}

fn changed(state: &mut State, status: Reading) -> Vec<String> {
    state.apply(STATUSES, Event::Changed(status));
    known(state)
}

#[test]
fn a_status_comes_names_another_service_and_goes() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, STATUSES, &[status("l2-a", "web", json!("node-a")), status("l2-b", "web", json!("node-b"))]);
    assert_eq!(known(&state), ["web l2-a: node-a", "web l2-b: node-b"]);
    assert!(keys(&mut state).contains(&"announced".to_owned()));
    assert_eq!(changed(&mut state, status("l2-a", "dns", json!("node-a"))), ["dns l2-a: node-a", "web l2-b: node-b"]);
    state.apply(STATUSES, Event::Gone(name("metallb-system", "l2-b")));
    assert_eq!(known(&state), ["dns l2-a: node-a"]);
    list(&mut state, STATUSES, &[]);
    assert!(state.snapshot.announced.is_empty(), "{:?}", state.snapshot.announced);
}

#[test]
fn the_same_again_is_no_news() {
    let mut state = State::of(Kind::FOLLOWED);
    list(&mut state, STATUSES, &[status("l2-a", "web", json!("node-a"))]);
    drop(keys(&mut state));
    list(&mut state, STATUSES, &[status("l2-a", "web", json!("node-a"))]);
    assert!(keys(&mut state).is_empty());
}

#[test]
fn a_node_that_cannot_be_read_is_the_one_that_was_read_before_else_any() {
    let mut state = State::of(Kind::FOLLOWED);
    let bad = || status("l2-a", "web", json!(5));
    assert_eq!(changed(&mut state, bad()), ["web l2-a: unreadable"]);
    assert_eq!(changed(&mut state, status("l2-a", "web", json!("node-a"))), ["web l2-a: node-a"]);
    assert_eq!(changed(&mut state, bad()), ["web l2-a: node-a"]);
    assert_eq!(changed(&mut state, status("l2-a", "dns", json!(5))), ["dns l2-a: unreadable"], "of another Service");
    let findings = state.findings();
    assert!(findings.iter().any(|finding| finding.message.as_str().contains("status.node")), "{findings:?}");
}

#[test]
fn a_node_that_cannot_be_read_where_none_was_named_before_may_be_any() {
    let mut state = State::of(Kind::FOLLOWED);
    assert_eq!(changed(&mut state, status("l2-a", "web", json!(""))), ["web l2-a: none"]);
    assert_eq!(changed(&mut state, status("l2-a", "web", json!(5))), ["web l2-a: unreadable"]);
}

#[test]
fn who_writes_in_another_namespace_is_not_metallb() {
    let mut state = State::of(Kind::FOLLOWED);
    let status = json!({"node": "node-a", "serviceName": "web", "serviceNamespace": "shop"});
    state.apply(STATUSES, Event::Changed(in_namespace("shop", "l2-a", status)));
    assert!(known(&state).is_empty());
}

#[test]
fn labels_say_which_service_a_status_is_about_that_cannot_be_read() {
    for status in [json!(5), json!({"node": "node-b", "serviceName": 5}), json!({"serviceNamespace": {}})] {
        let mut state = State::of(Kind::FOLLOWED);
        assert_eq!(changed(&mut state, labelled(status.clone())), ["web l2-a: unreadable"], "{status}");
        assert_eq!(changed(&mut state, labelled(json!({}))), ["web l2-a: node-b"]);
        assert_eq!(
            changed(&mut state, labelled(status.clone())),
            ["web l2-a: node-b"],
            "{status}: as it was read before"
        );
        state.apply(STATUSES, Event::Gone(name("metallb-system", "l2-a")));
        assert!(state.snapshot.announced.is_empty());
    }
}

#[test]
fn a_status_of_a_service_that_cannot_be_read_may_be_about_any_until_it_is_gone() {
    let mut state = State::of(Kind::FOLLOWED);
    let bad = || in_namespace("metallb-system", "l2-a", json!({"node": "node-b", "serviceName": 5}));
    assert_eq!(changed(&mut state, bad()), ["ServiceL2Status metallb-system/l2-a"]);
    assert!(keys(&mut state).contains(&"announced".to_owned()));
    assert_eq!(changed(&mut state, status("l2-a", "web", json!("node-b"))), ["web l2-a: node-b"]);
    assert_eq!(changed(&mut state, bad()), ["web l2-a: node-b"], "as it was read before");
    list(&mut state, STATUSES, &[]);
    assert_eq!(changed(&mut state, bad()), ["ServiceL2Status metallb-system/l2-a"]);
    state.apply(STATUSES, Event::Gone(name("metallb-system", "l2-a")));
    assert!(state.snapshot.announced.is_empty());
}
