//! After a start the early connections of pods end that began while no egressd ran, and those of no others (P11, P16).

use std::fs;

use egressd_core::model::{Labels, ObjectReference, Phase, Pod, PodNetwork, Pods, Uid, UnixTime};
use egressd_core::pipeline::SignOfLife;
use egressd_core::ruleset::Ruleset;
use egressd_core::testkit::a;

use super::connections::{NODES, flow, left, open, walk};
use super::fixture::{ADDRESS, LoopFixture};
use super::node_state::NodeState;
use super::policy::TRANSLATE;
use crate::clock::Moment;
use crate::state::StateDir;

const RUNNING: &str = "10.0.0.1";
const YOUNG: &str = "10.0.0.2";
const OLD: &str = "10.0.0.3";
/// Seconds; no test takes as long.
const LONG: i64 = 10_000;

fn now() -> i64 {
    Moment::now().as_second()
}

/// A pod that began so many seconds ago.
fn pod(address: &str, ago: i64) -> Pod {
    let name = address.replace('.', "-");
    Pod {
        name: ObjectReference::new("default", &*name),
        uid: Uid::new(name).unwrap(),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: vec![a(address)],
        labels: Labels::from([("app", "web")]),
        started: Some(UnixTime(now() - ago)),
    }
}

fn pods(pods: impl IntoIterator<Item = Pod>) -> Pods {
    let mut table = Pods::default();
    pods.into_iter().for_each(|pod| drop(table.insert(pod.into())));
    table
}

fn sign(node: &NodeState) -> Option<SignOfLife> {
    StateDir::open(node.state.path()).take_sign_of_life()
}

/// What a process leaves that was asked to end.
async fn left_behind(endpoints: &[&str]) -> NodeState {
    let mut fixture = LoopFixture::begin().await;
    fixture.hold(&[ADDRESS, NODES]);
    fixture.pods(pods(endpoints.iter().map(|address| pod(address, 5 * LONG))));
    fixture.set_service("web", TRANSLATE, ADDRESS, endpoints);
    walk(&mut fixture).await;
    fixture.stop();
    fixture.ended().await.1
}

/// The connections that are left after the next start, of one pod that ran before, one that began in between, and an older
/// one that is selected since.
async fn left_after(node: NodeState) -> Vec<u32> {
    let mut fixture = LoopFixture::start(node);
    fixture.hold(&[ADDRESS, NODES]);
    fixture.pods(pods([pod(RUNNING, 5 * LONG), pod(YOUNG, LONG), pod(OLD, 5 * LONG)]));
    fixture.set_service("web", TRANSLATE, ADDRESS, &[RUNNING, YOUNG, OLD]);
    open(&fixture, &[flow(1, RUNNING, NODES), flow(2, YOUNG, NODES), flow(3, OLD, NODES), flow(4, YOUNG, ADDRESS)]);
    fixture.take_over().await;
    walk(&mut fixture).await;
    left(&fixture)
}

fn signed(node: &NodeState, at: i64) {
    fs::write(node.state.path().join("alive"), format!("{{\"version\":1}}\n{{\"at\":{at}}}\n")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_began_while_no_egressd_ran_ends_and_what_others_began_stays() {
    let node = left_behind(&[RUNNING]).await;
    signed(&node, now() - 2 * LONG);
    assert_eq!(left_after(node).await, [1, 3, 4]);
}

/// Without a sign, and with one from a clock that was ahead, it is unknown what began since.
#[tokio::test(start_paused = true)]
async fn a_first_start_and_a_sign_that_is_not_known_or_from_the_future_end_nothing() {
    let spoilt: [fn(&NodeState); 4] = [
        |node| fs::remove_file(node.state.path().join("alive")).unwrap(),
        |node| fs::write(node.state.path().join("alive"), "alive").unwrap(),
        |node| fs::write(node.state.path().join("alive"), "{\"version\":2}\n{\"at\":1}\n").unwrap(),
        |node| signed(node, now() + LONG),
    ];
    for spoil in spoilt {
        let node = left_behind(&[RUNNING]).await;
        spoil(&node);
        assert_eq!(left_after(node).await, [1, 2, 3, 4]);
    }
    assert_eq!(left_after(NodeState::default()).await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_the_earlier_process_did_not_know_ends_nothing() {
    let node = left_behind(&[]).await;
    for file in ["accepted", "drafts"] {
        fs::write(node.state.path().join(file), "{\"version\":1}\n").unwrap();
    }
    signed(&node, now() - 2 * LONG);
    assert_eq!(left_after(node).await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_process_leaves_a_sign_of_life_while_it_runs_and_when_it_ends() {
    let began = now();
    let node = left_behind(&[RUNNING]).await;
    signed(&node, 1);
    let (path, mut fixture) = (node.state.path().to_owned(), LoopFixture::begin_with(node).await);
    walk(&mut fixture).await;
    let found = StateDir::open(&path).take_sign_of_life().unwrap();
    assert!((began..=now()).contains(&found.at.0) && found.beginning.is_empty(), "{found:?}");

    fs::write(path.join("alive"), "").unwrap();
    fixture.stop();
    let (_, node) = fixture.ended().await;
    assert!(sign(&node).unwrap().at >= found.at);
}

/// It has not seen to the pods that began before it did.
#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_its_first_round_leaves_the_earlier_sign() {
    let mut fixture = LoopFixture::begin().await;
    fixture.guard("web", &[RUNNING]);
    fixture.settle().await;
    fixture.stop();
    let (_, node) = fixture.ended().await;
    signed(&node, 1);
    // It has a guard to add, and nothing else without policies.
    let mut fixture = LoopFixture::start_without_policies(NodeState { kernel: Ruleset::default(), ..node });
    fixture.take_over().await;
    fixture.settle().await;
    fixture.stop();
    let (_, node) = fixture.ended().await;
    assert_eq!(sign(&node).unwrap().at, UnixTime(1));
}
