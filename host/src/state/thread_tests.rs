#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::mpsc::{self, Receiver, Sender};

use egressd_core::model::{PolicyObject, PrivateDestinations, Uid, UnixTime};
use futures_util::FutureExt;

use super::*;

/// Longer than a thread takes to go on, however busy the machine is.
const LONG: Duration = Duration::from_secs(30);

/// What the thread wants to write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Write {
    Promised(Promised),
    Drafts(Updates<Draft>),
    Sign(SignOfLife),
}

/// A disk that does nothing until the test decides the result.
struct ControlledDisk {
    asking: Sender<Write>,
    answers: Receiver<Health>,
    health: Health,
}

/// The test's end of it.
struct DiskControl {
    asked: Receiver<Write>,
    answers: Sender<Health>,
}

impl ControlledDisk {
    fn ask(&mut self, write: Write) {
        // Where the test is over, all is written.
        let sent = self.asking.send(write);
        self.health = sent.ok().and_then(|()| self.answers.recv().ok()).unwrap_or_default();
    }
}

impl Disk for ControlledDisk {
    fn write_promised(&mut self, promised: Promised) -> Promised {
        self.ask(Write::Promised(promised.clone()));
        match self.health {
            Health::Good => Promised::default(),
            Health::Failing => promised,
        }
    }

    fn write_drafts(&mut self, drafts: Updates<Draft>) {
        self.ask(Write::Drafts(drafts));
    }

    fn write_sign(&mut self, sign: SignOfLife) {
        self.ask(Write::Sign(sign));
    }

    fn health(&self) -> Health {
        self.health
    }
}

impl DiskControl {
    fn next(&self) -> Write {
        self.asked.recv_timeout(LONG).unwrap()
    }

    /// Lets the disk end the first look.
    fn go_on(&self) {
        self.answers.send(Health::Good).unwrap();
        assert_eq!(self.write(), Write::Drafts(Updates::new()));
    }

    /// Lets the disk do one write.
    fn write(&self) -> Write {
        let write = self.next();
        self.answers.send(Health::Good).unwrap();
        write
    }

    /// Lets the disk refuse one.
    fn refuse(&self) -> Write {
        let write = self.next();
        self.answers.send(Health::Failing).unwrap();
        write
    }
}

/// A thread that waits in its first look.
fn held() -> (StateThread, DiskControl) {
    let ((asking, asked), (answers, answered)) = (mpsc::channel(), mpsc::channel());
    let actor = ControlledDisk { asking, answers: answered, health: Health::Good };
    let (state, hand) = (StateThread::over(actor, StateAtStart::default()).unwrap(), DiskControl { asked, answers });
    assert_eq!(hand.next(), promised(Updates::new()));
    (state, hand)
}

/// A thread that has nothing to do.
fn idle() -> (StateThread, DiskControl) {
    let (state, hand) = held();
    hand.go_on();
    (state, hand)
}

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn accepted(of: &str, value: &str) -> Updates<Labels> {
    [(uid(of), Some(Arc::new([("egress".to_owned(), value.to_owned())].into())))].into()
}

fn draft(of: &str) -> Updates<Draft> {
    [(uid(of), Some(Arc::default()))].into()
}

fn promised(accepted: Updates<Labels>) -> Write {
    Write::Promised(Promised { accepted, ..Promised::default() })
}

fn guard() -> Objects {
    [("guard".to_owned(), Arc::new(PolicyObject { name: "guard".to_owned(), ..PolicyObject::default() }))].into()
}

fn known(private: PrivateDestinations) -> KnownNetworks {
    KnownNetworks { private, own_pods: vec![] }
}

fn in_directory(path: &Path) -> StateThread {
    StateThread::start(StateDir::open(path)).unwrap()
}

#[tokio::test]
async fn what_was_handed_over_is_on_the_disk_after_the_end_the_newest_of_each() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = in_directory(directory.path());
    state.remember(accepted("a", "1"), draft("a"));
    state.remember(accepted("a", "2"), Updates::new());
    state.remember(accepted("b", "1"), draft("b"));
    state.remember([(uid("b"), None)].into(), [(uid("b"), None)].into());
    state.remember_policies(&guard());
    state.remember_networks(known(PrivateDestinations::AsBefore));
    state.finish().await;
    let next = StateDir::open(directory.path());
    assert_eq!(
        next.accepted().into_iter().map(|(uid, one)| (uid, Some(one))).collect::<Updates<_>>(),
        accepted("a", "2")
    );
    assert_eq!(next.drafts().into_keys().collect::<Vec<_>>(), [uid("a")]);
    assert_eq!((next.policies(), next.networks().cloned()), (guard(), Some(known(PrivateDestinations::AsBefore))));
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_written_anew_though_there_is_no_news() {
    let directory = tempfile::tempdir().unwrap();
    let mut state = in_directory(directory.path());
    state.remember(accepted("a", "1"), Updates::new());
    state.finish().await;
    let file = directory.path().join("accepted");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], b"[\"b"].concat()).unwrap();
    in_directory(directory.path()).finish().await;
    assert_eq!(fs::read(&file).unwrap().last(), Some(&b'\n'));
}

