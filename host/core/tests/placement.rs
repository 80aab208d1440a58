//! Who holds an address: claims that agree, contradict each other, are left from before or cannot be read, each with
//! the answer that every node gives.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "placement/claims.rs"]
mod claims;
#[path = "placement/leases.rs"]
mod leases;
#[path = "placement/namesakes.rs"]
mod namesakes;

use claims::{Claims, NODES, V4, annotated, cilium, kube_vip, metallb};
use egressd_core::finding::Severity;
use egressd_core::model::{L2Status, LeaseTerm, NamedNode};
use egressd_core::owner::{AddressState, Owner};
use egressd_core::placement::Certainty::{self, Certain, Contested, Stated, Unknown};
use egressd_core::testkit::a;
use proptest::prelude::*;

/// What is claimed; who holds the address as a node sees it that has nothing to do with it, and how sure that is; which
/// nodes translate.
type Case = (&'static str, Claims, Option<&'static str>, Certainty, &'static [&'static str]);

fn nothing() -> Claims {
    Claims::default()
}

fn cases() -> Vec<Case> {
    let of_kube_vip = [of_kube_vip(), of_kube_vip_for_all()].concat();
    [of_interfaces(), of_metallb(), of_metallb_that_moves(), of_cilium(), of_kube_vip, of_any_service()].concat()
}

/// What cannot be read of a claim that may be about any Service.
fn of_any_service() -> Vec<Case> {
    let unreadable = || nothing().unreadable("ServiceL2Status l2-x");
    vec![
        ("an interface has it, and a claim may say otherwise", unreadable().on("b"), None, Unknown, &[]),
        ("vipHost, and a claim may say otherwise", unreadable().vip_host("b").on("b"), None, Unknown, &[]),
        ("kube-vip's for all", unreadable().for_all(kube_vip("b", 1)).vip_host("b").on("b"), None, Unknown, &[]),
        (
            "MetalLB names a node, and it may be the newer one",
            unreadable().status("x", metallb("b", 1)),
            None,
            Unknown,
            &[],
        ),
        ("Cilium names a node, and it may be kube-vip's Lease", unreadable().lease(cilium("b", 1)), None, Unknown, &[]),
        ("Cilium's has ended", unreadable().lease(cilium("b", 1).term(LeaseTerm::Ended)).on("b"), None, Unknown, &[]),
    ]
}

fn of_interfaces() -> Vec<Case> {
    vec![
        ("nothing", nothing(), None, Unknown, &[]),
        ("an interface alone", nothing().on("b"), None, Unknown, &["b"]),
        ("interfaces of two nodes", nothing().on("a").on("b"), None, Unknown, &["a", "b"]),
        ("vipHost and the interface", nothing().vip_host("b").on("b"), Some("b"), Stated, &["b"]),
        ("vipHost before the interface", nothing().vip_host("b"), Some("b"), Stated, &[]),
        ("vipHost is left from before", nothing().vip_host("a").on("b"), Some("a"), Stated, &[]),
    ]
}

fn of_metallb() -> Vec<Case> {
    vec![
        ("MetalLB, no interface", nothing().status("x", metallb("b", 1)), Some("b"), Certain, &["b"]),
        ("MetalLB, an interface too", nothing().status("x", metallb("b", 1)).on("a"), Some("b"), Certain, &["b"]),
        ("MetalLB before vipHost", nothing().status("x", metallb("b", 1)).vip_host("a"), Some("b"), Certain, &["b"]),
        (
            "MetalLB cannot be read",
            nothing().status("x", claims::unreadable(1)).on("b").vip_host("b"),
            None,
            Unknown,
            &[],
        ),
        (
            "MetalLB could not be read before it moved",
            nothing().status("x", claims::unreadable(1)).status("y", metallb("b", 2)),
            Some("b"),
            Certain,
            &["b"],
        ),
        ("MetalLB begins: no node yet", nothing().status("x", claims::no_node(1)).on("b"), None, Unknown, &["b"]),
        ("a node that is not in the cluster", nothing().status("x", metallb("gone", 1)), Some("gone"), Certain, &[]),
    ]
}

fn of_metallb_that_moves() -> Vec<Case> {
    let of_unknown_time = L2Status { since: None, ..claims::unreadable(1) };
    vec![
        (
            "what cannot be read is of an unknown time, and may be the newest",
            nothing().status("x", metallb("a", 1)).status("y", of_unknown_time),
            None,
            Unknown,
            &[],
        ),
        (
            "MetalLB before a Lease that is not followed, and may not be there",
            nothing().status("x", metallb("b", 1)).lease(cilium("a", 1).naming(NamedNode::NotFollowed)),
            Some("b"),
            Certain,
            &["b"],
        ),
        (
            "MetalLB moves, both objects are there",
            nothing().status("x", metallb("a", 1)).status("y", metallb("b", 2)),
            Some("b"),
            Contested,
            &["b"],
        ),
        (
            "MetalLB moves back, the names say nothing",
            nothing().status("x", metallb("a", 3)).status("y", metallb("b", 2)),
            Some("a"),
            Contested,
            &["a"],
        ),
        (
            "two speakers at the same time",
            nothing().status("x", metallb("c", 1)).status("y", metallb("b", 1)),
            Some("b"),
            Contested,
            &["b"],
        ),
    ]
}

