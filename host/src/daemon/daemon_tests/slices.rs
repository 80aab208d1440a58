//! A large change is carried out slice by slice, and may fail or end at each of them.

use egressd_core::ruleset::Ruleset;
use egressd_core::status::UNDER_WAY;
use egressd_core::testkit::{Seen, a, trace, whole};

use super::claims::outwards;
use super::kernel::Request;
use super::policy::WIDELY;
use super::stop::finish;
use super::world::{ADDRESS, Event, Scene, World};

/// Services of one pod each, of which two are too much for one slice.
const MANY: usize = 6;

/// A node that gets Services that come in slices.
async fn crowded() -> World {
    let mut world = World::begin().await;
    world.translate("web", &["10.0.0.1"]);
    world.settle_exactly().await;
    for service in 0..MANY {
        world.put(&format!("many-{service}"), WIDELY, ADDRESS, &[&pod(service)]);
    }
    world
}

fn pod(service: usize) -> String {
    format!("10.0.1.{service}")
}

/// How many of those are translated.
fn translated(kernel: &Ruleset) -> usize {
    let seen = |service| trace(kernel, &outwards(a(&pod(service))));
    (0..MANY).filter(|service| seen(*service) == Seen::As(a(ADDRESS))).count()
}

/// How many changes the kernel is asked for until all is in force.
async fn commits() -> usize {
    let (mut world, mut commits) = (crowded().await, 0);
    loop {
        match world.event().await {
            Event::Asked(request) => {
                commits += usize::from(request.writes());
                request.obey();
            }
            Event::Reported => {}
            Event::Quiet => return commits,
        }
    }
}

/// After so many of its changes.
async fn after(commits: usize) -> World {
    let mut world = crowded().await;
    for _ in 0..commits {
        world.commit().await.obey();
    }
    world
}

async fn after_the_first_slice() -> World {
    let mut world = crowded().await;
    world.commits().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_large_change_that_fails_at_any_slice_is_read_back_and_ends_exactly() {
    let commits = commits().await;
    assert!(commits >= 3, "{commits} changes are no slices");
    let failures: [fn(Request); 2] = [Request::refuse, Request::lose];
    for (at, fail) in (0..commits).flat_map(|at| failures.map(|fail| (at, fail))) {
        let mut world = after(at).await;
        fail(world.commit().await);
        while world.state_channel.newest().trouble.is_none() {
            world.reported().await;
        }
        world.read().await.obey();
        world.settle_exactly().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_large_change_services_say_that_it_is_under_way_and_the_others_are_in_force() {
    let mut world = after_the_first_slice().await;
    let newest = world.state_channel.newest();
    let (trouble, in_force) = (newest.trouble, whole(&newest.in_force.unwrap()));
    let is_under_way =
        |name: &str| in_force.statuses[&super::world::key(name)].findings.iter().any(|f| f.code == UNDER_WAY);
    assert!(trouble.is_none() && is_under_way("many-5") && !is_under_way("web"));
    world.settle_exactly().await;
}

/// Before the first round is in force nothing is reported, and nothing that it had is forgotten.
#[tokio::test(start_paused = true)]
async fn what_comes_between_slices_of_the_first_round_hides_no_service() {
    let mut world = World::start(Scene::default());
    for number in 0..MANY {
        world.put(&format!("many-{number}"), WIDELY, ADDRESS, &[&pod(number)]);
    }
    world.take_over().await;
    world.commit().await.obey();
    let request = world.commit().await;
    world.translate("dns", &["10.0.0.2"]);
    request.obey();
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_does_not_wait_for_all_slices() {
    let mut world = after_the_first_slice().await;
    world.translate("dns", &["10.0.0.2"]);
    let is_there = |world: &World| trace(&world.stage.ruleset(), &outwards(a("10.0.0.2"))) == Seen::As(a(ADDRESS));
    while !is_there(&world) {
        world.commits().await;
    }
    let many = translated(&world.stage.ruleset());
    assert!(many < MANY, "{many} went first");
    world.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_between_two_slices_comes_at_once_and_another_process_ends_exactly() {
    let mut world = after_the_first_slice().await;
    let request = world.commit().await;
    world.stop();
    request.obey();
    let (ended, scene) = finish(world).await;
    assert!(ended.is_ok());
    let there = translated(&scene.kernel);
    assert!(there > 0 && there < MANY, "{there}");
    goes_on_exactly(scene).await;
}

async fn goes_on_exactly(scene: Scene) {
    World::begin_with(scene).await.settle_exactly().await;
}