/// A loss of power takes what was not waited for.
#[tokio::test]
async fn what_is_promised_is_waited_for_and_drafts_are_only_with_an_edit() {
    let (mut state, hand) = idle();
    state.remember(Updates::new(), draft("a"));
    assert_eq!(state.settled().now_or_never(), Some(Ok(())), "drafts");
    assert_eq!((hand.write(), hand.write()), (promised(Updates::new()), Write::Drafts(draft("a"))));
    let edits: [fn(&mut StateThread); 2] = [
        |state| state.remember(accepted("a", "1"), draft("a")),
        |state| state.remember([(uid("a"), None)].into(), Updates::new()),
    ];
    for edit in edits {
        edit(&mut state);
        assert_ne!(hand.write(), promised(Updates::new()));
        assert_eq!(state.settled().now_or_never(), None, "an earlier draft could be wider");
        hand.write();
        assert_eq!(state.settled().await, Ok(()));
    }
    let news: [fn(&mut StateThread); 2] = [
        |state| state.remember_policies(&guard()),
        |state| state.remember_networks(known(PrivateDestinations::AsBefore)),
    ];
    for news in news {
        news(&mut state);
        assert_eq!(state.settled().now_or_never(), None, "it is not on the disk");
        assert_ne!(hand.write(), promised(Updates::new()));
        assert_eq!(state.settled().await, Ok(()), "drafts are not written yet");
        hand.write();
    }
}

#[tokio::test]
async fn a_sign_of_life_comes_last_and_nothing_waits_for_it() {
    let (mut state, hand) = idle();
    let sign = SignOfLife { at: UnixTime(1), beginning: [uid("a")].into() };
    state.leave_sign(sign.clone());
    assert_eq!(state.settled().now_or_never(), Some(Ok(())));
    assert_eq!((hand.write(), hand.write()), (promised(Updates::new()), Write::Drafts(Updates::new())));
    assert_eq!(hand.write(), Write::Sign(sign));
    state.finish().await;
    assert!(hand.asked.try_recv().is_err());
}

#[tokio::test]
async fn what_is_no_news_is_not_handed_over() {
    let (mut state, hand) = idle();
    state.remember_networks(known(PrivateDestinations::AsBefore));
    state.remember_policies(&guard());
    state.remember(accepted("a", "1"), Updates::new());
    while !matches!(hand.write(), Write::Promised(Promised { accepted, .. }) if !accepted.is_empty()) {}
    hand.write();
    state.remember_networks(known(PrivateDestinations::AsBefore));
    state.remember_policies(&guard());
    state.remember(Updates::new(), Updates::new());
    state.finish().await;
    assert!(hand.asked.try_recv().is_err());
}

#[tokio::test]
async fn much_news_while_the_disk_is_slow_is_one_write_and_nothing_is_lost() {
    let (mut state, hand) = held();
    let (mut newest, mut drafts) = (BTreeMap::new(), BTreeMap::new());
    for turn in 0..100 {
        let (of, value) = (format!("uid-{}", turn % 7), turn.to_string());
        newest.extend(accepted(&of, &value));
        drafts.extend(draft(&of));
        state.remember(accepted(&of, &value), draft(&of));
    }
    hand.go_on();
    assert_eq!((hand.write(), hand.write()), (promised(newest), Write::Drafts(drafts)));
    state.finish().await;
    assert!(hand.asked.try_recv().is_err(), "nothing is written twice");
}

