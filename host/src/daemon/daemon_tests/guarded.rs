//! The backstop of the guard follows the tables.

use egressd_core::compile::Backstop;
use egressd_core::net::MarkBit;
use egressd_core::node::XfrmRule;
use egressd_core::ruleset::{Ruleset, marks};
use egressd_core::testkit::{FakeKernel, Forwarded, ForwardedPacket, a};
use tokio::task::yield_now;

use super::fixture::{Event, LoopFixture};
use super::kernel::Operation;
use super::node_state::NodeState;
use crate::clock;
use crate::daemon::backstop::READ_INTERVAL;
use crate::kernel::nft::Writers;

const POD: &str = "10.0.0.1";

async fn on_shared_tables() -> LoopFixture {
    LoopFixture::begin_with(NodeState { writers: Writers::Everybody, ..NodeState::default() }).await
}

/// What becomes of a packet of the pod that leaves the cluster while the tables are lost.
fn leaving(fixture: &LoopFixture, pod: &str) -> Forwarded {
    fixture.parts.policies.held().forward(ForwardedPacket { source: a(pod), destination: a("198.51.100.1"), mark: 0 })
}

fn has_nothing_of_it(fixture: &LoopFixture) -> bool {
    fixture.parts.policies.held().policies.is_empty() && !marks(&fixture.kernel_control.ruleset())
}

#[tokio::test(start_paused = true)]
async fn where_others_may_write_to_the_tables_guarded_pods_are_blocked_without_them() {
    let mut fixture = on_shared_tables().await;
    fixture.translate("api", &["10.0.0.9"]);
    fixture.settle().await;
    assert!(has_nothing_of_it(&fixture));
    fixture.guard("web", &[POD]);
    fixture.settle().await;
    assert!(marks(&fixture.kernel_control.ruleset()));
    assert_eq!((leaving(&fixture, POD), leaving(&fixture, "10.0.0.9")), (Forwarded::Blocked, Forwarded::Passed));
    fixture.guard("web", &[POD, "10.0.0.2"]);
    fixture.settle().await;
    assert_eq!(leaving(&fixture, "10.0.0.2"), Forwarded::Blocked);
    fixture.remove("web");
    fixture.settle().await;
    assert!(has_nothing_of_it(&fixture));
}

#[tokio::test(start_paused = true)]
async fn tables_that_no_other_program_may_write_to_need_no_policies() {
    let mut fixture = LoopFixture::begin().await;
    fixture.guard("web", &[POD]);
    fixture.settle().await;
    assert!(has_nothing_of_it(&fixture));
}

/// Catches: policies that stay while the tables no longer mark, which blocks what the guard lets leave.
#[tokio::test(start_paused = true)]
async fn no_commit_takes_the_mark_from_a_pod_that_has_a_policy() {
    let mut fixture = on_shared_tables().await;
    for endpoints in [&[POD, "10.0.0.3"][..], &["10.0.0.2", "10.0.0.3"], &["10.0.0.3"], &[]] {
        fixture.guard("web", endpoints);
        loop {
            let request = match fixture.event().await {
                Event::Asked(request) => request,
                Event::Reported => continue,
                Event::Quiet => break,
            };
            if let Operation::Commit(batch) = &request.operation {
                let mut kernel = FakeKernel { ruleset: fixture.kernel_control.ruleset(), generation: 0 };
                kernel.commit(batch).unwrap();
                assert_marked(&fixture, &kernel.ruleset);
            }
            request.perform();
        }
    }
}

/// Catches: a look at lost tables that finds no guarded pods, and so takes the policies away when they are needed.
#[tokio::test(start_paused = true)]
async fn while_lost_tables_cannot_be_made_again_the_policies_stay() {
    let mut fixture = on_shared_tables().await;
    fixture.guard("web", &[POD]);
    fixture.settle().await;
    fixture.kernel_control.state().fake.ruleset = Ruleset::default();
    fixture.translate("api", &["10.0.0.9"]);
    let begun = clock::now();
    while clock::since(begun) < 3 * READ_INTERVAL {
        // What is reported is not what the kernel has.
        let request = fixture.kernel_control.requests.recv().await.unwrap();
        if request.writes() {
            request.refuse()
        } else {
            request.perform()
        }
        assert_eq!(leaving(&fixture, POD), Forwarded::Blocked);
    }
    while !marks(&fixture.kernel_control.ruleset()) {
        fixture.kernel_control.requests.recv().await.unwrap().perform();
        yield_now().await;
    }
    fixture.settle().await;
    assert_eq!(leaving(&fixture, POD), Forwarded::Blocked);
}

/// The pods with policies have marks by these tables.
fn assert_marked(fixture: &LoopFixture, tables: &Ruleset) {
    let marked = Backstop::of(tables).pods;
    for policy in &fixture.parts.policies.held().policies {
        match policy.rule {
            XfrmRule::Inside(_) => {}
            XfrmRule::Pod(pod) => assert!(marked.contains(&pod), "{pod}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_process_takes_both_over_and_changes_nothing() {
    let mut before = on_shared_tables().await;
    before.guard("web", &[POD]);
    before.settle().await;
    let changes = before.parts.policies.held().changes;
    before.stop();
    let mut fixture = LoopFixture::start(before.ended().await.1);
    fixture.take_over().await;
    assert_eq!(fixture.commits().await, 0);
    fixture.settle().await;
    assert_eq!((leaving(&fixture, POD), fixture.parts.policies.held().changes), (Forwarded::Blocked, changes));
    assert!(marks(&fixture.kernel_control.ruleset()));
    assert_eq!(fixture.parts.policies.held().policies.first().map(|policy| policy.bit), Some(MarkBit::DEFAULT));
}
