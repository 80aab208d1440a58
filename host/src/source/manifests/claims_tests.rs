//! Leases and ServiceL2Statuses in manifests, of which some or all cannot be read.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use egressd_core::model::{Announcements, NamedNode};

use super::Places;
use crate::source::handover::Update;
use crate::state::Sources;

const LEASE: &str = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: kubevip-web, namespace: shop}\n";
const STATUS: &str = "apiVersion: metallb.io/v1beta1\nkind: ServiceL2Status\nmetadata:\n  name: l2-x\n";
const ELSEWHERE: &str = "  namespace: shop\n";
const METALLB: &str = "  namespace: metallb-system\n";
const LABELS: &str =
    "  labels: {metallb.io/node: node-b, metallb.io/service-name: web, metallb.io/service-namespace: shop}\n";

/// A directory, and what processes that start remember of it.
struct Directory(tempfile::TempDir);

impl Directory {
    fn with(text: &str) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        fs::create_dir(directory.manifests()).unwrap();
        directory.write(text);
        directory
    }

    fn write(&self, text: &str) {
        fs::write(self.manifests().join("claims.yaml"), text).unwrap();
    }

    fn manifests(&self) -> std::path::PathBuf {
        self.0.path().join("manifests")
    }

    /// What a process knows that starts now, and has begun with what those before it left.
    fn started(&self) -> Update {
        self.look(&self.0.path().join("state"))
    }

    /// The same of a process with which nothing was left.
    fn fresh(&self) -> Update {
        self.look(&self.0.path().join("nothing"))
    }

    fn look(&self, state: &Path) -> Update {
        let mut places = Places::one(self.manifests(), "node-a").remembering(&Sources::of(state));
        let update = places.scan(&BTreeSet::new());
        while places.remember() {}
        update
    }
}

/// Each claim as `what: node`.
fn claims(update: &Update) -> Vec<String> {
    let Announcements { l2_statuses, leases, unreadable } = &update.snapshot.announced;
    let node = |named: &NamedNode| match named {
        NamedNode::Node(node) => node.to_string(),
        NamedNode::Unreadable => "any".to_owned(),
        NamedNode::NoNode | NamedNode::NotRead | NamedNode::NotFollowed => "none".to_owned(),
    };
    let statuses = l2_statuses.iter().flat_map(|(key, statuses)| {
        statuses.iter().map(move |(name, status)| format!("{name} of {key}: {}", node(&status.named)))
    });
    let leases = leases.iter().map(|(name, lease)| format!("{}/{}: {}", name.namespace, name.name, node(&lease.named)));
    statuses.chain(leases).chain(unreadable.iter().map(|title| format!("{title}: any"))).collect()
}

#[test]
fn a_claim_that_cannot_be_read_may_name_any_node() {
    let status = |rest: &str| format!("{STATUS}{METALLB}{rest}");
    for (text, expected) in [
        (format!("{LEASE}spec: 5\n"), "shop/kubevip-web: any"),
        (format!("{LEASE}spec: {{holderIdentity: 5}}\n"), "shop/kubevip-web: any"),
        (format!("{LEASE}\u{a0}spec: {{holderIdentity: node-b}}\n"), "shop/kubevip-web: any"),
        (status(&format!("{LABELS}status: 5\n")), "l2-x of shop/web: any"),
        (status(&format!("{LABELS}status: {{node: node-b, serviceName: 5}}\n")), "l2-x of shop/web: any"),
        (status(&format!("{LABELS}status: {{node: [node-b]}}\n")), "l2-x of shop/web: any"),
        (status(&format!("{LABELS}\u{a0}status: {{node: node-b}}\n")), "l2-x of shop/web: any"),
        (
            status("status: {node: node-b, serviceName: 5, serviceNamespace: shop}\n"),
            "ServiceL2Status metallb-system/l2-x: any",
        ),
        (
            status("  labels: 5\nstatus: {node: node-b, serviceNamespace: shop}\n"),
            "ServiceL2Status metallb-system/l2-x: any",
        ),
        (status("status: 5\n"), "ServiceL2Status metallb-system/l2-x: any"),
        (status("status: {node: node-b, serviceName: web}\n"), "ServiceL2Status metallb-system/l2-x: any"),
        (status(&format!("{LABELS}status: {{\u{a0}node: node-c}}\n")), "l2-x of shop/web: any"),
        (format!("{LEASE}spec: {{holderIdentity\u{a0}: node-b}}\n"), "shop/kubevip-web: any"),
        (LEASE.replace("shop", "\"shop\u{a0}\"") + "spec: {holderIdentity: node-b}\n", "Lease shop /kubevip-web: any"),
        (LEASE.replace("kubevip-web", "'kubevip-web '") + "spec: {}\n", "Lease shop/kubevip-web : any"),
        (format!("{LEASE}spec: [\n"), "manifest claims.yaml: any"),
        (LEASE.replace("kind: Lease", "kind: Leases"), "manifest claims.yaml: any"),
        (LEASE.replace("kind: Lease\n", ""), "manifest claims.yaml: any"),
        (status("status: [\n"), "manifest claims.yaml: any"),
        (LEASE.replace("name: kubevip-web", "nmae: kubevip-web"), "manifest claims.yaml: any"),
    ] {
        let update = Directory::with(&text).fresh();
        assert_eq!(claims(&update), [expected], "{text}");
        assert!(!update.findings.is_empty(), "{text}");
    }
}