fn of_cilium() -> Vec<Case> {
    vec![
        ("Cilium, no interface", nothing().lease(cilium("b", 1)), Some("b"), Certain, &["b"]),
        ("Cilium released", nothing().lease(cilium("b", 1).naming(NamedNode::NoNode)), None, Unknown, &[]),
        ("Cilium ended", nothing().lease(cilium("b", 1).term(LeaseTerm::Ended)), None, Unknown, &[]),
        (
            "Cilium ended, and the address was put on an interface",
            nothing().lease(cilium("b", 1).term(LeaseTerm::Ended)).on("c"),
            None,
            Unknown,
            &["c"],
        ),
        (
            "Cilium cannot be read",
            nothing().lease(cilium("b", 1).naming(NamedNode::Unreadable)).on("b"),
            None,
            Unknown,
            &[],
        ),
        (
            "Cilium before MetalLB",
            nothing().lease(cilium("b", 1)).status("x", metallb("a", 9)),
            Some("b"),
            Contested,
            &["b"],
        ),
        ("the host's name has capitals", nothing().lease(cilium("B", 1)), Some("B"), Certain, &["b"]),
    ]
}

fn of_kube_vip() -> Vec<Case> {
    vec![
        ("kube-vip, and the interface", nothing().lease(kube_vip("b", 1)).on("b"), Some("b"), Certain, &["b"]),
        ("kube-vip before the interface", nothing().lease(kube_vip("b", 1)), Some("b"), Certain, &[]),
        (
            "kube-vip moved, the old node still has the address and vipHost",
            nothing().lease(kube_vip("b", 2)).vip_host("a").on("a").on("b"),
            Some("b"),
            Certain,
            &["b"],
        ),
        (
            "kube-vip ended, the node keeps its address",
            nothing().lease(kube_vip("a", 1).term(LeaseTerm::Ended)).vip_host("a").on("a"),
            Some("a"),
            Stated,
            &["a"],
        ),
        (
            "kube-vip and Cilium: the later one",
            nothing().lease(kube_vip("a", 2)).lease(cilium("b", 1)).on("a"),
            Some("a"),
            Contested,
            &["a"],
        ),
    ]
}

fn of_kube_vip_for_all() -> Vec<Case> {
    vec![
        (
            "kube-vip's Lease for all Services before vipHost",
            nothing().for_all(kube_vip("b", 2)).vip_host("a").on("b"),
            Some("b"),
            Certain,
            &["b"],
        ),
        (
            "kube-vip's Lease for all Services is about those of kube-vip",
            nothing().for_all(kube_vip("b", 2)).on("a"),
            None,
            Unknown,
            &["a"],
        ),
    ]
}

#[test]
fn each_case_has_its_answer() {
    for (case, claims, holder, certainty, translating) in cases() {
        let seen = claims.seen_from("elsewhere", Owner::Auto).holding(&claims.subject(), a(V4));
        assert_eq!((seen.node.as_deref(), seen.certainty), (holder, certainty), "{case}");
        assert_eq!(claims.translating(Owner::Auto), translating, "{case}");
    }
}

#[test]
fn since_is_when_the_claim_that_counts_began() {
    let claims = nothing().status("x", metallb("a", 7)).status("y", metallb("b", 9)).vip_host("a");
    let seen = claims.seen_from("c", Owner::Auto).holding(&claims.subject(), a(V4));
    assert_eq!(seen.since.map(|since| since.0), Some(9));
}

#[test]
fn a_node_knows_that_its_own_interface_has_it() {
    let claims = nothing().on("a");
    let of = |node: &str, owner| claims.seen_from(node, owner).holding(&claims.subject(), a(V4));
    assert_eq!((of("a", Owner::Auto).node.as_deref(), of("a", Owner::Auto).certainty), (Some("a"), Certain));
    assert_eq!(of("b", Owner::Auto).certainty, Unknown);
    assert_eq!(of("b", Owner::Any).certainty, Certainty::Assumed);
}

#[test]
fn other_ways_to_know_the_owner_ask_no_load_balancer() {
    let claims = nothing().status("x", metallb("b", 1)).lease(cilium("b", 1)).vip_host("a").on("c");
    assert_eq!(claims.translating(Owner::Address), ["c"]);
    assert_eq!(claims.translating(Owner::VipHost), ["a"]);
    assert_eq!(claims.translating(Owner::Any), NODES);
}

