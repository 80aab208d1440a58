//! A loop with nothing to do looks whether what it keeps is right, and keeps no change waiting for that.

use std::time::Duration;

use egressd_core::diff::{Applied, corrupt as belief};
use egressd_core::pipeline::corrupt;
use tokio::time::sleep;

use super::kernel::What;
use super::world::World;
use crate::clock;

/// So many Services that a cycle takes a dozen slices.
const MANY: u8 = 200;

/// The time from the end of a cycle to the beginning of the next one.
const BETWEEN_CYCLES: Duration = Duration::from_mins(5);

/// A number of an audit.
fn counted(world: &World, name: &str) -> u64 {
    let text = world.metrics.scrape().text(crate::metrics::Format::Text);
    let beginning = format!("egressd_audit_{name}_total ");
    let line = text.lines().find_map(|line| line.strip_prefix(&beginning)).unwrap();
    line.parse().unwrap()
}

async fn with_services(count: u8) -> World {
    let mut world = World::begin().await;
    for number in 0..count {
        world.translate(&format!("web-{number}"), &[&format!("10.0.0.{number}")]);
    }
    world.settle_exactly().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_loop_with_nothing_to_do_looks_at_everything_and_asks_the_kernel_for_nothing() {
    let mut world = with_services(3).await;
    let before = counted(&world, "cycles");
    world.is_quiet().await;
    let cycles = counted(&world, "cycles") - before;
    assert!((2..=20).contains(&cycles), "{cycles} in an hour");
    assert_eq!(counted(&world, "disagreements"), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_wrong_is_counted_and_right_again() {
    let mut world = with_services(3).await;
    let mut planted = 0;
    // The last is another state of the world, of which the test knows nothing.
    let [derived @ .., _] = corrupt::CORRUPTIONS;
    for (number, (name, plant)) in derived.into_iter().enumerate() {
        let (wrong, is_wrong) = std::sync::mpsc::channel();
        world.plant(move |daemon| wrong.send(plant(&mut daemon.pipeline, number).is_some()).unwrap());
        let before = counted(&world, "disagreements");
        world.settle_exactly().await;
        if is_wrong.recv().unwrap() {
            assert!(counted(&world, "disagreements") > before, "{name}, and nothing was found");
            planted += 1;
        }
    }
    assert!(planted >= 20, "{planted}");
}

#[tokio::test(start_paused = true)]
async fn an_element_that_nothing_says_goes_with_an_ordinary_change_after_the_kernel_was_read() {
    let mut world = with_services(3).await;
    let [_, _, (_, plant), ..] = belief::CORRUPTIONS;
    let mut wrong = Applied::of(world.stage.ruleset());
    plant(&mut wrong, 0).unwrap();
    wrong.clear_outstanding();
    world.stage.inside().fake.ruleset = wrong.ruleset().clone();
    world.plant(move |daemon| daemon.applied = wrong);
    let request = world.asked().await;
    assert_eq!(request.what, What::Read);
    request.obey();
    world.commit().await.refuse();
    world.reported().await;
    world.read().await.obey();
    world.commit().await.obey();
    world.settle_exactly().await;
    assert_eq!(counted(&world, "disagreements"), 1);
}

/// Time goes on between two slices and not in one. So what is begun at the time at which it was given waited for no slice
/// that came later.
#[tokio::test(start_paused = true)]
async fn a_change_that_comes_between_two_slices_waits_for_none() {
    let mut world = with_services(MANY).await;
    let cycles = counted(&world, "cycles");
    while counted(&world, "cycles") == cycles {
        sleep(Duration::from_millis(100)).await;
    }
    let before = counted(&world, "cycles");
    sleep(BETWEEN_CYCLES + Duration::from_millis(1_700)).await;
    world.translate("web-1", &["10.0.1.2"]);
    let given = clock::now();
    let request = world.commit().await;
    assert_eq!((world.busy_since(), counted(&world, "cycles")), (given, before), "it is within a cycle");
    request.obey();
    world.settle_exactly().await;
    assert!(counted(&world, "cycles") > before);
    assert_eq!(counted(&world, "disagreements"), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_at_while_the_kernel_refuses() {
    let mut world = with_services(3).await;
    world.translate("web-0", &["10.0.1.1"]);
    world.commit().await.refuse();
    world.reported().await;
    let before = counted(&world, "cycles");
    for _ in 0..100 {
        world.read().await.obey();
        world.commit().await.refuse();
        world.reported().await;
    }
    assert_eq!(counted(&world, "cycles"), before);
    world.settle_exactly().await;
    assert!(counted(&world, "cycles") > before);
}
