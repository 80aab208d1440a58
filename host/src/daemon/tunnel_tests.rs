//! The tunnel against a fake kernel. Time stands still.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::compile::table_names;
use egressd_core::net::{Family, GatewayIndex, PortRange, Protocol, TunnelMarks};
use egressd_core::node::{MtuLimits, TunnelKind, TunnelMtu};
use egressd_core::plan::Gateway;
use egressd_core::testkit::a;
use tokio::time::advance;

use super::*;
use crate::kernel::tunnel::testkit::HeldTunnel;
use crate::state_channel::notices::Reader;

struct Fixture {
    held: HeldTunnel,
    link: TunnelLink,
    notices: Reader,
}

fn maker() -> TunnelMaker {
    TunnelMaker::of(&table_names(None))
}

fn setup() -> TunnelSetup {
    let kind = TunnelKind::VxlanGpe;
    let mtu = TunnelMtu::within(MtuLimits { uplink: 1500, outer: Family::Ipv4, pods: None }, kind).unwrap();
    TunnelSetup { kind, mtu, maker: maker() }
}

/// To a gateway on this node.
fn plan(end: &str) -> TunnelPlan {
    let gateway = Gateway { index: GatewayIndex::new(1), end: Some(a(end)) };
    TunnelPlan {
        port: PortRange::new(Protocol::Udp, 4790, 4790).unwrap(),
        marks: TunnelMarks::DEFAULT,
        nodes: [a("192.168.7.1"), a(end)].into(),
        held: [].into(),
        homes: [].into(),
        gateways: [(a("11.0.0.2"), gateway)].into(),
    }
}

fn desired(end: &str) -> TunnelState {
    tunnel_state(Some(&plan(end)), setup())
}

impl Fixture {
    async fn beginning_with(held: HeldTunnel) -> Self {
        let (kernel, notices) = (held.clone(), Notices::default());
        let kernel = TunnelThread::over(move || Ok(kernel.clone())).await.unwrap();
        let reader = notices.reader();
        Self { held, link: TunnelLink::new(kernel, maker(), notices), notices: reader }
    }

    /// What a change of the tables does with it.
    async fn follow(&mut self, due: Due) {
        for effect in self.link.changes(due).await {
            self.link.commit(effect.change).await;
        }
        self.link.followed();
    }

    /// What the loop does with it when nothing else is to be done.
    async fn check(&mut self) {
        self.link.look().await;
        self.follow(Due::All).await;
    }

    async fn wants(&mut self, end: &str) {
        self.link.want(Some(&plan(end)), setup());
        self.follow(Due::All).await;
    }

    fn state(&self) -> TunnelState {
        self.held.held().state.clone()
    }

