#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::{Completeness, EgressNode, HeldAddresses, KeptNodes, Node, PublishedNodes, PublishedTunnels};

fn a(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `gateway` has a tunnel end and holds an address of each family; `bare` has no end, and of `partial` not all is known.
fn tunnels() -> TunnelIndex {
    let node = |last: u8| Arc::new(Node { addresses: vec![[192, 0, 2, last].into()], ..Node::default() });
    let nodes = [("gateway", 1), ("bare", 2), ("partial", 3)];
    let nodes = nodes.into_iter().map(|(name, last)| (name.to_owned(), node(last))).collect();
    let published = |last: u8, held: &[&str], completeness| {
        let kind = TunnelKind::VxlanGpe;
        let end = TunnelEnd::new(kind, [IpAddr::from([192, 0, 2, last])], kind.port(), Some(1464)).unwrap();
        let held = HeldAddresses::new(held.iter().map(|text| a(text)), completeness);
        let tunnels = PublishedTunnels::new([end], 0);
        Arc::new(EgressNode { held, tunnels, ..EgressNode::default() })
    };
    let published: PublishedNodes = [
        ("gateway".to_owned(), published(1, &["11.0.0.2", "fd00::2"], Completeness::Whole)),
        ("partial".to_owned(), published(3, &[], Completeness::Partial)),
        ("gone".to_owned(), published(4, &["11.0.0.2"], Completeness::Whole)),
    ]
    .into_iter()
    .collect();
    TunnelIndex::of(&KeptNodes::of(&nodes), &published)
}

#[test]
fn a_gateway_is_a_node_that_holds_the_address_and_whose_end_is_accepted() {
    let tunnels = tunnels();
    for address in ["11.0.0.2", "fd00::2"] {
        let claim = gateway(" gateway ", a(address), TunnelKind::VxlanGpe, &tunnels);
        let Some(GatewayClaim::Accepted(Gateway { node, end })) = claim else { panic!("{claim:?}") };
        assert_eq!((&*node, end.address(Family::Ipv4)), ("gateway", Some(a("192.0.2.1"))));
    }
    assert!(tunnels.holders(a("11.0.0.2")).eq(["gateway"]), "one without a Node holds nothing");
}

#[test]
fn any_other_node_is_refused_with_the_reason_and_an_empty_name_is_none() {
    let tunnels = tunnels();
    let held = "11.0.0.2";
    for (text, address, kind, reason) in [
        ("no-one", held, TunnelKind::VxlanGpe, "names \"no-one\", and there is no Node of this name"),
        ("gone", held, TunnelKind::VxlanGpe, "names \"gone\", and there is no Node of this name"),
        ("bare", held, TunnelKind::VxlanGpe, "names \"bare\", which has no accepted tunnel end of type vxlan-gpe"),
        ("gateway", held, TunnelKind::Vxlan, "names \"gateway\", which has no accepted tunnel end of type vxlan ("),
        ("gateway", "11.0.0.3", TunnelKind::VxlanGpe, "which does not hold 11.0.0.3 (spec.held of its EgressNode)"),
        ("partial", held, TunnelKind::VxlanGpe, "of which it is not known whether it holds 11.0.0.2"),
    ] {
        let claim = gateway(text, a(address), kind, &tunnels);
        let Some(GatewayClaim::Refused(refusal)) = claim else { panic!("{claim:?}") };
        let shown = refusal.to_string();
        assert!(shown.starts_with("egressd.io/gateway names") && shown.contains(reason), "{shown}");
    }
    assert_eq!(["", " "].map(|text| gateway(text, a(held), TunnelKind::VxlanGpe, &tunnels)), [None, None]);
    let long = gateway(&"x".repeat(10_000), a(held), TunnelKind::VxlanGpe, &tunnels);
    assert!(matches!(long, Some(GatewayClaim::Refused(refusal)) if refusal.to_string().len() < 200));
}

#[test]
fn each_family_has_an_annotation_of_its_own() {
    let tunnels = tunnels();
    let annotations = Labels::from([("egressd.io/gateway", "bare"), ("egressd.io/gateway-ipv6", "gateway")]);
    let addresses: ByFamily<IpAddr> = ["11.0.0.2", "fd00::2"].map(|text| (Family::of(a(text)), a(text))).into();
    let claims = gateways(&annotations, &addresses, TunnelKind::VxlanGpe, &tunnels);
    assert!(matches!(claims.get(Family::Ipv4), Some(GatewayClaim::Refused(GatewayRefusal::NoEnd { .. }))));
    assert!(matches!(claims.get(Family::Ipv6), Some(GatewayClaim::Accepted(_))));
    let none = gateways(&Labels::new(), &addresses, TunnelKind::VxlanGpe, &tunnels);
    assert!(none.is_empty());
}
