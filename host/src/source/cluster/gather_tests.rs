//! What followers report is handed over at once, whatever comes after it.
#![expect(clippy::expect_used, reason = "tests")]

use std::time::Duration;

use egressd_core::model::{ChangeKey, SubjectKey};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::super::event::{Event, Reading};
use super::super::handover::{SnapshotReceiver, Update, handover};
use super::super::state::tests::{namespace, service, slice};
use super::*;
use crate::clock;

/// A source that has listed everything, and what takes from it.
async fn source() -> (Sender<FollowerEvent>, SnapshotReceiver) {
    let ((snapshots, receiver), (sender, news)) = (handover(), channel(MAX_EVENTS));
    let state = State::of([Kind::Services, Kind::Slices, Kind::Namespaces]);
    tokio::spawn(gather(news, Gathered::new(state, None), snapshots, None));
    for kind in [Kind::Services, Kind::Slices, Kind::Namespaces] {
        report(&sender, kind, Event::Begin).await;
        if kind == Kind::Namespaces {
            report(&sender, kind, Event::Listed(namespace("shop", "l"))).await;
        }
        report(&sender, kind, Event::Complete).await;
    }
    receiver.next().await;
    (sender, receiver)
}

async fn report(sender: &Sender<FollowerEvent>, kind: Kind, event: Event) {
    sender.send(FollowerEvent::Event(kind, event)).await.expect("it is followed");
}

fn changed(reading: Reading) -> Event {
    Event::Changed(reading)
}

fn keys(names: &[&str]) -> Vec<ChangeKey> {
    names.iter().map(|name| ChangeKey::Subject(SubjectKey::service("shop", *name))).collect()
}

fn has(update: &Update, names: &[&str]) {
    assert_eq!(update.keys.iter().cloned().collect::<Vec<_>>(), keys(names));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_handed_over_without_any_wait() {
    let (sender, receiver) = source().await;
    let begun = clock::now();
    report(&sender, Kind::Services, changed(service("web", "1"))).await;
    has(&receiver.next().await, &["web"]);
    report(&sender, Kind::Slices, changed(slice("s", "web", 1))).await;
    let update = receiver.next().await;
    has(&update, &["web"]);
    assert_eq!(update.snapshot.slices.len(), 1);
    assert_eq!(clock::now(), begun);
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_is_handed_over_together() {
    let (sender, receiver) = source().await;
    report(&sender, Kind::Slices, changed(slice("s", "web", 1))).await;
    report(&sender, Kind::Services, changed(service("web", "1"))).await;
    report(&sender, Kind::Services, changed(service("dns", "2"))).await;
    has(&receiver.next().await, &["dns", "web"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_all_the_time_puts_off_nothing() {
    let (sender, receiver) = source().await;
    let flood = tokio::spawn(async move {
        for uid in 0_u64.. {
            report(&sender, Kind::Services, changed(service("flood", &uid.to_string()))).await;
        }
    });
    for _ in 0..10 {
        has(&receiver.next().await, &["flood"]);
    }
    flood.abort();
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_nothing_is_taken_adds_up() {
    let (sender, receiver) = source().await;
    for (number, name) in ["web", "dns", "mail"].into_iter().enumerate() {
        report(&sender, Kind::Services, changed(service(name, &number.to_string()))).await;
        yield_now().await;
        yield_now().await;
    }
    has(&receiver.next().await, &["dns", "mail", "web"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_its_namespace_and_not_for_long() {
    let (sender, receiver) = source().await;
    let begun = clock::now();
    report(&sender, Kind::Namespaces, Event::Gone(namespace("shop", "l").name)).await;
    receiver.next().await;
    report(&sender, Kind::Services, changed(service("web", "1"))).await;
    sleep(Duration::from_millis(50)).await;
    report(&sender, Kind::Namespaces, changed(namespace("shop", "l"))).await;
    let update = receiver.next().await;
    assert!(update.snapshot.namespaces.contains_key("shop") && update.keys.len() == 2, "{:?}", update.keys);
    assert_eq!(clock::since(begun).as_millis(), 50);
    report(&sender, Kind::Namespaces, Event::Gone(namespace("shop", "l").name)).await;
    receiver.next().await;
    report(&sender, Kind::Services, changed(service("web", "2"))).await;
    has(&receiver.next().await, &["web"]);
    assert_eq!(clock::since(begun).as_millis(), 150);
}
