//! Messages about the holder of an address.

use std::net::IpAddr;

use super::claim::{Claim, ClaimSubject, Claimant};
use super::decide::ClaimDecision;
use crate::finding::{Finding, Severity};
use crate::model::{NamedNode, SubjectKey};
use crate::owner::{AddressState, HELD_ELSEWHERE};
use crate::text::quoted;

/// The longest name that Kubernetes takes for a node.
const LONGEST_NAME: usize = 253;

/// The code of the finding that load balancers name different nodes.
const CONTRADICTING: &str = "holders-contradict";

pub(super) fn other_node(address: IpAddr, claim: &Claim<'_>, on_interface: Option<AddressState>) -> Finding {
    let node = named(claim.node().unwrap_or_default());
    let by = &claim.by;
    let because = match by {
        Claimant::MetalLb(_) => format!("MetalLB announces it from node {node} ({by})"),
        Claimant::Cilium(_) => format!("Cilium announces it from node {node} ({by})"),
        Claimant::KubeVip(_) | Claimant::KubeVipForAll(_) => format!("kube-vip holds it on node {node} ({by})"),
        Claimant::Unreadable(title) => format!("{title} names node {node}"),
        Claimant::VipHost(annotation) => format!("{annotation} names node {node}"),
    };
    match (by, on_interface) {
        (Claimant::MetalLb(_) | Claimant::Cilium(_), Some(_)) => {
            let both = "but an interface of this node has it too, so both nodes answer for it; remove it from this \
                        node";
            Finding::warning(HELD_ELSEWHERE, format!("{}, {both}", nothing(address, &because)))
        }
        (Claimant::MetalLb(_) | Claimant::Cilium(_), None)
        | (
            Claimant::KubeVip(_) | Claimant::KubeVipForAll(_) | Claimant::VipHost(_) | Claimant::Unreadable(_),
            Some(_) | None,
        ) => elsewhere(address, &because),
    }
}

/// A claim that names no node which counts for the Service.
pub(super) fn unknown(address: IpAddr, claim: &Claim<'_>) -> Finding {
    match &claim.about {
        ClaimSubject::This => unreadable(address, claim),
        ClaimSubject::Either(services) => ambiguous(address, claim, services),
        ClaimSubject::Any => of_any(address, claim),
    }
}

fn unreadable(address: IpAddr, claim: &Claim<'_>) -> Finding {
    let (state, remedy) = match claim.named() {
        NamedNode::NotRead => ("was not read yet", "it is read as soon as the API server answers"),
        NamedNode::NotFollowed => (
            "is not followed, because the limit of followed Leases is reached",
            "let MetalLB or kube-vip announce the Service, or choose another --owner (docs/owner.md)",
        ),
        NamedNode::Unreadable | NamedNode::Node(_) | NamedNode::NoNode => ("cannot be read", "correct or delete it"),
    };
    let because = format!("{} {state}, so it is unknown which node announces it; {remedy}", claim.by);
    Finding::warning("holder-unreadable", nothing(address, &because))
}

fn of_any(address: IpAddr, claim: &Claim<'_>) -> Finding {
    let because = format!(
        "{} cannot be read, and it may be about any Service, so it is unknown which node announces this one; correct \
         or delete it",
        claim.by
    );
    Finding::warning("holder-unreadable", nothing(address, &because))
}

fn ambiguous(address: IpAddr, claim: &Claim<'_>, [service, other]: &[SubjectKey; 2]) -> Finding {
    let state = format!(
        "{} belongs to Service {service} or Service {other}, for which Cilium uses the same Lease name",
        claim.by
    );
    let remedy = "rename one Service, or, if Cilium does not announce one of them, recreate that one with another \
                  loadBalancerClass";
    let because = format!("{state}, so it is unknown which node announces it; {remedy}");
    Finding::warning("holder-ambiguous", nothing(address, &because))
}

pub(super) fn no_node(address: IpAddr, vip_host: &str) -> Finding {
    let because = "is not set yet; the node that it names will translate (--owner vip-host)";
    elsewhere(address, &format!("{vip_host} {because}"))
}

pub(super) fn absent(address: IpAddr, ended: Option<&Claim<'_>>) -> Finding {
    let nowhere = "the address is on no interface of this node (kube-ipvs0 is ignored), and only the node that has it \
                   translates";
    match ended {
        None => {
            let remedy = "if the load balancer assigns it to no interface, see --owner";
            elsewhere(address, &format!("{nowhere}; {remedy}"))
        }
        Some(claim) => {
            let by = &claim.by;
            elsewhere(address, &format!("{nowhere}; {by} names no node that holds it any more"))
        }
    }
}

pub(super) fn tentative(address: IpAddr) -> Finding {
    let because = "duplicate address detection is still running";
    Finding::new(Severity::Info, "address-tentative", format!("nothing is translated to {address} yet: {because}"))
}

pub(super) fn duplicate(address: IpAddr) -> Finding {
    let because = "duplicate address detection found another machine that has it; remove it from one of the two";
    Finding::warning("address-duplicate", nothing(address, because))
}

pub(super) fn other_case(claim: &Claim<'_>, named: &str, node: &str) -> Finding {
    let annotation = &claim.by;
    let message = format!("{annotation}: {named} is read as node {node}; the names differ in case only");
    Finding::new(Severity::Info, "vip-host-case", message)
}

/// Two load balancers, or one that has not removed an earlier object.
pub(super) fn contradicting(decided: &ClaimDecision<'_>) -> Option<Finding> {
    let (claim, other) = (decided.claim.as_ref()?, decided.against.as_ref()?);
    let [node, other_node] = [claim, other].map(|claim| named(claim.node().unwrap_or_default()));
    let (by, other_by) = (&claim.by, &other.by);
    let remedy = "delete the outdated object, or use one load balancer for the Service";
    let message = format!(
        "{by} names node {node} and {other_by} names node {other_node} as the one that holds the addresses: node \
         {node} translates; {remedy}"
    );
    Some(Finding::warning(CONTRADICTING, message))
}

/// A node's name as it is; anything else that stands in its place, in quotation marks.
fn named(node: &str) -> String {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    if node.len() <= LONGEST_NAME && node.bytes().all(is_name) { node.to_owned() } else { quoted(node) }
}

fn elsewhere(address: IpAddr, because: &str) -> Finding {
    Finding::new(Severity::Info, HELD_ELSEWHERE, nothing(address, because))
}

fn nothing(address: IpAddr, because: &str) -> String {
    format!("nothing is translated to {address} here: {because}")
}
