//! What holds of an object that cannot be read.

use egressd_core::model::ObjectReference;

use super::claims::Claim;
use super::kind::{ClaimKind, Kind};

/// Where it could be read before.
pub(super) const STAYS: &str = "its last good state stays in force";

/// What follows from a field that cannot be read.
pub(super) fn left_out(kind: Kind) -> &'static str {
    if kind == Kind::EgressNodes {
        return "it is left out, and what was known there stays";
    }
    let Kind::Claims(claim) = kind else { return "it is left out" };
    match claim {
        ClaimKind::L2Statuses => "so the node or the Service that it names may be unknown",
        ClaimKind::Leases => "so the node that it names may be unknown",
    }
}

/// Of a claim, or of a file that may have one.
pub(super) const ANY_NODE: &str = "it may name any node, so that none translates";
/// Of a whole file, where nothing of it could.
pub(super) const NOTHING: &str = "none of it is in force";

/// Where it could not: what was in force of some kinds when an earlier process ended is another room's business.
pub(super) fn never_read(kind: Kind, name: &ObjectReference) -> &'static str {
    match kind {
        Kind::Services | Kind::Policies => "its last good state is unknown",
        Kind::Claims(of) if Claim::unread(of, name).is_some() => ANY_NODE,
        Kind::Claims(_) => NOTHING,
        Kind::Slices
        | Kind::Nodes
        | Kind::EgressNodes
        | Kind::Namespaces
        | Kind::ServiceNetworks
        | Kind::Pods
        | Kind::Networks(_)
        | Kind::Endpoints => NOTHING,
    }
}
