//! The start: tables of another egressd, and tables that are to be replaced.

use egressd_core::net::Family;
use egressd_core::ruleset::Ruleset;

use super::super::Start;
use super::fixture::LoopFixture;
use super::kernel::{Operation, Request};
use super::node_state::NodeState;

/// What an egressd leaves that translates one pod.
async fn left_behind() -> NodeState {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.settle_exactly().await;
    fixture.stop();
    fixture.ended().await.1
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_is_taken_over_without_a_change() {
    let mut fixture = LoopFixture::start(left_behind().await);
    fixture.take_over().await;
    let generation = fixture.kernel_control.state().fake.generation;
    fixture.settle_exactly().await;
    assert_eq!(fixture.kernel_control.state().fake.generation, generation);
}

#[tokio::test(start_paused = true)]
async fn a_table_of_a_newer_egressd_is_waited_for_and_nothing_is_read_or_written_meanwhile() {
    let mut fixture = LoopFixture::start(NodeState::default());
    fixture.translate("web", &["10.0.0.1"]);
    for _ in 0..3 {
        let request = fixture.asked_at_start().await;
        assert_eq!(request.operation, Operation::Adopt);
        request.find_newer();
    }
    let request = fixture.asked_at_start().await;
    let newest = fixture.state_channel.newest();
    assert_eq!(newest.newer.as_ref().unwrap().code.to_string(), "newer-layout");
    assert!(newest.unready().unwrap().contains("newer-layout"));
    request.perform();
    let read = fixture.asked_at_start().await;
    fixture.has_tables(read).await;
    assert!(fixture.settle_exactly().await.newer.is_none());
}

/// A node with one table of ours, and an egressd that is to replace it.
async fn replacing() -> LoopFixture {
    let mut kernel: Ruleset = left_behind().await.kernel;
    kernel.tables.retain(|family, _| *family == Family::Ipv4.into());
    let mut fixture = LoopFixture::start(NodeState { start: Start::Replace, kernel, ..NodeState::default() });
    fixture.translate("dns", &["10.0.0.2"]);
    let request = fixture.asked_at_start().await;
    assert_eq!(request.operation, Operation::Existing);
    fixture.has_tables(request).await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn tables_that_are_to_be_replaced_are_replaced_with_the_first_change_that_the_kernel_takes() {
    let mut fixture = replacing().await;
    let before = fixture.kernel_control.ruleset();
    for _ in 0..3 {
        fixture.commit().await.refuse();
        assert!(fixture.reported().await.in_force.is_none());
        assert_eq!(fixture.kernel_control.ruleset(), before);
        // An earlier try may have made tables.
        let request = fixture.asked().await;
        assert_eq!(request.operation, Operation::Existing);
        request.perform();
    }
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn tables_that_were_replaced_though_the_kernel_seemed_to_refuse_end_exactly() {
    let mut fixture = replacing().await;
    fixture.commit().await.lose();
    fixture.reported().await;
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn after_the_replacement_a_failure_is_read_back_as_always() {
    let mut fixture = replacing().await;
    fixture.settle_exactly().await;
    fixture.translate("dns", &["10.0.0.3"]);
    Request::refuse(fixture.commit().await);
    fixture.reported().await;
    fixture.read().await.perform();
    fixture.settle_exactly().await;
}
