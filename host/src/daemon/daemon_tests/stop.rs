//! The end in the middle of something: the rules stay in force, each packet sees the old state or the new one, and another
//! process ends exactly.

use egressd_core::testkit::{Seen, a, trace};

use super::claims::outwards;
use super::policy::{NARROWLY, SLOWLY};
use super::world::{ADDRESS, Scene, World};

/// The address that the Service of these tests goes over to.
const NEXT: &str = "11.0.0.3";

/// One Service whose change takes several batches.
async fn in_the_middle() -> World {
    let mut world = World::begin().await;
    world.put("web", NARROWLY, ADDRESS, &["10.0.0.1"]);
    world.settle_exactly().await;
    world.put("web", NARROWLY, NEXT, &["10.0.0.1"]);
    world
}

/// What the pod is translated to.
fn seen(scene: &Scene) -> Seen {
    trace(&scene.kernel, &outwards(a("10.0.0.1")))
}

/// Starts another process in what one left.
async fn goes_on_exactly(scene: Scene) {
    World::begin_with(scene).await.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_middle_of_a_change_waits_for_the_kernel_and_leaves_the_old_or_the_new() {
    let batches = in_the_middle().await.commits().await;
    for at in 0..batches {
        let mut world = in_the_middle().await;
        for _ in 0..at {
            world.commit().await.obey();
        }
        let request = world.commit().await;
        world.stop();
        request.obey();
        let (ended, scene) = finish(world).await;
        assert!(ended.is_ok() && [Seen::As(a(ADDRESS)), Seen::As(a(NEXT))].contains(&seen(&scene)));
        goes_on_exactly(scene).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_does_not_wait_for_the_next_try_of_what_was_refused() {
    let mut world = in_the_middle().await;
    let request = world.commit().await;
    world.stop();
    request.refuse();
    let (ended, scene) = world.ended().await;
    assert!(ended.is_ok());
    assert_eq!(seen(&scene), Seen::As(a(ADDRESS)));
    goes_on_exactly(scene).await;
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_first_services_are_asked_about_does_not_wait_and_writes_nothing() {
    let mut world = World::start(Scene::default());
    world.put("web", SLOWLY, ADDRESS, &["10.0.0.1"]);
    world.take_over().await;
    world.gate.policy_waits().await;
    world.stop();
    let (ended, scene) = world.ended().await;
    assert!(ended.is_ok() && scene.kernel.tables.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_while_a_policy_is_asked_leaves_what_is_in_force_and_what_is_answered_is_whole() {
    let mut world = World::begin().await;
    world.translate("dns", &["10.0.0.2"]);
    world.settle_exactly().await;
    world.put("web", SLOWLY, ADDRESS, &["10.0.0.1"]);
    world.gate.policy_waits().await;
    world.stop();
    world.gate.open();
    let (ended, scene) = finish(world).await;
    assert!(ended.is_ok() && [Seen::Untranslated, Seen::As(a(ADDRESS))].contains(&seen(&scene)));
    assert_eq!(trace(&scene.kernel, &outwards(a("10.0.0.2"))), Seen::As(a(ADDRESS)));
}

/// Lets the kernel do what it is asked for until the loop has ended.
pub(super) async fn finish(mut world: World) -> (anyhow::Result<()>, Scene) {
    while let Some(request) = world.stage.requests.recv().await {
        request.obey();
    }
    world.ended().await
}
