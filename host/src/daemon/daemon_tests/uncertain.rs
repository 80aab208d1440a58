//! Beside programs that commit all the time the tables are used as they were read, and read again.

use std::time::Duration;

use egressd_core::diff::Verb;
use egressd_core::node::Certainty;

use super::fixture::LoopFixture;
use super::kernel::Operation;
use super::node_state::NodeState;
use crate::clock;

/// The findings of the node about its tables.
fn codes(fixture: &LoopFixture) -> Vec<String> {
    fixture.state_channel.newest().tables.iter().map(|finding| finding.code.to_string()).collect()
}

async fn started_in_doubt() -> LoopFixture {
    let mut fixture = LoopFixture::start(NodeState::default());
    fixture.kernel_control.state().certainty = Certainty::Uncertain;
    fixture.take_over().await;
    fixture.translate("web", &["10.0.0.1"]);
    while fixture.kernel_control.ruleset().tables.is_empty() || fixture.state_channel.newest().in_force.is_none() {
        fixture.asked().await.perform();
    }
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_start_in_doubt_translates_reports_it_and_reads_until_it_is_certain() {
    let mut fixture = started_in_doubt().await;
    assert_eq!(codes(&fixture), ["readback-uncertain"]);
    let mut last = clock::now();
    for seconds in [1, 2, 4] {
        let read = fixture.read().await;
        assert!(clock::now() - last >= Duration::from_secs(seconds), "{seconds}");
        last = clock::now();
        read.perform();
    }
    let read = fixture.read().await;
    fixture.kernel_control.state().certainty = Certainty::Settled;
    read.perform();
    fixture.settle_exactly().await;
    assert!(codes(&fixture).is_empty());
}

#[tokio::test(start_paused = true)]
async fn in_doubt_no_table_and_no_base_chain_is_made_anew() {
    let mut fixture = started_in_doubt().await;
    let mut torn = fixture.kernel_control.ruleset();
    for table in torn.tables.values_mut() {
        let base = table.chains.values_mut().filter_map(|chain| chain.hook.as_mut());
        base.for_each(|hook| hook.priority += 1);
    }
    fixture.kernel_control.state().torn = Some(torn);
    fixture.translate("web", &["10.0.0.2"]);
    fixture.commit().await.refuse();
    for _ in 0..3 {
        let request = fixture.asked().await;
        assert_eq!(request.operation, Operation::Read, "nothing is written");
        request.perform();
    }
    assert!(fixture.state_channel.newest().trouble.is_some());
    fixture.kernel_control.state().torn = None;
    fixture.kernel_control.state().certainty = Certainty::Settled;
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn in_doubt_nothing_that_looks_foreign_is_removed() {
    let mut fixture = started_in_doubt().await;
    let foreign = super::retry::foreign_chain(&fixture);
    fixture.kernel_control.state().foreign = Some(foreign.clone());
    fixture.translate("web", &["10.0.0.2"]);
    fixture.commit().await.refuse();
    fixture.read().await.perform();
    let commit = fixture.commit().await;
    assert_ne!(commit.operation, Operation::Commit(foreign.removal.clone().unwrap()));
    commit.perform();
    fixture.kernel_control.state().certainty = Certainty::Settled;
    let Operation::Commit(removal) = fixture.commit().await.operation else { panic!("it is not removed") };
    assert!(removal.changes.iter().any(|change| matches!(change.verb, Verb::DeleteChain(_))), "{removal}");
}
