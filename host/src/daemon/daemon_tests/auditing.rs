//! A loop with nothing to do looks whether what it keeps is right, and delays no change by that.

use std::time::Duration;

use egressd_core::diff::{Applied, corrupt as belief};
use egressd_core::pipeline::corrupt;
use tokio::time::sleep;

use super::fixture::LoopFixture;
use crate::clock;

/// So many Services that a cycle takes a dozen slices.
const MANY: u8 = 200;

/// The time from the end of a cycle to the beginning of the next one.
const BETWEEN_CYCLES: Duration = Duration::from_mins(5);

/// A number of an audit.
fn counted(fixture: &LoopFixture, name: &str) -> u64 {
    let text = fixture.metrics.scrape().text(crate::metrics::Format::Text);
    let beginning = format!("egressd_audit_{name}_total ");
    let line = text.lines().find_map(|line| line.strip_prefix(&beginning)).unwrap();
    line.parse().unwrap()
}

async fn with_services(count: u8) -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    for number in 0..count {
        fixture.translate(&format!("web-{number}"), &[&format!("10.0.0.{number}")]);
    }
    fixture.settle_exactly().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_loop_with_nothing_to_do_looks_at_everything_and_reads_the_tables_now_and_then() {
    let mut fixture = with_services(3).await;
    let before = counted(&fixture, "cycles");
    fixture.is_quiet().await;
    let cycles = counted(&fixture, "cycles") - before;
    assert!((2..=20).contains(&cycles), "{cycles} in an hour");
    assert!((5..=240).contains(&fixture.kernel_control.state().audits));
    assert_eq!(counted(&fixture, "disagreements"), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_wrong_is_counted_and_right_again() {
    let mut fixture = with_services(3).await;
    let mut planted = 0;
    // The last is another state of the fixture, of which the test knows nothing.
    let [derived @ .., _] = corrupt::CORRUPTIONS;
    for (number, (name, plant)) in derived.into_iter().enumerate() {
        let (wrong, is_wrong) = std::sync::mpsc::channel();
        fixture.plant(move |daemon| wrong.send(plant(&mut daemon.pipeline, number).is_some()).unwrap());
        let before = counted(&fixture, "disagreements");
        fixture.settle_exactly().await;
        if is_wrong.recv().unwrap() {
            assert!(counted(&fixture, "disagreements") > before, "{name}, and nothing was found");
            planted += 1;
        }
    }
    assert!(planted >= 20, "{planted}");
}

#[tokio::test(start_paused = true)]
async fn an_element_that_nothing_says_goes_with_an_ordinary_change_after_the_kernel_was_read() {
    let mut fixture = with_services(3).await;
    let [_, _, (_, plant), ..] = belief::CORRUPTIONS;
    let mut wrong = Applied::of(fixture.kernel_control.ruleset());
    plant(&mut wrong, 0).unwrap();
    wrong.clear_outstanding();
    fixture.kernel_control.state().fake.ruleset = wrong.ruleset().clone();
    fixture.plant(move |daemon| daemon.applied = wrong);
    let audits = fixture.kernel_control.state().audits;
    let commit = fixture.commit().await;
    assert!(fixture.kernel_control.state().audits > audits, "it was not read");
    commit.refuse();
    fixture.reported().await;
    fixture.read().await.perform();
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
    assert_eq!(counted(&fixture, "disagreements"), 1);
}

/// Time goes on between two slices and not in one. So what is begun at the time at which it was given waited for no slice
/// that came later.
#[tokio::test(start_paused = true)]
async fn a_change_that_comes_between_two_slices_waits_for_none() {
    let mut fixture = with_services(MANY).await;
    let cycles = counted(&fixture, "cycles");
    while counted(&fixture, "cycles") == cycles {
        sleep(Duration::from_millis(100)).await;
    }
    let before = counted(&fixture, "cycles");
    sleep(BETWEEN_CYCLES + Duration::from_millis(1_700)).await;
    fixture.translate("web-1", &["10.0.1.2"]);
    let given = clock::now();
    let request = fixture.commit().await;
    assert_eq!((fixture.busy_since(), counted(&fixture, "cycles")), (given, before), "it is within a cycle");
    request.perform();
    fixture.settle_exactly().await;
    assert!(counted(&fixture, "cycles") > before);
    assert_eq!(counted(&fixture, "disagreements"), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_at_while_the_kernel_refuses() {
    let mut fixture = with_services(3).await;
    fixture.translate("web-0", &["10.0.1.1"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    let before = counted(&fixture, "cycles");
    for _ in 0..100 {
        fixture.read().await.perform();
        fixture.commit().await.refuse();
        fixture.reported().await;
    }
    assert_eq!(counted(&fixture, "cycles"), before);
    fixture.settle_exactly().await;
    assert!(counted(&fixture, "cycles") > before);
}
