//! When a node counts as reachable through the tunnel, and when it does not any more.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use egressd_core::probing::{Answer, MOST_UNANSWERED, PROBE_INTERVAL, Probe, Probes, Reachability};
use egressd_core::testkit::a;
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: Duration = PROBE_INTERVAL;

fn ends(texts: &[&str]) -> BTreeSet<IpAddr> {
    texts.iter().map(|text| a(text)).collect()
}

/// Asks one node, `192.0.2.1`, from the time 0 on.
fn one() -> Probes {
    let mut probes = Probes::default();
    probes.follow(&ends(&["192.0.2.1"]), Duration::ZERO);
    probes
}

fn reachability(probes: &Probes) -> Reachability {
    probes.reachability(a("192.0.2.1")).expect("it is asked")
}

/// Sends what is due and answers it so.
fn turn(probes: &mut Probes, second: u32, answer: Option<Answer>) {
    for probe in probes.due(SECOND * second) {
        if let Some(answer) = answer {
            probes.answered(probe, answer);
        }
    }
}

#[test]
fn a_node_is_reachable_after_its_first_answer_and_unreachable_after_three_that_are_missing() {
    let mut probes = one();
    turn(&mut probes, 0, None);
    assert_eq!(reachability(&probes), Reachability::Unproven);
    turn(&mut probes, 1, Some(Answer::Echo));
    assert_eq!(reachability(&probes), Reachability::Reachable);
    for second in 2..=4 {
        turn(&mut probes, second, None);
        assert_eq!(reachability(&probes), Reachability::Reachable, "{second}: the last may still be answered");
    }
    turn(&mut probes, 5, None);
    assert_eq!(reachability(&probes), Reachability::Unreachable);
    turn(&mut probes, 6, Some(Answer::Echo));
    assert_eq!(reachability(&probes), Reachability::Reachable);
}

/// Without egressd the node's kernel still translates; but that is no proof to begin with.
#[test]
fn while_egressd_is_replaced_on_a_node_it_stays_as_it_was() {
    let mut probes = one();
    turn(&mut probes, 0, Some(Answer::NoListener));
    assert_eq!(reachability(&probes), Reachability::Unproven);
    turn(&mut probes, 1, Some(Answer::Echo));
    (2..60).for_each(|second| turn(&mut probes, second, Some(Answer::NoListener)));
    assert_eq!(reachability(&probes), Reachability::Reachable);
    (60..70).for_each(|second| turn(&mut probes, second, None));
    turn(&mut probes, 70, Some(Answer::NoListener));
    assert_eq!(reachability(&probes), Reachability::Unreachable);
}

#[test]
fn nodes_come_and_go_and_what_is_known_of_others_stays() {
    let mut probes = one();
    turn(&mut probes, 0, Some(Answer::Echo));
    probes.follow(&ends(&["192.0.2.1", "fd00::2"]), SECOND / 2);
    assert_eq!(probes.next(), Some(SECOND / 2), "one that comes is asked at once");
    assert_eq!(probes.due(SECOND / 2), [Probe { end: a("fd00::2"), number: 1 }]);
    assert_eq!(probes.reachable().collect::<Vec<_>>(), [a("192.0.2.1")]);
    probes.follow(&ends(&["fd00::2"]), SECOND);
    assert_eq!(probes.reachability(a("192.0.2.1")), None);
    probes.answered(Probe { end: a("192.0.2.1"), number: 1 }, Answer::Echo);
    probes.follow(&ends(&["192.0.2.1"]), SECOND);
    assert_eq!(reachability(&probes), Reachability::Unproven, "it has to be proven again");
    probes.follow(&ends(&[]), SECOND);
    assert_eq!(probes.next(), None);
}

#[test]
fn an_answer_to_what_was_never_sent_counts_for_nothing() {
    let mut probes = one();
    turn(&mut probes, 0, None);
    for number in [0, 2, u64::MAX] {
        probes.answered(Probe { end: a("192.0.2.1"), number }, Answer::Echo);
    }
    assert_eq!(reachability(&probes), Reachability::Unproven);
}

