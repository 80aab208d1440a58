//! kube-vip's own egress beside egressd on the same Service. Which of the two translates then depends on the order in
//! which they started on the node and on the priority of their base chains.
//!
//! Only what can be seen without further rights counts: what kube-vip wrote on the Service, and tables of its names.
//!
//! Of any program: chains for NAT that run before egressd's, and flowtables (`neighbours.rs`).

mod neighbours;

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::model::{AnnotationPrefix, KubeVipEndpoint, Subject, active_endpoint, asks_kube_vip};
use crate::ruleset::Name;

pub use neighbours::{Flowtable, MOST, NatChain, Neighbours};

/// Tables on this node that have kube-vip's names, and that egressd did not make.
pub type ForeignTables = BTreeSet<Name>;

/// What is reported about a Service that egressd acts on. Without the annotation that asks kube-vip it is egressd's
/// alone, whatever kube-vip does for others.
pub(crate) fn finding(subject: &Subject, wrote: Option<&KubeVipEndpoint>, tables: &ForeignTables) -> Option<Finding> {
    let asked = subject.service().is_some_and(|service| asks_kube_vip(service));
    let signs: Vec<(String, &str)> = wrote.map(written).into_iter().chain(tables.first().map(table)).collect();
    if !asked || signs.is_empty() {
        return None;
    }
    let observed: Vec<&str> = signs.iter().map(|(observed, _)| observed.as_str()).collect();
    let left: Vec<&str> = signs.iter().map(|(_, left)| *left).collect();
    let message = format!(
        "{}: kube-vip's own egress acts, or acted, on this Service beside egressd; give egressd another annotation prefix \
         and an instance_name, or turn kube-vip's egress off and remove {} (docs/beside.md)",
        observed.join(", and "),
        left.join(" and ")
    );
    Some(Finding::warning("kube-vip-egress", message))
}

fn written(wrote: &KubeVipEndpoint) -> (String, &'static str) {
    let at = wrote.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    let names = wrote.families.iter().map(|family| AnnotationPrefix::default().name(active_endpoint(*family)));
    let names = names.collect::<Vec<_>>().join(" and ");
    match wrote.families.as_slice() {
        [] | [_] => (format!("{names} was written by kube-vip{at}"), "that annotation"),
        [..] => (format!("{names} were written by kube-vip{at}"), "those annotations"),
    }
}

fn table(name: &Name) -> (String, &'static str) {
    (format!("table {name} on this node has kube-vip's name and egressd did not make it"), "that table")
}
