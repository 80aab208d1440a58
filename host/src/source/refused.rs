//! What holds of an object that cannot be read.

use super::kind::Kind;

/// Where it could be read before.
pub(super) const STAYS: &str = "its last good state stays in force";
/// Of a whole file, where nothing of it could.
pub(super) const NOTHING: &str = "nothing of it is in force";

/// Where it could not: what was in force of some kinds when an earlier process ended is another room's business.
pub(super) fn never_read(kind: Kind) -> &'static str {
    match kind {
        Kind::Services | Kind::Policies => "its last good state is unknown",
        Kind::Claims(_) => "it may name any node, so that none translates",
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
