//! The end in the middle of something: the rules stay in force, each packet sees the old state or the new one, and another
//! process ends exactly.

use egressd_core::testkit::{Seen, a, trace};

use super::claims::outwards;
use super::fixture::{ADDRESS, LoopFixture};
use super::node_state::NodeState;
use super::policy::{NARROWLY, SLOWLY};

/// The address that the Service of these tests goes over to.
const NEXT: &str = "11.0.0.3";

/// One Service whose change takes several batches.
async fn in_the_middle() -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    fixture.set_service("web", NARROWLY, ADDRESS, &["10.0.0.1"]);
    fixture.settle_exactly().await;
    fixture.set_service("web", NARROWLY, NEXT, &["10.0.0.1"]);
    fixture
}

/// What the pod is translated to.
fn seen(node: &NodeState) -> Seen {
    trace(&node.kernel, &outwards(a("10.0.0.1")))
}

/// Starts another process in what one left.
async fn goes_on_exactly(node: NodeState) {
    LoopFixture::begin_with(node).await.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_middle_of_a_change_waits_for_the_kernel_and_leaves_the_old_or_the_new() {
    let batches = in_the_middle().await.commits().await;
    for at in 0..batches {
        let mut fixture = in_the_middle().await;
        for _ in 0..at {
            fixture.commit().await.perform();
        }
        let request = fixture.commit().await;
        fixture.stop();
        request.perform();
        let (ended, node) = finish(fixture).await;
        assert!(ended.is_ok() && [Seen::As(a(ADDRESS)), Seen::As(a(NEXT))].contains(&seen(&node)));
        goes_on_exactly(node).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_does_not_wait_for_the_next_try_of_what_was_refused() {
    let mut fixture = in_the_middle().await;
    let request = fixture.commit().await;
    fixture.stop();
    request.refuse();
    let (ended, node) = fixture.ended().await;
    assert!(ended.is_ok());
    assert_eq!(seen(&node), Seen::As(a(ADDRESS)));
    goes_on_exactly(node).await;
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_first_services_are_asked_about_does_not_wait_and_writes_nothing() {
    let mut fixture = LoopFixture::start(NodeState::default());
    fixture.set_service("web", SLOWLY, ADDRESS, &["10.0.0.1"]);
    fixture.take_over().await;
    fixture.gate.policy_waits().await;
    fixture.stop();
    let (ended, node) = fixture.ended().await;
    assert!(ended.is_ok() && node.kernel.tables.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_while_a_policy_is_asked_leaves_what_is_in_force_and_what_is_answered_is_whole() {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("dns", &["10.0.0.2"]);
    fixture.settle_exactly().await;
    fixture.set_service("web", SLOWLY, ADDRESS, &["10.0.0.1"]);
    fixture.gate.policy_waits().await;
    fixture.stop();
    fixture.gate.open();
    let (ended, node) = finish(fixture).await;
    assert!(ended.is_ok() && [Seen::Untranslated, Seen::As(a(ADDRESS))].contains(&seen(&node)));
    assert_eq!(trace(&node.kernel, &outwards(a("10.0.0.2"))), Seen::As(a(ADDRESS)));
}

/// Lets the kernel do what it is asked for until the loop has ended.
pub(super) async fn finish(mut fixture: LoopFixture) -> (anyhow::Result<()>, NodeState) {
    while let Some(request) = fixture.kernel_control.requests.recv().await {
        request.perform();
    }
    fixture.ended().await
}
