//! Connections follow what is in force: what a change contradicts ends where that is asked for, and what began while rules
//! were missing; nothing waits for it, and a kernel that refuses is asked again.

use std::time::Duration;

use egressd_core::flows::{Filter, Flow, FlowId, Zone};
use egressd_core::testkit::a;
use tokio::time::sleep;

use super::fixture::LoopFixture;
use super::node_state::NodeState;
use super::policy::{SEVERING, TRANSLATE};
use super::time::let_threads_work;
use crate::kernel::nft::Writers;

pub(super) const NODES: &str = "192.168.0.200";
const FIRST: &str = "11.0.0.2";
const SECOND: &str = "11.0.0.3";

pub(super) fn flow(number: u32, source: &str, seen_as: &str) -> Flow {
    let to = a("198.51.100.1");
    Flow {
        source: a(source),
        called: to,
        destination: to,
        seen_as: a(seen_as),
        transport: None,
        id: FlowId(number),
        zone: Zone::Default,
    }
}

pub(super) fn open(fixture: &LoopFixture, flows: &[Flow]) {
    fixture.parts.connections.held().flows.extend(flows);
}

pub(super) fn left(fixture: &LoopFixture) -> Vec<u32> {
    fixture.parts.connections.held().flows.iter().map(|flow| flow.id.0).collect()
}

/// Lets all walks that are due be done, and what follows from them.
pub(super) async fn walk(fixture: &mut LoopFixture) {
    fixture.settle().await;
    for _ in 0..8 {
        sleep(Duration::from_secs(3)).await;
        for _ in 0..40 {
            let_threads_work().await;
        }
    }
    fixture.settle().await;
}

async fn translating(setting: &str, writers: Writers) -> LoopFixture {
    let mut fixture = LoopFixture::begin_with(NodeState { writers, ..NodeState::default() }).await;
    fixture.hold(&[FIRST, SECOND, NODES]);
    fixture.set_service("web", setting, FIRST, &["10.0.0.1"]);
    fixture.set_service("dns", TRANSLATE, FIRST, &["10.0.0.2"]);
    walk(&mut fixture).await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn what_contradicts_a_change_ends_where_that_is_asked_for_and_nothing_else() {
    for (setting, expected) in [(SEVERING, vec![3, 4]), (TRANSLATE, vec![1, 2, 3, 4])] {
        let mut fixture = translating(setting, Writers::Us).await;
        let own = [flow(1, "10.0.0.1", FIRST), flow(2, "10.0.0.1", NODES)];
        open(&fixture, &own);
        open(&fixture, &[flow(3, "10.0.0.2", NODES), flow(4, "10.0.0.9", FIRST)]);
        fixture.set_service("web", setting, SECOND, &["10.0.0.1"]);
        walk(&mut fixture).await;
        assert_eq!(left(&fixture), expected, "{setting}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fits_the_newest_rules_stays_though_it_was_looked_for_by_earlier_ones() {
    let mut fixture = translating(SEVERING, Writers::Us).await;
    open(&fixture, &[flow(1, "10.0.0.1", FIRST)]);
    fixture.set_service("web", SEVERING, SECOND, &["10.0.0.1"]);
    fixture.commit().await.perform();
    fixture.set_service("web", SEVERING, FIRST, &["10.0.0.1"]);
    fixture.commit().await.perform();
    walk(&mut fixture).await;
    // By then it fits again, or its next packet began it anew.
    assert!(left(&fixture).len() <= 1);
    open(&fixture, &[flow(2, "10.0.0.1", FIRST)]);
    fixture.set_service("dns", TRANSLATE, FIRST, &["10.0.0.2", "10.0.0.3"]);
    walk(&mut fixture).await;
    assert!(left(&fixture).contains(&2));
}

#[tokio::test(start_paused = true)]
async fn one_pod_is_asked_for_by_its_address() {
    let mut fixture = translating(SEVERING, Writers::Us).await;
    fixture.parts.connections.held().walks.clear();
    fixture.set_service("web", SEVERING, SECOND, &["10.0.0.1"]);
    walk(&mut fixture).await;
    assert_eq!(fixture.parts.connections.held().walks, [Filter::From(a("10.0.0.1"))]);
}

#[tokio::test(start_paused = true)]
async fn where_no_other_program_can_change_the_tables_nothing_is_walked_through_unasked() {
    let mut fixture = translating(TRANSLATE, Writers::Us).await;
    fixture.parts.connections.held().walks.clear();
    fixture.set_service("web", TRANSLATE, SECOND, &["10.0.0.1"]);
    walk(&mut fixture).await;
    assert_eq!(fixture.parts.connections.held().walks, []);
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_what_began_in_it_ends_and_what_was_kept_before_stays() {
    let mut fixture = translating(TRANSLATE, Writers::Everybody).await;
    let kept = [flow(1, "10.0.0.1", NODES), flow(2, "10.0.0.1", FIRST)];
    open(&fixture, &kept);
    // The audit of all entries at the start is over; this change has those of the pod looked at once more.
    fixture.set_service("web", TRANSLATE, SECOND, &["10.0.0.1"]);
    walk(&mut fixture).await;
    assert_eq!(left(&fixture), [1, 2]);
    sleep(Duration::from_secs(30)).await;
    fixture.meddle(|ruleset| ruleset.tables.clear());
    open(&fixture, &[flow(3, "10.0.0.1", NODES), flow(4, "10.0.0.2", NODES), flow(5, "10.0.0.2", FIRST)]);
    walk(&mut fixture).await;
    assert_eq!(left(&fixture), [1, 2, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_does_not_answer_is_asked_again_and_that_is_reported() {
    let mut fixture = translating(SEVERING, Writers::Us).await;
    open(&fixture, &[flow(1, "10.0.0.1", FIRST)]);
    fixture.parts.connections.held().failures = 2;
    fixture.set_service("web", SEVERING, SECOND, &["10.0.0.1"]);
    walk(&mut fixture).await;
    assert_eq!(fixture.parts.connections.held().failures, 0);
    assert!(left(&fixture).is_empty());
}
