#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::model::EgressNode;
use egressd_core::record::Overview;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::clock;

const SECOND: Duration = Duration::from_secs(1);

/// A node with these addresses, whose object has this mark.
fn here(addresses: &[u8], found: Option<Mark>) -> Arc<AppliedRound> {
    let published = found.map(|mark| Arc::new(EgressNode { mark, ..EgressNode::default() }));
    let addresses = addresses.iter().map(|number| IpAddr::from([192, 0, 2, *number])).collect();
    let here = ThisNode { uid: None, addresses, published, followed: ReadState::Yes };
    let mut round = AppliedRound::default();
    round.overview = Arc::new(Overview { here, ..Overview::default() });
    Arc::new(round)
}

fn unread(round: &Arc<AppliedRound>) -> Arc<AppliedRound> {
    let mut round = AppliedRound::clone(round);
    let mut overview = Overview::clone(&round.overview);
    overview.here.followed = ReadState::No;
    round.overview = Arc::new(overview);
    Arc::new(round)
}

/// What is due at once.
fn now_due(state: &mut NodeObjectState, round: &Arc<AppliedRound>, now: Instant) -> Option<Mark> {
    state.due(round, "a", now).filter(|due| due.at <= now).map(|due| due.object.mark)
}

/// What it writes within this time, at what seconds.
fn written(state: &mut NodeObjectState, round: &Arc<AppliedRound>, now: &mut Instant, time: Duration) -> Vec<u64> {
    let (begin, mut seconds) = (*now, Vec::new());
    while let Some(due) = state.due(round, "a", *now)
        && due.at < begin + time
    {
        *now = due.at.max(*now);
        seconds.push(now.duration_since(begin).as_secs());
        state.wrote(due.object.mark, None, *now);
    }
    *now = begin + time;
    seconds
}

fn wanted(round: &Arc<AppliedRound>) -> Mark {
    NodeObjectState::default().due(round, "a", clock::now()).unwrap().object.mark
}

#[test]
fn what_stands_there_is_not_written_again_even_by_another_process() {
    let mut now = clock::now();
    let mark = wanted(&here(&[1], None));
    let mut state = NodeObjectState::default();
    assert!(written(&mut state, &here(&[1], Some(mark)), &mut now, SECOND * 100_000).is_empty());
    assert!(written(&mut state, &unread(&here(&[2], None)), &mut now, SECOND * 100_000).is_empty(), "it is unknown");
    assert_eq!(written(&mut state, &here(&[2], Some(mark)), &mut now, SECOND * 2), [1]);
}

#[test]
fn what_is_new_is_written_with_all_that_comes_within_a_second() {
    let start = clock::now();
    let mut state = NodeObjectState::default();
    let mut marks = BTreeSet::new();
    for tenth in 0..100u8 {
        let round = here(&[tenth], None);
        let now = start + SECOND / 10 * u32::from(tenth);
        if let Some(mark) = now_due(&mut state, &round, now) {
            state.wrote(mark, None, now);
            marks.insert(mark);
        }
    }
    assert_eq!(marks.len(), 9, "one a second");
}

#[test]
fn what_others_change_is_put_back_after_waits_that_double() {
    let mut now = clock::now();
    let mut state = NodeObjectState::default();
    let theirs = here(&[1], Some(Mark::of("theirs")));
    let seconds = written(&mut state, &theirs, &mut now, SECOND * 2000);
    assert_eq!(seconds, [1, 6, 16, 36, 76, 156, 316, 636, 1236, 1836]);
}

/// A field that another manager has stays, whatever is applied.
#[test]
fn what_a_write_cannot_change_is_written_once() {
    let now = clock::now();
    let mut state = NodeObjectState::default();
    let theirs = Mark::of("with a field of another manager");
    let round = here(&[1], Some(theirs));
    state.wrote(wanted(&round), Some(theirs), now);
    assert!(state.due(&round, "a", now + SECOND * 100).is_none());
    let more = here(&[1], Some(Mark::of("and another field")));
    assert!(now_due(&mut state, &more, now + SECOND * 100).is_some());
    assert!(state.due(&here(&[2], Some(theirs)), "a", now).is_some(), "there is something new");
}

proptest! {
    /// Whatever happens and whatever others do, there is a second between two writes; and in the end it stands there.
    #[test]
    fn there_is_a_second_between_two_writes(history in vec((0..3u8, 0..3000u64, any::<bool>()), 1..40)) {
        let (mut now, mut state) = (clock::now(), NodeObjectState::default());
        let (mut found, mut last) = (None, None::<Instant>);
        for (address, milliseconds, undone) in history {
            if undone {
                found = Some(Mark::of("theirs"));
            }
            if let Some(due) = state.due(&here(&[address], found), "a", now) && due.at <= now {
                prop_assert!(last.is_none_or(|last| now >= last + SECOND));
                state.wrote(due.object.mark, Some(due.object.mark), now);
                (found, last) = (Some(due.object.mark), Some(now));
            }
            now += Duration::from_millis(milliseconds);
        }
        now += SECOND * 2000;
        let round = here(&[1], found);
        let due = state.due(&round, "a", now);
        prop_assert!(due.is_none() || due.is_some_and(|due| due.at <= now + SECOND));
    }
}
