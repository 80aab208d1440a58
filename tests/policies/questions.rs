//! The inputs and settings of each policy of this tree.

use egressd_core::decision::Draft;
use egressd_core::model::SubjectView;

use crate::rng::Rng;

pub(crate) const NAMESPACE_DEFAULTS: [&str; 3] = [
    r#"{"defaults": [{"egress": {}}]}"#,
    r#"{"defaults": [{"namespaces": {"labels": {"egress": "static"}}, "services": {"labels": {"tier": "front"}}, "egress": {"families": "both", "destination-ports": ["tcp:443"], "on-change": "sever"}}, {"namespaces": {"names": ["attic"]}, "egress": {"allowed-networks": ["198.51.100.0/24"], "on-unavailable": "drop"}}]}"#,
    r#"{"prefix": "example.com", "defaults": [{"egress": {"families": "both", "denied-networks": ["10.0.0.0/8", "fc00::/7"], "source-ports": ["tcp:1024-65535"]}}]}"#,
];

pub(crate) const PRIVATE_GUARD: [&str; 2] = ["{}", r#"{"networks": ["10.1.0.0/16", "198.51.100.7", "::/0"]}"#];

pub(crate) const ADDRESS_POOL: [&str; 3] = [
    "{}",
    r#"{"key": "address", "namespaces": {"names": ["shop"]}}"#,
    r#"{"services": {"labels": {"example.com/egress": "spread"}}}"#,
];

pub(crate) const PORT_ALLOWLIST: [&str; 3] = [
    r#"{"allow": []}"#,
    r#"{"allow": [{"ports": ["tcp:443", "tcp:8000-8999", "tcp:9000", "udp:53"]}, {"namespaces": {"names": ["attic"]}, "without-ports": "allow"}]}"#,
    r#"{"allow": [{"namespaces": {"labels": {"team": "web"}}, "ports": ["sctp:1-65535", "tcp:1-65535", "udp:53"]}]}"#,
];

/// A Service with annotations, without a draft.
pub(crate) fn annotated(rng: &mut Rng) -> (SubjectView, Draft) {
    (rng.annotated(), Draft::default())
}

/// A Service whose draft is mostly empty.
pub(crate) fn labelled(rng: &mut Rng) -> (SubjectView, Draft) {
    let view = rng.labelled();
    let draft = if rng.below(4) == 0 { rng.draft(&view) } else { Draft::default() };
    (view, draft)
}

/// A Service with a draft of earlier policies.
pub(crate) fn transformed(rng: &mut Rng) -> (SubjectView, Draft) {
    let view = rng.labelled();
    let draft = rng.draft(&view);
    (view, draft)
}
