//! The tunnel to other nodes follows the loop.

use std::time::Duration;

use egressd_core::compile::{TunnelSetup, table_names, tunnel_state};
use egressd_core::net::{Family, GatewayIndex, PortRange, Protocol, TunnelMarks};
use egressd_core::node::{MtuLimits, TunnelKind, TunnelMaker, TunnelMtu, TunnelState};
use egressd_core::plan::{Gateway, TunnelPlan};
use egressd_core::testkit::a;
use tokio::time::sleep;

use super::fixture::LoopFixture;
use super::node_state::NodeState;
use crate::daemon::tunnel::READ_INTERVAL;

fn setup() -> TunnelSetup {
    let kind = TunnelKind::VxlanGpe;
    let mtu = TunnelMtu::within(MtuLimits { uplink: 1500, outer: Family::Ipv4, pods: None }, kind).unwrap();
    TunnelSetup { kind, mtu, maker: TunnelMaker::of(&table_names(None)) }
}

/// To a gateway on another node.
fn plan() -> TunnelPlan {
    let gateway = Gateway { index: GatewayIndex::new(1), end: Some(a("192.168.7.2")) };
    TunnelPlan {
        port: PortRange::new(Protocol::Udp, 4790, 4790).unwrap(),
        marks: TunnelMarks::DEFAULT,
        nodes: [a("192.168.7.1"), a("192.168.7.2")].into(),
        held: [].into(),
        homes: [].into(),
        gateways: [(a("11.0.0.9"), gateway)].into(),
    }
}

fn desired() -> TunnelState {
    tunnel_state(Some(&plan()), setup())
}

fn state(fixture: &LoopFixture) -> TunnelState {
    fixture.parts.tunnel.held().state.clone()
}

/// A loop whose next change needs a tunnel.
async fn wanting(node: NodeState) -> LoopFixture {
    let mut fixture = LoopFixture::begin_with(node).await;
    fixture.plant(|daemon| daemon.tunnel.want(Some(&plan()), setup()));
    fixture.settle().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_comes_with_the_change_that_needs_it_and_goes_with_one_that_does_not() {
    let mut fixture = wanting(NodeState::default()).await;
    assert_eq!(state(&fixture), desired());
    fixture.plant(|daemon| daemon.tunnel.want(None, setup()));
    fixture.settle().await;
    fixture.translate("web", &["10.0.0.2"]);
    fixture.settle_exactly().await;
    assert_eq!(state(&fixture), TunnelState::default());
}

/// Catches: a loop that looks at the tables alone.
#[tokio::test(start_paused = true)]
async fn what_other_programs_take_away_of_it_comes_back_within_a_minute_without_any_change() {
    let mut fixture = wanting(NodeState::default()).await;
    fixture.parts.tunnel.held().state = TunnelState::default();
    sleep(READ_INTERVAL + Duration::from_secs(1)).await;
    fixture.settle().await;
    assert_eq!(state(&fixture), desired());
}

#[tokio::test(start_paused = true)]
async fn what_another_process_left_goes_when_one_without_a_tunnel_has_nothing_else_to_do() {
    let node = NodeState::default();
    node.parts.tunnel.held().state = desired();
    let mut fixture = LoopFixture::begin_with(node).await;
    fixture.settle().await;
    assert_eq!(state(&fixture), TunnelState::default());
}

/// Catches: a tunnel that cannot be made and keeps Services of this node from being translated.
#[tokio::test(start_paused = true)]
async fn a_tunnel_that_the_kernel_refuses_holds_up_no_other_change() {
    let node = NodeState::default();
    node.parts.tunnel.held().room = 0;
    let mut fixture = wanting(node).await;
    fixture.settle_exactly().await;
    assert_eq!(state(&fixture), TunnelState::default());
    fixture.parts.tunnel.held().room = usize::MAX;
    sleep(READ_INTERVAL * 2).await;
    fixture.settle().await;
    assert_eq!(state(&fixture), desired());
}

#[tokio::test(start_paused = true)]
async fn without_a_tunnel_no_change_asks_for_one() {
    let mut fixture = LoopFixture::begin_with(NodeState::default()).await;
    for pod in ["10.0.0.1", "10.0.0.2"] {
        fixture.translate("web", &[pod]);
        fixture.settle_exactly().await;
    }
    let held = fixture.parts.tunnel.held();
    assert_eq!((held.changes, held.reads), (0, 1), "it is read once, at the start");
}
