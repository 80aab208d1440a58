//! What the kernel refused is tried again, and read before anything is written.

use std::time::Duration;

use egressd_core::diff::{Batch, Change, Verb};
use egressd_core::ruleset::Name;

use super::fixture::{ADDRESS, LoopFixture};
use super::kernel::{Operation, Request};
use super::policy::{NARROWLY, TRANSLATE};
use crate::clock::{self, Instant};
use crate::kernel::nft::Foreign;

const FAILURES: usize = 9;

/// The change of a Service, refused once; and when.
async fn refused_once() -> (LoopFixture, Instant) {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    (fixture, clock::now())
}

/// After how many milliseconds it was tried again, each time.
async fn waits(fixture: &mut LoopFixture, mut failed: Instant) -> Vec<u128> {
    let mut waits = Vec::new();
    for _ in 0..FAILURES {
        let read = fixture.read().await;
        waits.push((fixture.busy_since() - failed).as_millis());
        read.perform();
        fixture.commit().await.refuse();
        fixture.reported().await;
        failed = clock::now();
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_is_tried_again_after_waits_that_double_up_to_ten_seconds() {
    let (mut fixture, failed) = refused_once().await;
    assert_eq!(waits(&mut fixture, failed).await, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_success_the_waits_begin_anew() {
    let (mut fixture, failed) = refused_once().await;
    waits(&mut fixture, failed).await;
    fixture.settle_exactly().await;
    fixture.translate("web", &["10.0.0.2"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    assert_eq!(waits(&mut fixture, clock::now()).await[..2], [100, 200]);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_does_not_wait_for_the_next_try_and_goes_with_what_was_refused() {
    let (mut fixture, failed) = refused_once().await;
    fixture.translate("dns", &["10.0.0.2"]);
    fixture.read().await.perform();
    assert_eq!(fixture.busy_since(), failed);
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_cannot_be_read_is_not_written_to_whatever_is_new() {
    let (mut fixture, _) = refused_once().await;
    for pod in ["10.0.0.2", "10.0.0.3", "10.0.0.4"] {
        fixture.read().await.refuse();
        fixture.reported().await;
        fixture.translate("web", &[pod]);
    }
    assert!(fixture.state_channel.newest().trouble.is_some());
    fixture.read().await.perform();
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn failures_to_read_wait_as_refused_changes_do() {
    let (mut fixture, mut failed) = refused_once().await;
    for milliseconds in [100, 200, 400] {
        let read = fixture.read().await;
        assert_eq!(fixture.busy_since() - failed, Duration::from_millis(milliseconds));
        read.refuse();
        fixture.reported().await;
        failed = clock::now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_made_though_the_kernel_seemed_to_refuse_is_not_made_twice() {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.commit().await.lose();
    assert!(fixture.reported().await.trouble.is_some());
    fixture.read().await.perform();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn what_other_programs_put_into_a_table_goes_before_anything_else_is_written() {
    let (mut fixture, _) = refused_once().await;
    let foreign = foreign_chain(&fixture);
    fixture.kernel_control.state().foreign = Some(foreign.clone());
    for answer in [Request::refuse, Request::perform] {
        fixture.read().await.perform();
        let request = fixture.commit().await;
        assert_eq!(request.operation, Operation::Commit(foreign.removal.clone().unwrap()));
        answer(request);
    }
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

pub(super) fn foreign_chain(fixture: &LoopFixture) -> Foreign {
    let ruleset = fixture.kernel_control.ruleset();
    let (family, table) = ruleset.tables.first_key_value().unwrap();
    let verb = Verb::DeleteChain(Name::new("of-another-program").unwrap());
    let changes = vec![Change { family: *family, table: table.name.clone(), verb }];
    Foreign { what: "a chain".to_owned(), removal: Some(Batch { changes }) }
}

#[tokio::test(start_paused = true)]
async fn tables_that_a_newer_egressd_made_meanwhile_are_not_written_to() {
    let (mut fixture, _) = refused_once().await;
    for _ in 0..3 {
        fixture.read().await.find_newer();
        let trouble = fixture.reported().await.trouble.unwrap();
        assert!(trouble.contains("newer-layout"), "{trouble}");
    }
    fixture.read().await.perform();
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

/// Why a change fails.
type Failure = fn(Request);

/// A change of a Service that the kernel takes over in several batches.
async fn in_batches() -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    fixture.set_service("web", TRANSLATE, ADDRESS, &["10.0.0.1"]);
    fixture.settle_exactly().await;
    fixture.set_service("web", NARROWLY, "11.0.0.3", &["10.0.0.1", "10.0.0.2"]);
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_change_that_fails_at_any_of_its_batches_is_exact_after_the_next_try() {
    let batches = in_batches().await.commits().await;
    assert!(batches > 1, "{batches}");
    let failures: [Failure; 2] = [Request::refuse, Request::lose];
    for (at, fail) in (0..batches).flat_map(|at| failures.map(|fail| (at, fail))) {
        let mut fixture = in_batches().await;
        for _ in 0..at {
            fixture.commit().await.perform();
        }
        fail(fixture.commit().await);
        assert!(fixture.reported().await.trouble.is_some());
        fixture.read().await.perform();
        fixture.settle_exactly().await;
    }
}
