//! When a Lease ends, as a node sees it whose clock is not the holder's.

use std::time::Duration;

use egressd_core::model::{LeaseTerm, NamedNode, UnixTime};
use egressd_core::placement::{CLOCKS_DIFFER, LeaseRecord, Moment, ObservedLease, RENEWAL_GRACE};
use proptest::prelude::*;

const TERM: Duration = Duration::from_secs(15);
/// When the observer looks for the first time, by the clock that people read.
const WALL: i64 = 1_700_000_000;

/// A Lease of 15 seconds that was renewed so many seconds before the observer's first look, by the holder's clock.
fn renewed(ago: i64) -> LeaseRecord {
    let (named, acquired) = (NamedNode::Node("a".into()), Some(UnixTime(WALL - 100)));
    LeaseRecord { named, acquired, renewed: Some((WALL - ago) * 1_000_000), duration: TERM }
}

fn after(seconds: u64) -> Moment {
    let steady = Duration::from_secs(seconds);
    Moment { steady, wall: UnixTime(WALL.saturating_add_unsigned(seconds)) }
}

fn term(observed: &ObservedLease, seconds: u64) -> LeaseTerm {
    observed.lease(after(seconds).steady).term
}

#[test]
fn a_lease_that_is_renewed_goes_on_whatever_the_clocks_say() {
    for holders_clock in [-86_400, -60, 0, 60, 86_400] {
        let mut observed = ObservedLease::first(renewed(holders_clock), after(0));
        for second in (2..600).step_by(2) {
            let ago = holders_clock - i64::try_from(second).unwrap();
            observed = observed.again(renewed(ago), after(second));
            assert_eq!(term(&observed, second), LeaseTerm::Running, "{holders_clock} {second}");
        }
    }
}

#[test]
fn one_that_is_not_renewed_ends_its_term_after_the_last_renewal_that_was_seen() {
    let observed = ObservedLease::first(renewed(4), after(0)).again(renewed(-1), after(10));
    let end = after(10).steady + TERM + RENEWAL_GRACE;
    assert_eq!(observed.ends_after(after(10).steady), Some(end));
    assert_eq!(term(&observed, end.as_secs() - 1), LeaseTerm::Running);
    assert_eq!(term(&observed, end.as_secs()), LeaseTerm::Ended);
    assert_eq!(observed.ends_after(end), None, "it ends once");
    let seen_again = observed.again(renewed(-1), after(20));
    assert_eq!(term(&seen_again, end.as_secs()), LeaseTerm::Ended, "the same text is no renewal");
}

#[test]
fn one_that_ended_runs_again_when_it_is_renewed() {
    let observed = ObservedLease::first(renewed(3600), after(0));
    assert_eq!(term(&observed, 0), LeaseTerm::Ended);
    assert_eq!(term(&observed.again(renewed(3599), after(1)), 1), LeaseTerm::Running);
}

#[test]
fn at_the_first_look_clocks_may_differ_by_so_much() {
    let most = i64::try_from((TERM + CLOCKS_DIFFER).as_secs()).unwrap();
    for (ago, expected) in
        [(0, LeaseTerm::Running), (most - 1, LeaseTerm::Running), (most, LeaseTerm::Ended), (-3600, LeaseTerm::Running)]
    {
        assert_eq!(term(&ObservedLease::first(renewed(ago), after(0)), 0), expected, "{ago}");
    }
    let ahead = ObservedLease::first(renewed(-3600), after(0));
    assert_eq!(
        term(&ahead, (TERM + RENEWAL_GRACE).as_secs()),
        LeaseTerm::Ended,
        "a clock that is ahead makes no term longer"
    );
}

#[test]
fn one_that_was_released_has_no_end_to_wait_for() {
    let released = LeaseRecord { named: NamedNode::NoNode, duration: Duration::from_secs(1), ..renewed(0) };
    assert_eq!(ObservedLease::first(released, after(0)).ends_after(after(0).steady), None);
}

#[test]
fn one_that_says_nothing_of_its_time_ends_and_one_of_years_too() {
    for duration in [Duration::ZERO, Duration::MAX] {
        let record = LeaseRecord { renewed: None, duration, ..renewed(0) };
        let observed = ObservedLease::first(record, after(0));
        assert_eq!(term(&observed, 0), LeaseTerm::Running);
        assert_eq!(term(&observed, 2 * 3600), LeaseTerm::Ended);
    }
}

#[test]
fn while_nothing_could_be_seen_nothing_ends() {
    let observed = ObservedLease::first(renewed(0), after(0)).unseen(after(10).steady, after(600).steady);
    assert_eq!(term(&observed, 601), LeaseTerm::Running, "it may have been renewed all the time");
    assert_eq!(term(&observed, 600 + (TERM + RENEWAL_GRACE).as_secs()), LeaseTerm::Ended);
    let ended = ObservedLease::first(renewed(0), after(0)).unseen(after(100).steady, after(600).steady);
    assert_eq!(term(&ended, 601), LeaseTerm::Ended, "what had ended before stays so");
}

proptest! {
    /// Between two looks a Lease ends at the moment that was reported, and never begins to run again.
    #[test]
    fn it_ends_at_the_moment_that_was_reported(ago in -100..100_i64, looks in prop::collection::vec((0..30_u64, any::<bool>()), 0..8)) {
        let mut observed = ObservedLease::first(renewed(ago), after(0));
        let (mut now, mut renewals) = (0, ago);
        for (pause, is_renewed) in looks {
            let reported = observed.ends_after(after(now).steady);
            now += pause;
            let ended = reported.is_none_or(|end| end <= after(now).steady);
            prop_assert_eq!(term(&observed, now), if ended { LeaseTerm::Ended } else { LeaseTerm::Running });
            renewals -= i64::from(is_renewed);
            observed = observed.again(renewed(renewals), after(now));
        }
    }
}
