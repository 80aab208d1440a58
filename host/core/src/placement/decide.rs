//! The choice among several claims.

use std::cmp::Reverse;

use super::claim::{Claim, Claimant};

/// The result of all claims on one address.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ClaimDecision<'a> {
    /// The claim that counts; none where no node is named.
    pub(super) claim: Option<Claim<'a>>,
    /// The strongest other claim of a load balancer that names another node.
    pub(super) against: Option<Claim<'a>>,
    /// The strongest claim that names no node any more.
    pub(super) ended: Option<Claim<'a>>,
}

impl<'a> ClaimDecision<'a> {
    pub(super) fn of(claim: Option<Claim<'a>>) -> Self {
        Self { claim, ..Self::default() }
    }
}

/// Puts claims in order. The same for equal claims in whatever order they come.
pub(super) fn decide(claims: Vec<Claim<'_>>) -> ClaimDecision<'_> {
    let (mut now, mut past): (Vec<_>, Vec<_>) = claims.into_iter().partition(Claim::is_in_force);
    now.sort_by(|one, other| ClaimOrder::of(one).cmp(&ClaimOrder::of(other)));
    past.sort_by(|one, other| ClaimOrder::of(one).cmp(&ClaimOrder::of(other)));
    let mut now = now.into_iter();
    let claim = now.next();
    let against = claim.as_ref().and_then(|first| now.find(|other| contradicts(first, other)));
    ClaimDecision { claim, against, ended: past.into_iter().next() }
}

/// Where a claim stands among others: the first field that differs decides, and the smallest is the first. A node's
/// name counts in lower case, so that the order is that of the nodes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ClaimOrder<'a> {
    rank: u8,
    age: ClaimAge,
    node: Option<String>,
    by: &'a Claimant,
}

/// The newest first. What names a node that cannot be read, since a time that is unknown, may be the newest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum ClaimAge {
    MayBeNewest,
    Since(Reverse<i64>),
    Unknown,
}

impl<'a> ClaimOrder<'a> {
    fn of(claim: &'a Claim<'_>) -> Self {
        let age = match (claim.since, claim.node()) {
            (Some(since), _) => ClaimAge::Since(Reverse(since.0)),
            (None, None) => ClaimAge::MayBeNewest,
            (None, Some(_)) => ClaimAge::Unknown,
        };
        let node = claim.node().map(str::to_ascii_lowercase);
        Self { rank: claim.rank(), age, node, by: &claim.by }
    }
}

/// An annotation may lag behind what a load balancer does, and contradicts nothing.
fn contradicts(first: &Claim<'_>, other: &Claim<'_>) -> bool {
    let is_other = |node: &str| first.node().is_some_and(|first| !first.eq_ignore_ascii_case(node));
    !matches!(other.by, Claimant::VipHost(_)) && other.node().is_some_and(is_other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::model::{LeaseTerm, NamedNode, ObjectReference, UnixTime};
    use crate::placement::claim::services_lease;

    fn claimants() -> Vec<Claimant> {
        let lease = |name: &str| ObjectReference::new("shop", name);
        vec![
            Claimant::Cilium(lease("cilium")),
            Claimant::KubeVip(lease("kube-vip")),
            Claimant::MetalLb("one".into()),
            Claimant::MetalLb("two".into()),
            Claimant::KubeVipForAll(services_lease()),
            Claimant::VipHost("kube-vip.io/vipHost".to_owned()),
        ]
    }

    fn named() -> impl Strategy<Value = NamedNode> {
        select(vec![
            NamedNode::Node("a".into()),
            NamedNode::Node("A".into()),
            NamedNode::Node("b".into()),
            NamedNode::NoNode,
            NamedNode::Unreadable,
        ])
    }

    fn claims() -> impl Strategy<Value = Vec<Claim<'static>>> {
        let of = |by| {
            let since = prop::option::of((0..2_i64).prop_map(UnixTime));
            let term = select(vec![LeaseTerm::Running, LeaseTerm::Ended]);
            (named(), since, term)
                .prop_map(move |(named, since, term)| Claim::new(Claimant::clone(&by), named, since, term))
        };
        subsequence(claimants(), 0..=6).prop_flat_map(move |all| all.into_iter().map(of).collect::<Vec<_>>())
    }

    /// Claims in two orders.
    fn orders() -> impl Strategy<Value = [Vec<Claim<'static>>; 2]> {
        claims().prop_flat_map(|claims| [Just(claims.clone()).prop_shuffle(), Just(claims).prop_shuffle()])
    }

    proptest! {
        /// Objects come in any order.
        #[test]
        fn the_order_in_which_claims_come_changes_nothing(orders in orders()) {
            let [one, other] = orders;
            prop_assert_eq!(decide(one), decide(other));
        }
    }
}
