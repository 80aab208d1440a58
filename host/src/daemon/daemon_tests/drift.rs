//! What another program changes in the tables is undone and reported, and no program makes the loop work all the time.

use std::time::Duration;

use egressd_core::net::Family;
use egressd_core::ruleset::{Name, Ruleset, Table, TableFamily};
use tokio::time::sleep;

use super::fixture::LoopFixture;
use crate::clock;
use crate::state_channel::{ChangedTable, RepairPace};

async fn translating() -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.translate("dns", &["10.0.0.2"]);
    fixture.settle_exactly().await;
    // Between two audits.
    sleep(Duration::from_secs(30)).await;
    fixture
}

fn table(ruleset: &mut Ruleset) -> &mut Table {
    ruleset.tables.get_mut(&TableFamily::from(Family::Ipv4)).unwrap()
}

fn changed(fixture: &LoopFixture) -> Vec<ChangedTable> {
    fixture.state_channel.newest().changed_tables.to_vec()
}

/// What another program does to the tables.
type Meddling = fn(&mut Ruleset);

/// Each by what is reported of it.
fn changes() -> Vec<(&'static str, Meddling)> {
    vec![
        ("the whole table", |ruleset| ruleset.tables.clear()),
        ("map egress_addrs (2 elements)", |ruleset| {
            table(ruleset).maps.values_mut().for_each(|map| map.elements.clear());
        }),
        ("chain egress_postrouting", |ruleset| {
            table(ruleset)
                .chains
                .values_mut()
                .filter(|chain| chain.hook.is_some())
                .for_each(|chain| chain.rules.clear());
        }),
        ("map egress_addrs (1 element)", |ruleset| {
            table(ruleset).maps.values_mut().for_each(|map| drop(map.elements.pop_first()));
        }),
        ("chain egress_postrouting", |ruleset| table(ruleset).chains.retain(|_, chain| chain.hook.is_none())),
        ("counter theirs", |ruleset| {
            table(ruleset).counters.insert(Name::new("theirs").unwrap());
        }),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_change_of_another_program_is_undone_and_reported() {
    for (what, change) in changes() {
        let mut fixture = translating().await;
        fixture.meddle(change);
        let begun = clock::now();
        fixture.commit().await.perform();
        assert_eq!(clock::now(), begun, "it waits for nothing: {what}");
        while changed(&fixture).is_empty() || fixture.state_channel.busy_since().is_some() {
            if let super::fixture::Event::Asked(request) = fixture.event().await {
                request.perform();
            }
        }
        let found = changed(&fixture);
        assert!(found[0].finding().message.contains(what), "{}", found[0].finding().message);
        fixture.settle_exactly().await;
        assert_eq!(changed(&fixture), [], "an hour later");
    }
}

#[tokio::test(start_paused = true)]
async fn where_notifications_were_lost_a_change_is_undone_at_once() {
    let mut fixture = translating().await;
    fixture.meddle_silently(|ruleset| table(ruleset).maps.values_mut().for_each(|map| map.elements.clear()));
    let begun = clock::now();
    fixture.lose_news();
    fixture.commit().await.perform();
    assert_eq!(clock::now(), begun, "an audit would be later");
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn lost_notifications_of_nothing_are_no_report() {
    let mut fixture = translating().await;
    fixture.lose_news();
    fixture.settle_exactly().await;
    assert_eq!(changed(&fixture), []);
}

#[tokio::test(start_paused = true)]
async fn without_notifications_a_change_is_found_by_the_next_audit() {
    let mut fixture = translating().await;
    fixture.meddle_silently(|ruleset| table(ruleset).maps.values_mut().for_each(|map| map.elements.clear()));
    fixture.commit().await.perform();
    fixture.settle_exactly().await;
}

/// A program undoes what was repaired last, and that is repaired.
async fn undo(fixture: &mut LoopFixture) {
    fixture.meddle(|ruleset| table(ruleset).maps.values_mut().for_each(|map| map.elements.clear()));
    let before = fixture.kernel_control.state().fake.generation;
    fixture.commit().await.perform();
    while fixture.kernel_control.state().fake.generation == before {
        std::thread::yield_now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_undoes_each_repair_is_answered_once_a_second_in_the_end() {
    let mut fixture = translating().await;
    for _ in 0..400 {
        undo(&mut fixture).await;
    }
    let begun = clock::now();
    for _ in 0..10 {
        undo(&mut fixture).await;
    }
    assert!(clock::now() - begun >= Duration::from_secs(9), "{:?}", clock::now() - begun);
    let found = changed(&fixture).remove(0);
    assert_eq!(found.pace, RepairPace::SlowedDown);
    assert!(found.times > 400, "{found:?}");
    fixture.settle_exactly().await;
}