    fn codes(&self) -> Vec<String> {
        self.notices.now().iter().map(|finding| finding.code.to_string()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_comes_moves_and_goes_with_what_is_wanted() {
    let mut fixture = Fixture::beginning_with(HeldTunnel::default()).await;
    for end in ["192.168.7.2", "192.168.7.3"] {
        fixture.wants(end).await;
        assert_eq!(fixture.state(), desired(end));
    }
    fixture.link.want(None, setup());
    fixture.follow(Due::All).await;
    assert_eq!((fixture.state(), fixture.codes()), (TunnelState::default(), vec![]));
}

/// Catches: a node without a tunnel that asks the kernel about one again and again.
#[tokio::test(start_paused = true)]
async fn where_there_is_none_and_none_is_wanted_nothing_is_asked_after_the_start() {
    let mut fixture = Fixture::beginning_with(HeldTunnel::default()).await;
    fixture.follow(Due::All).await;
    assert_eq!(fixture.held.held().reads, 0, "no change of the tables waits for it");
    fixture.check().await;
    fixture.held.held().state = desired("192.168.7.2");
    for _ in 0..3 {
        fixture.follow(Due::All).await;
        advance(READ_INTERVAL).await;
    }
    assert_eq!((fixture.held.held().changes, fixture.link.due()), (0, None));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_goes_where_none_is_wanted_and_stays_where_it_is() {
    for is_wanted in [true, false] {
        let held = HeldTunnel::default();
        held.held().state = desired("192.168.7.2");
        let mut fixture = Fixture::beginning_with(held).await;
        if is_wanted {
            fixture.wants("192.168.7.2").await;
            assert_eq!(fixture.held.held().changes, 0);
        } else {
            fixture.check().await;
            assert_eq!(fixture.state(), TunnelState::default());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_last_slice_a_tunnel_comes_and_nothing_of_it_goes() {
    let mut fixture = Fixture::beginning_with(HeldTunnel::default()).await;
    fixture.link.want(Some(&plan("192.168.7.2")), setup());
    fixture.follow(Due::BeforeTheLastSlice).await;
    assert_eq!(fixture.state(), desired("192.168.7.2"));
    fixture.link.want(None, setup());
    fixture.follow(Due::BeforeTheLastSlice).await;
    assert_eq!(fixture.state(), desired("192.168.7.2"));
    fixture.follow(Due::All).await;
    assert_eq!(fixture.state(), TunnelState::default());
}

#[tokio::test(start_paused = true)]
async fn what_another_program_takes_away_is_found_and_made_again() {
    let mut fixture = Fixture::beginning_with(HeldTunnel::default()).await;
    fixture.wants("192.168.7.2").await;
    fixture.held.held().state = TunnelState::default();
    advance(READ_INTERVAL / 2).await;
    fixture.wants("192.168.7.2").await;
    assert_eq!(fixture.state(), TunnelState::default(), "it is not read all the time");
    advance(READ_INTERVAL / 2).await;
    assert!(fixture.link.due().is_some_and(|due| due <= clock::now()), "and changes do not put off when it is");
    fixture.check().await;
    assert_eq!(fixture.state(), desired("192.168.7.2"));
}

/// Catches: a change that goes on behind a refused one on which it leans, and a next try from what was believed.
#[tokio::test(start_paused = true)]
async fn what_the_kernel_refuses_is_reported_and_tried_again_ever_later() {
    let mut fixture = Fixture::beginning_with(HeldTunnel::default()).await;
    fixture.held.held().room = 5;
    let mut waits = Vec::new();
    for _ in 0..8 {
        fixture.wants("192.168.7.2").await;
        assert!(fixture.state().device.is_none(), "what refuses is not there");
        waits.push((fixture.link.due().unwrap() - clock::now()).as_secs());
        advance(READ_INTERVAL).await;
    }
    assert_eq!((waits, fixture.codes()), (vec![1, 2, 4, 8, 16, 32, 60, 60], vec!["tunnel-missing".to_owned()]));
    fixture.held.held().room = usize::MAX;
    fixture.wants("192.168.7.2").await;
    assert_eq!((fixture.state(), fixture.codes()), (desired("192.168.7.2"), vec![]));
}

#[tokio::test(start_paused = true)]
async fn rules_of_other_programs_are_reported_where_there_is_a_tunnel() {
    let held = HeldTunnel::default();
    held.held().foreign.push("IPv4 rule with preference 310 and protocol 0".to_owned());
    let mut fixture = Fixture::beginning_with(held).await;
    fixture.check().await;
    assert!(fixture.codes().is_empty());
    fixture.wants("192.168.7.2").await;
    assert_eq!(fixture.codes(), ["tunnel-disturbed"]);
    fixture.held.held().foreign.clear();
    advance(READ_INTERVAL).await;
    fixture.check().await;
    assert!(fixture.codes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_none_is_wanted_a_kernel_that_does_not_answer_is_asked_every_ten_minutes_and_nothing_is_reported() {
    let failing = TunnelThread::over(|| Err::<HeldTunnel, _>(Error::NotPermitted)).await.unwrap();
    let notices = Notices::default();
    let mut link = TunnelLink::new(failing, maker(), notices.clone());
    for _ in 0..3 {
        link.look().await;
        assert_eq!((link.due().unwrap() - clock::now(), notices.reader().now().len()), (LEFT_INTERVAL, 0));
        advance(LEFT_INTERVAL).await;
    }
}

/// Catches: a process without a tunnel that removes that of another one on its node.
#[tokio::test(start_paused = true)]
async fn the_tunnel_of_another_egressd_is_left_alone_and_in_the_way_of_ours() {
    let theirs = TunnelThread::over(|| Err::<HeldTunnel, _>(Error::Theirs)).await.unwrap();
    let notices = Notices::default();
    let mut link = TunnelLink::new(theirs, maker(), notices.clone());
    link.look().await;
    link.followed();
    assert_eq!((link.changes(Due::All).await, link.due()), (vec![], None));
    link.want(Some(&plan("192.168.7.2")), setup());
    assert_eq!(link.changes(Due::All).await, []);
    assert_eq!(notices.reader().now()[0].code.as_str(), "tunnel-missing");
}
