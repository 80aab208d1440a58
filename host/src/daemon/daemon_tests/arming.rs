//! The guard at the start, before policies are loaded.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::model::Snapshot;
use egressd_core::ruleset::{Ruleset, guarded};
use egressd_core::testkit::a;

use super::fixture::LoopFixture;
use super::node_state::NodeState;

const POD: &str = "10.0.0.1";
const OTHER: &str = "10.0.0.2";

/// A node whose kernel has what follows from `web`, whose pods are guarded.
async fn left_behind(endpoints: &[&str]) -> NodeState {
    let mut fixture = LoopFixture::begin().await;
    fixture.guard("web", endpoints);
    fixture.settle_exactly().await;
    fixture.stop();
    fixture.ended().await.1
}

/// A Service with guarded pods, as the next process reads it.
async fn snapshot(endpoints: &[&str]) -> Snapshot {
    left_behind(endpoints).await.snapshot
}

fn guarded_in(ruleset: &Ruleset) -> BTreeSet<IpAddr> {
    ruleset.tables.values().flat_map(guarded).collect()
}

async fn without_policies(node: NodeState) -> LoopFixture {
    let mut fixture = LoopFixture::start_without_policies(node);
    fixture.take_over().await;
    fixture.settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn after_a_start_of_the_machine_the_guard_does_not_wait_for_policies() {
    let mut fixture = without_policies(NodeState { kernel: Ruleset::default(), ..left_behind(&[POD]).await }).await;
    assert_eq!(guarded_in(&fixture.kernel_control.ruleset()), [a(POD)].into());
    assert_eq!(fixture.state_channel.newest().in_force, None, "nothing else is worked out");
    fixture.load_policies();
    fixture.settle_exactly().await;
}

/// Catches: a guard that comes with all that follows from annotations alone, which takes rules away.
#[tokio::test(start_paused = true)]
async fn what_came_while_egressd_was_not_running_is_guarded_and_what_is_in_force_stays() {
    let before = left_behind(&[POD]).await;
    let held = before.kernel.clone();
    let mut fixture = without_policies(NodeState { snapshot: snapshot(&[POD, OTHER]).await, ..before }).await;
    let armed = fixture.kernel_control.ruleset();
    assert_eq!(guarded_in(&armed), [a(POD), a(OTHER)].into());
    for (family, table) in &held.tables {
        for (name, map) in &table.maps {
            let now = &armed.tables[family].maps[name].elements;
            assert!(map.elements.iter().all(|(key, element)| now.get(key) == Some(element)), "{name:?}");
        }
    }
    fixture.load_policies();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_the_kernel_refuses_comes_with_the_first_round() {
    let node = NodeState { kernel: Ruleset::default(), ..left_behind(&[POD]).await };
    let mut fixture = LoopFixture::start_without_policies(node);
    fixture.take_over().await;
    fixture.commit().await.refuse();
    fixture.is_quiet().await;
    fixture.load_policies();
    fixture.settle_exactly().await;
}
