//! The start: tables of another egressd, and tables that are to be replaced.

use egressd_core::net::Family;
use egressd_core::ruleset::Ruleset;

use super::super::Start;
use super::kernel::{Request, What};
use super::world::{Scene, World};

/// What an egressd leaves that translates one pod.
async fn left_behind() -> Scene {
    let mut world = World::begin().await;
    world.translate("web", &["10.0.0.1"]);
    world.settle_exactly().await;
    world.stop();
    world.ended().await.1
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_is_taken_over_without_a_change() {
    let mut world = World::start(left_behind().await);
    world.take_over().await;
    let generation = world.stage.inside().fake.generation;
    world.settle_exactly().await;
    assert_eq!(world.stage.inside().fake.generation, generation);
}

#[tokio::test(start_paused = true)]
async fn a_table_of_a_newer_egressd_is_waited_for_and_nothing_is_read_or_written_meanwhile() {
    let mut world = World::start(Scene::default());
    world.translate("web", &["10.0.0.1"]);
    for _ in 0..3 {
        let request = world.asked_at_start().await;
        assert_eq!(request.what, What::Adopt);
        request.find_newer();
    }
    let request = world.asked_at_start().await;
    let newest = world.state_channel.newest();
    assert_eq!(newest.newer.as_ref().unwrap().code.to_string(), "newer-layout");
    assert!(newest.unready().unwrap().contains("newer-layout"));
    request.obey();
    let read = world.asked_at_start().await;
    world.has_tables(read).await;
    assert!(world.settle_exactly().await.newer.is_none());
}

/// A node with one table of ours, and an egressd that is to replace it.
async fn replacing() -> World {
    let mut kernel: Ruleset = left_behind().await.kernel;
    kernel.tables.retain(|family, _| *family == Family::Ipv4.into());
    let mut world = World::start(Scene { start: Start::Replace, kernel, ..Scene::default() });
    world.translate("dns", &["10.0.0.2"]);
    let request = world.asked_at_start().await;
    assert_eq!(request.what, What::Existing);
    world.has_tables(request).await;
    world
}

#[tokio::test(start_paused = true)]
async fn tables_that_are_to_be_replaced_are_replaced_with_the_first_change_that_the_kernel_takes() {
    let mut world = replacing().await;
    let before = world.stage.ruleset();
    for _ in 0..3 {
        world.commit().await.refuse();
        assert!(world.reported().await.in_force.is_none());
        assert_eq!(world.stage.ruleset(), before);
        // An earlier try may have made tables.
        let request = world.asked().await;
        assert_eq!(request.what, What::Existing);
        request.obey();
    }
    world.commit().await.obey();
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn tables_that_were_replaced_though_the_kernel_seemed_to_refuse_end_exactly() {
    let mut world = replacing().await;
    world.commit().await.lose();
    world.reported().await;
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn after_the_replacement_a_failure_is_read_back_as_always() {
    let mut world = replacing().await;
    world.settle_exactly().await;
    world.translate("dns", &["10.0.0.3"]);
    Request::refuse(world.commit().await);
    world.reported().await;
    world.read().await.obey();
    world.settle_exactly().await;
}