#[tokio::test]
async fn what_could_not_be_written_is_tried_again_with_the_next_news_and_newer_counts() {
    let (mut state, hand) = idle();
    state.remember_networks(known(PrivateDestinations::AsBefore));
    let private = |private| Promised { networks: Some(known(private)), ..Promised::default() };
    assert_eq!(hand.refuse(), Write::Promised(private(PrivateDestinations::AsBefore)));
    hand.refuse();
    assert_eq!(state.settled().await, Ok(()), "what is in force does not depend on it");
    while state.written.borrow().health == Health::Good {
        tokio::task::yield_now().await;
    }
    state.remember(Updates::new(), Updates::new());
    assert_eq!(hand.refuse(), Write::Promised(private(PrivateDestinations::AsBefore)));
    hand.refuse();
    state.remember_networks(known(PrivateDestinations::Withheld));
    assert_eq!(hand.write(), Write::Promised(private(PrivateDestinations::Withheld)));
}

#[tokio::test]
async fn a_directory_that_can_be_written_again_has_all_with_the_next_news() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("state");
    let opened = StateDir::open(&place);
    fs::write(&place, "").unwrap();
    let mut state = StateThread::start(opened).unwrap();
    state.remember(accepted("a", "1"), draft("a"));
    state.remember_policies(&guard());
    state.remember_networks(known(PrivateDestinations::AsBefore));
    state.settled().await.unwrap();
    fs::remove_file(&place).unwrap();
    state.remember(accepted("b", "1"), Updates::new());
    state.finish().await;
    let next = StateDir::open(&place);
    assert_eq!((next.accepted().len(), next.drafts().len()), (2, 1));
    assert_eq!((next.policies(), next.networks().cloned()), (guard(), Some(known(PrivateDestinations::AsBefore))));
}

#[tokio::test]
async fn what_cannot_be_written_is_reported_from_the_start_until_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("state");
    let (sender, reported) = mpsc::channel();
    let report = DiskReport::new(move |topic, finding| drop(sender.send((topic, finding))));
    let opened = StateDir::open(&place).reporting(report);
    fs::write(&place, "").unwrap();
    let unsaved = || reported.iter().find(|(topic, _)| *topic == Topic::Unsaved).and_then(|(_, finding)| finding);
    let mut state = StateThread::start(opened).unwrap();
    let message = unsaved().unwrap().message.to_string();
    assert!(message.contains("what is accepted from now on is lost"), "there was nothing to write: {message}");
    state.remember(accepted("a", "1"), Updates::new());
    let message = unsaved().unwrap().message.to_string();
    assert!(message.contains("accepted annotations are not saved; ") && message.contains("or none (P4)"), "{message}");
    fs::remove_file(&place).unwrap();
    state.remember(accepted("b", "1"), Updates::new());
    assert_eq!(unsaved(), None, "it was written with the next change");
    state.finish().await;
    assert_eq!(StateDir::open(&place).accepted().len(), 2);
}

#[test]
fn a_disk_that_refused_is_tried_again_though_there_is_no_change() {
    let shared = Shared::new();
    assert!(shared.take(Duration::MAX).is_some(), "the first look");
    assert!(shared.take(Duration::from_millis(1)).is_some_and(|(pending, _)| pending.is_empty()));
    shared.close();
    assert!(shared.take(Duration::from_millis(1)).is_none(), "nothing holds up the end");
}

#[tokio::test]
async fn a_disk_that_hangs_costs_one_wait_and_is_waited_for_again_when_it_answers() {
    let (mut state, hand) = held();
    state.remember(accepted("a", "1"), Updates::new());
    assert_eq!(state.settled().await, Ok(()), "the disk has not answered");
    state.remember(accepted("a", "2"), Updates::new());
    assert_eq!(state.settled().now_or_never(), Some(Ok(())), "nothing waits any more");
    hand.go_on();
    assert_eq!(hand.write(), promised(accepted("a", "2")), "it was handed over all the same");
    hand.write();
    state.remember(accepted("a", "3"), Updates::new());
    let next = hand.next();
    assert_eq!((next, state.settled().now_or_never()), (promised(accepted("a", "3")), None));
}

#[tokio::test]
async fn the_end_waits_until_all_is_written() {
    let (mut state, hand) = held();
    state.remember(Updates::new(), draft("a"));
    let mut end = pin!(state.finish());
    assert_eq!(end.as_mut().now_or_never(), None);
    hand.go_on();
    assert_eq!((hand.write(), hand.write()), (promised(Updates::new()), Write::Drafts(draft("a"))));
    end.await;
}

#[tokio::test]
async fn a_thread_that_has_ended_is_an_error() {
    let (mut state, hand) = held();
    state.shared.close();
    hand.go_on();
    drop(hand);
    state.remember(accepted("a", "1"), Updates::new());
    while state.written.changed().await.is_ok() {}
    assert_eq!(state.settled().await, Err(StateThreadGone));
}