#[test]
fn a_file_in_another_encoding_may_have_a_claim_where_the_rest_of_it_names_one() {
    let directory = Directory::with("");
    let bytes = [format!("{LEASE}spec: {{holderIdentity: ").as_bytes(), b"\xff}\n"].concat();
    fs::write(directory.manifests().join("claims.yaml"), bytes).unwrap();
    assert_eq!(claims(&directory.fresh()), ["manifest claims.yaml: any"]);
}

#[test]
fn an_object_without_a_name_is_no_claim_where_its_kind_is_another() {
    let lease = format!("{LEASE}spec: {{holderIdentity: node-b}}\n");
    let nameless = |kind: &str| format!("{lease}---\napiVersion: v1\nkind: {kind}\nmetadata: {{}}\n");
    assert_eq!(claims(&Directory::with(&nameless("Service")).fresh()), ["shop/kubevip-web: node-b"]);
}

#[test]
fn a_lease_that_was_released_may_name_any_node_when_it_cannot_be_read() {
    let directory = Directory::with(&format!("{LEASE}spec: {{holderIdentity: ''}}\n"));
    assert_eq!(claims(&directory.started()), ["shop/kubevip-web: none"]);
    for bad in ["5", "{holderIdentity: 5}"] {
        directory.write(&format!("{LEASE}spec: {bad}\n"));
        assert_eq!(claims(&directory.started()), ["shop/kubevip-web: any"], "{bad}");
    }
    directory.write(&format!("{LEASE}spec: {{}}\n"));
    drop(directory.started());
    directory.write(&format!("{LEASE}spec: [\n"));
    assert_eq!(claims(&directory.started()), ["shop/kubevip-web: none", "manifest claims.yaml: any"]);
}

#[test]
fn a_claim_that_comes_to_a_good_file_and_cannot_be_read_may_name_any_node_until_it_can() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n";
    let good = format!("{LEASE}spec: {{holderIdentity: node-b}}\n");
    for bad in [format!("{LEASE}spec: [\n"), LEASE.replace("name: kubevip-web", "name: 5")] {
        let directory = Directory::with(service);
        assert_eq!(claims(&directory.started()), [""; 0]);
        directory.write(&format!("{service}---\n{bad}"));
        assert_eq!(claims(&directory.started()), ["manifest claims.yaml: any"], "{bad}");
        directory.write(&format!("{service}---\n{good}"));
        assert_eq!(claims(&directory.started()), ["shop/kubevip-web: node-b"]);
        directory.write(service);
        assert_eq!(claims(&directory.started()), [""; 0]);
    }
}

#[test]
fn what_is_no_load_balancers_claims_nothing_readable_or_not() {
    for text in [
        format!("{STATUS}{ELSEWHERE}status: 5\n"),
        format!("{STATUS}{METALLB}status: {{node: node-b}}\n"),
        LEASE.replace("kubevip-web", "node-a") + "spec: 5\n",
    ] {
        assert_eq!(claims(&Directory::with(&text).fresh()), [""; 0], "{text}");
    }
}

#[test]
fn a_process_with_a_memory_keeps_what_was_named_and_knows_of_nothing_what_a_fresh_one_does_not() {
    let lease = format!("{LEASE}spec: {{holderIdentity: node-b}}\n");
    let status = format!("{STATUS}{METALLB}{LABELS}status: {{node: node-b}}\n");
    for (good, bad) in [
        (&lease, format!("{LEASE}spec: 5\n")),
        (&lease, format!("{LEASE}spec: {{holderIdentity: 5}}\n")),
        (&lease, format!("{LEASE}spec: [\n")),
        (&status, format!("{STATUS}{METALLB}{LABELS}status: 5\n")),
        (&status, format!("{STATUS}{METALLB}status: 5\n")),
        (&status, format!("{STATUS}{METALLB}status: [\n")),
    ] {
        let directory = Directory::with(&bad);
        let never_read = claims(&directory.fresh());
        assert_eq!(claims(&directory.started()), never_read, "{bad}");
        assert_eq!(claims(&directory.started()), never_read, "{bad}: a second process");
        directory.write(good);
        let named = claims(&directory.started());
        directory.write(&bad);
        assert_eq!(claims(&directory.started()), named, "{bad}");
        assert_eq!(claims(&directory.fresh()), never_read, "{bad}");
    }
}
