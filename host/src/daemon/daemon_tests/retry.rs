//! What the kernel refused is tried again, and read before anything is written.

use std::time::Duration;

use egressd_core::diff::{Batch, Change, Verb};
use egressd_core::ruleset::Name;

use super::kernel::{Request, What};
use super::policy::{NARROWLY, TRANSLATE};
use super::world::{ADDRESS, World};
use crate::clock::{self, Instant};
use crate::kernel::nft::Foreign;

const FAILURES: usize = 9;

/// The change of a Service, refused once; and when.
async fn refused_once() -> (World, Instant) {
    let mut world = World::begin().await;
    world.translate("web", &["10.0.0.1"]);
    world.commit().await.refuse();
    world.reported().await;
    (world, clock::now())
}

/// After how many milliseconds it was tried again, each time.
async fn waits(world: &mut World, mut failed: Instant) -> Vec<u128> {
    let mut waits = Vec::new();
    for _ in 0..FAILURES {
        let read = world.read().await;
        waits.push((world.busy_since() - failed).as_millis());
        read.obey();
        world.commit().await.refuse();
        world.reported().await;
        failed = clock::now();
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_is_tried_again_after_waits_that_double_up_to_ten_seconds() {
    let (mut world, failed) = refused_once().await;
    assert_eq!(waits(&mut world, failed).await, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_success_the_waits_begin_anew() {
    let (mut world, failed) = refused_once().await;
    waits(&mut world, failed).await;
    world.settle_exactly().await;
    world.translate("web", &["10.0.0.2"]);
    world.commit().await.refuse();
    world.reported().await;
    assert_eq!(waits(&mut world, clock::now()).await[..2], [100, 200]);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_does_not_wait_for_the_next_try_and_goes_with_what_was_refused() {
    let (mut world, failed) = refused_once().await;
    world.translate("dns", &["10.0.0.2"]);
    world.read().await.obey();
    assert_eq!(world.busy_since(), failed);
    world.commit().await.obey();
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_cannot_be_read_is_not_written_to_whatever_is_new() {
    let (mut world, _) = refused_once().await;
    for pod in ["10.0.0.2", "10.0.0.3", "10.0.0.4"] {
        world.read().await.refuse();
        world.reported().await;
        world.translate("web", &[pod]);
    }
    assert!(world.state_channel.newest().trouble.is_some());
    world.read().await.obey();
    world.commit().await.obey();
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn failures_to_read_wait_as_refused_changes_do() {
    let (mut world, mut failed) = refused_once().await;
    for milliseconds in [100, 200, 400] {
        let read = world.read().await;
        assert_eq!(world.busy_since() - failed, Duration::from_millis(milliseconds));
        read.refuse();
        world.reported().await;
        failed = clock::now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_made_though_the_kernel_seemed_to_refuse_is_not_made_twice() {
    let mut world = World::begin().await;
    world.translate("web", &["10.0.0.1"]);
    world.commit().await.lose();
    assert!(world.reported().await.trouble.is_some());
    world.read().await.obey();
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn what_other_programs_put_into_a_table_goes_before_anything_else_is_written() {
    let (mut world, _) = refused_once().await;
    let foreign = foreign_chain(&world);
    world.stage.inside().foreign = Some(foreign.clone());
    for answer in [Request::refuse, Request::obey] {
        world.read().await.obey();
        let request = world.commit().await;
        assert_eq!(request.what, What::Commit(foreign.removal.clone().unwrap()));
        answer(request);
    }
    world.commit().await.obey();
    world.settle_exactly().await;
}

fn foreign_chain(world: &World) -> Foreign {
    let ruleset = world.stage.ruleset();
    let (family, table) = ruleset.tables.first_key_value().unwrap();
    let verb = Verb::DeleteChain(Name::new("of-another-program").unwrap());
    let changes = vec![Change { family: *family, table: table.name.clone(), verb }];
    Foreign { what: "a chain".to_owned(), removal: Some(Batch { changes }) }
}

#[tokio::test(start_paused = true)]
async fn tables_that_a_newer_egressd_made_meanwhile_are_not_written_to() {
    let (mut world, _) = refused_once().await;
    for _ in 0..3 {
        world.read().await.find_newer();
        let trouble = world.reported().await.trouble.unwrap();
        assert!(trouble.contains("newer-layout"), "{trouble}");
    }
    world.read().await.obey();
    world.commit().await.obey();
    world.settle_exactly().await;
}

/// Why a change fails.
type Failure = fn(Request);

/// A change of a Service that the kernel takes over in several batches.
async fn in_batches() -> World {
    let mut world = World::begin().await;
    world.put("web", TRANSLATE, ADDRESS, &["10.0.0.1"]);
    world.settle_exactly().await;
    world.put("web", NARROWLY, "11.0.0.3", &["10.0.0.1", "10.0.0.2"]);
    world
}

#[tokio::test(start_paused = true)]
async fn a_change_that_fails_at_any_of_its_batches_is_exact_after_the_next_try() {
    let batches = in_batches().await.commits().await;
    assert!(batches > 1, "{batches}");
    let failures: [Failure; 2] = [Request::refuse, Request::lose];
    for (at, fail) in (0..batches).flat_map(|at| failures.map(|fail| (at, fail))) {
        let mut world = in_batches().await;
        for _ in 0..at {
            world.commit().await.obey();
        }
        fail(world.commit().await);
        assert!(world.reported().await.trouble.is_some());
        world.read().await.obey();
        world.settle_exactly().await;
    }
}