#[test]
fn what_decided_is_named() {
    let why_not_owner = |claims: &Claims| {
        let ownership = claims.seen_from("a", Owner::Auto);
        let finding = ownership.why_not_owner(&claims.subject(), a(V4)).unwrap();
        (finding.code.to_string(), finding.severity, finding.message.as_str().to_owned())
    };
    let elsewhere = |claims: Claims, because: &str| {
        let sentence = format!("nothing is translated to {V4} here: {because}");
        assert_eq!(why_not_owner(&claims), ("held-elsewhere".to_owned(), Severity::Info, sentence));
    };
    elsewhere(nothing().status("l2-x", metallb("b", 1)), "MetalLB announces it from node b (ServiceL2Status l2-x)");
    elsewhere(
        nothing().lease(cilium("b", 1)),
        "Cilium announces it from node b (Lease kube-system/cilium-l2announce-default-web)",
    );
    elsewhere(nothing().lease(kube_vip("b", 1)), "kube-vip holds it on node b (Lease default/kubevip-web)");
    elsewhere(
        nothing().for_all(kube_vip("b", 1)).vip_host("a"),
        "kube-vip holds it on node b (Lease kube-system/plndr-svcs-lock)",
    );
    let both = why_not_owner(&nothing().status("l2-x", metallb("b", 1)).on("a"));
    assert_eq!(both.1, Severity::Warning);
    assert!(
        both.2.ends_with("an interface of this node has it too, so both nodes answer for it; remove it from this node"),
        "{both:?}"
    );
    let unreadable = why_not_owner(&nothing().status("l2-x", claims::unreadable(1)).on("a"));
    assert_eq!(unreadable.0, "holder-unreadable");
    assert!(unreadable.2.contains("ServiceL2Status l2-x cannot be read"), "{unreadable:?}");
    let of_any = why_not_owner(&nothing().unreadable("manifest b.yaml").on("a"));
    assert_eq!(of_any.0, "holder-unreadable");
    assert!(of_any.2.contains("manifest b.yaml cannot be read, and it may be about any Service"), "{of_any:?}");
    let ended = why_not_owner(&nothing().lease(cilium("a", 1).term(LeaseTerm::Ended)));
    assert!(ended.2.ends_with("Lease kube-system/cilium-l2announce-default-web names no node that holds it any more"));
}

#[test]
fn a_service_that_shares_a_lease_with_others_is_where_vip_host_says() {
    let claims = annotated("kube-vip.io/leaseName", "shared").lease(kube_vip("a", 1)).vip_host("b").on("b");
    assert_eq!(claims.translating(Owner::Auto), ["b"]);
}

#[test]
fn an_address_that_is_not_usable_yet_needs_no_interface_where_metallb_answers() {
    let claims = nothing().status("x", metallb("a", 1)).standing("a", AddressState::Tentative);
    assert_eq!(claims.translating(Owner::Auto), ["a"]);
    let claims = nothing().lease(kube_vip("a", 1)).standing("a", AddressState::Tentative);
    assert!(claims.translating(Owner::Auto).is_empty());
}

proptest! {
    /// Where anything but an interface decides: never two, whichever node evaluates, and none but the one that is
    /// named.
    #[test]
    fn no_two_nodes_hold_an_address_that_is_claimed(claims in claims::any()) {
        let translating = claims.translating(Owner::Auto);
        let seen: Vec<_> =
            NODES.iter().map(|node| claims.without_interfaces().seen_from(node, Owner::Auto)).collect();
        let ownership: Vec<_> = seen.iter().map(|seen| seen.holding(&claims.subject(), a(V4))).collect();
        prop_assert!(ownership.windows(2).all(|two| two[0] == two[1]), "{ownership:?}");
        if claims.is_claimed() {
            prop_assert!(translating.len() <= 1, "{translating:?}");
            let named = ownership[0].node.as_deref().map(str::to_ascii_lowercase);
            prop_assert!(translating.iter().all(|node| Some(*node) == named.as_deref()), "{translating:?} {named:?}");
        }
    }

    /// What cannot be read is not absent: it may name any node, so none translates.
    #[test]
    fn where_a_claim_cannot_be_read_no_node_translates_in_its_place(claims in claims::any()) {
        let unreadable = claims.all_unreadable();
        prop_assert!(!claims.is_announced() || unreadable.translating(Owner::Auto).is_empty(), "{unreadable:?}");
    }
}

#[test]
fn a_lease_that_was_not_read_or_is_not_followed_may_name_any_node() {
    for (named, state, remedy) in [
        (NamedNode::NotRead, "was not read yet", "it is read as soon as the API server answers"),
        (
            NamedNode::NotFollowed,
            "is not followed, because the limit of followed Leases is reached",
            "or choose another --owner (docs/owner.md)",
        ),
    ] {
        let claims = nothing().lease(cilium("a", 1).naming(named)).on("a");
        assert_eq!(claims.translating(Owner::Auto), Vec::<&str>::new());
        let finding = claims.seen_from("a", Owner::Auto).why_not_owner(&claims.subject(), a(V4)).unwrap();
        assert_eq!((finding.code.as_str(), finding.severity), ("holder-unreadable", Severity::Warning));
        let lease = format!("Lease kube-system/cilium-l2announce-default-web {state}, so it is unknown");
        let message = finding.message.as_str();
        assert!(message.contains(&lease) && message.ends_with(remedy), "{message}");
    }
}