/// What happens between two looks at the clock.
#[derive(Clone, Debug)]
struct Turn {
    /// Milliseconds: mostly short, sometimes as long as a machine sleeps.
    passes: u64,
    /// How many probes ago the one was sent that is answered, and how; none for no answer.
    answers: Option<(u64, Answer)>,
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let passes = prop_oneof![4 => 0_u64..1500, 1 => 0_u64..1_000_000];
    let answer = prop_oneof![Just(Answer::Echo), Just(Answer::NoListener)];
    let answers = prop_oneof![2 => Just(None), 1 => (0_u64..6, answer).prop_map(Some)];
    (passes, answers).prop_map(|(passes, answers)| Turn { passes, answers })
}

/// When each probe was sent, and the newest that has an answer which counts.
#[derive(Default)]
struct Seen {
    now: Duration,
    sent: Vec<Duration>,
    answered: usize,
}

impl Seen {
    fn take(&mut self, turn: &Turn, probes: &mut Probes) {
        self.now += Duration::from_millis(turn.passes);
        if let Some((ago, answer)) = turn.answers {
            let number = (self.sent.len() as u64).saturating_sub(ago);
            let counts = answer == Answer::Echo || reachability(probes) == Reachability::Reachable;
            probes.answered(Probe { end: a("192.0.2.1"), number }, answer);
            if counts && ago <= u64::from(MOST_UNANSWERED) {
                self.answered = self.answered.max(number as usize);
            }
        }
        self.sent.extend(probes.due(self.now).iter().map(|_| self.now));
    }
}

proptest! {
    /// However long the process was stopped: each probe that counts as missing was sent, and had its second.
    #[test]
    fn a_node_is_given_up_only_after_three_probes_that_had_a_second_each(turns in vec(any_turn(), 1..60)) {
        let (mut probes, mut seen) = (one(), Seen::default());
        for turn in &turns {
            let before = reachability(&probes);
            seen.take(turn, &mut probes);
            if before == Reachability::Reachable && reachability(&probes) == Reachability::Unreachable {
                let (_, waited_for) = seen.sent.split_at(seen.answered);
                let had_time = waited_for.iter().filter(|sent| **sent + SECOND <= seen.now).count();
                prop_assert!(had_time >= MOST_UNANSWERED as usize, "{had_time} of {waited_for:?} at {:?}", seen.now);
            }
        }
    }

    /// Nothing that happened before keeps a node that is silent from being given up.
    #[test]
    fn a_node_that_is_silent_is_given_up_in_four_seconds_and_one_that_answers_is_reachable_at_once(
        turns in vec(any_turn(), 0..40),
    ) {
        let (mut probes, mut seen) = (one(), Seen::default());
        turns.iter().for_each(|turn| seen.take(turn, &mut probes));
        for _ in 0..=MOST_UNANSWERED {
            seen.take(&Turn { passes: 1000, answers: None }, &mut probes);
        }
        prop_assert_ne!(reachability(&probes), Reachability::Reachable);
        seen.take(&Turn { passes: 0, answers: Some((0, Answer::Echo)) }, &mut probes);
        prop_assert_eq!(reachability(&probes), Reachability::Reachable);
    }

    /// A second has one probe at most, and none is skipped while the clock is looked at in time.
    #[test]
    fn probes_are_a_second_apart(turns in vec(any_turn(), 1..60)) {
        let (mut probes, mut seen) = (one(), Seen::default());
        turns.iter().for_each(|turn| seen.take(turn, &mut probes));
        for pair in seen.sent.windows(2) {
            prop_assert!(pair[1] - pair[0] >= SECOND);
        }
        prop_assert!(probes.next().is_some_and(|next| next <= seen.now + SECOND));
    }
}
