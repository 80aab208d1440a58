use egressd_core::model::UnixTime;
use egressd_core::placement::{CLOCKS_DIFFER, RENEWAL_GRACE};

use super::*;

const TERM: Duration = Duration::from_secs(15);
const WALL: i64 = 1_700_000_000;

fn name() -> ObjectReference {
    ObjectReference::new("kube-system", "cilium-l2announce-shop-web")
}

fn at(seconds: u64) -> Moment {
    Moment { steady: Duration::from_secs(seconds), wall: UnixTime(WALL.saturating_add_unsigned(seconds)) }
}

fn held_by(node: &str, renewed: u64) -> LeaseRecord {
    let renewed = WALL.saturating_add_unsigned(renewed) * 1_000_000;
    let named = if node.is_empty() { NamedNode::NoNode } else { NamedNode::Node(node.into()) };
    LeaseRecord { named, acquired: Some(UnixTime(WALL)), renewed: Some(renewed), duration: TERM }
}

struct Followed(LeaseTable);

impl Followed {
    fn new() -> Self {
        let mut table = LeaseTable::default();
        table.follow(&Names::from([(name(), 1)]));
        Self(table)
    }

    /// Of which is known that a node renewed it at the beginning.
    fn held() -> Self {
        let mut followed = Self::new();
        assert_eq!(followed.says("a", 0, 0), "a");
        followed
    }

    fn hears(&mut self, event: LeaseEvent, now: u64) -> String {
        summary(self.0.record(&name(), event, at(now)))
    }

    fn says(&mut self, node: &str, renewed: u64, now: u64) -> String {
        self.hears(LeaseEvent::Says(held_by(node, renewed), vec![]), now)
    }

    fn is_due(&mut self, now: u64) -> bool {
        !self.0.due(at(now).steady).is_empty()
    }
}

fn summary(report: Option<LeaseReport>) -> String {
    let Some(LeaseReport { lease, unreadable, faults: _ }) = report else { return "nothing new".to_owned() };
    let Some(lease) = lease else { return "absent".to_owned() };
    let node = match &lease.named {
        NamedNode::Node(node) => node.to_string(),
        other @ (NamedNode::NoNode | NamedNode::Unreadable | NamedNode::NotRead | NamedNode::NotFollowed) => {
            format!("{other:?}")
        }
    };
    let ended = if lease.term == LeaseTerm::Ended { ", ended" } else { "" };
    let doubt = if unreadable.is_some() { ", in doubt" } else { "" };
    format!("{node}{ended}{doubt}")
}

/// When one ends that was renewed then.
fn end(renewed: u64) -> u64 {
    renewed + (TERM + RENEWAL_GRACE).as_secs()
}

#[test]
fn renewals_are_no_news_and_another_holder_is() {
    let mut followed = Followed::held();
    let reports: Vec<String> = (2..600).step_by(2).map(|second| followed.says("a", second, second)).collect();
    assert!(reports.iter().all(|report| report == "nothing new"), "{reports:?}");
    assert!(!followed.is_due(600));
    assert_eq!(followed.says("b", 601, 601), "b");
}

#[test]
fn a_lease_ends_when_the_server_says_that_it_was_not_renewed_and_not_by_silence() {
    let mut followed = Followed::held();
    assert_eq!(followed.0.next(), Some(at(end(0)).steady));
    assert!(!followed.is_due(end(0) - 1) && followed.is_due(end(0)));
    assert!(!followed.is_due(end(0) + 1), "the server is asked once");
    assert_eq!(followed.0.next(), None);
    assert_eq!(followed.hears(LeaseEvent::Answers, 21), "nothing new");
    assert_eq!(followed.says("a", 0, 21), "a, ended");
    assert_eq!(followed.0.next(), None, "it ends once");
    assert_eq!(followed.says("a", 30, 30), "a", "and runs again when it is renewed");
}

#[test]
fn renewals_that_were_not_seen_are_found_by_asking() {
    let mut followed = Followed::held();
    assert!(followed.is_due(end(0)));
    assert_eq!(followed.says("a", 18, 21), "nothing new");
    assert_eq!(followed.0.next(), Some(at(end(21)).steady));
}

#[test]
fn nothing_ends_while_the_server_is_away_nor_before_its_holder_could_renew_it() {
    let mut followed = Followed::held();
    assert_eq!(followed.hears(LeaseEvent::Away, 10), "nothing new");
    assert_eq!(followed.0.next(), None);
    assert!(!followed.is_due(600));
    assert_eq!(followed.hears(LeaseEvent::Answers, 600), "nothing new");
    assert_eq!(followed.says("a", 0, 600), "nothing new");
    assert!(followed.is_due(end(600)));
    assert_eq!(followed.says("a", 0, end(600)), "a, ended");
}

#[test]
fn a_connection_that_died_in_silence_ends_nothing_either() {
    let mut followed = Followed::held();
    assert!(followed.is_due(end(0)));
    assert_eq!(followed.hears(LeaseEvent::Away, 50), "nothing new");
    assert_eq!(followed.says("a", 0, 100), "nothing new");
    assert_eq!(followed.0.next(), Some(at(end(100)).steady));
}

#[test]
fn one_that_is_gone_is_absent_and_one_that_comes_is_seen_for_the_first_time() {
    let mut followed = Followed::new();
    assert_eq!(followed.hears(LeaseEvent::Absent, 0), "absent");
    assert_eq!(followed.hears(LeaseEvent::Absent, 1), "nothing new");
    assert_eq!(followed.says("a", 0, 2), "a");
    assert_eq!(followed.hears(LeaseEvent::Absent, 3), "absent");
    let late = 3 + (TERM + CLOCKS_DIFFER).as_secs();
    assert_eq!(followed.says("a", 0, late), "a, ended", "the clocks are compared");
}

#[test]
fn one_that_was_released_names_no_node_and_has_no_end() {
    let mut followed = Followed::held();
    assert_eq!(followed.says("", 1, 1), "NoNode");
    assert_eq!(followed.0.next(), None);
    assert_eq!(followed.says("", 1, 900), "nothing new");
}

#[test]
fn one_that_cannot_be_read_goes_on_with_the_node_that_was_named_before_else_any() {
    let bad = || LeaseEvent::Unreadable("spec: this is not a map".to_owned());
    assert_eq!(Followed::new().hears(bad(), 0), "Unreadable, in doubt");
    let mut followed = Followed::held();
    assert_eq!(followed.hears(bad(), 1), "a, in doubt");
    assert!(!followed.is_due(600), "it may be renewed all the time");
    let nameless =
        || LeaseEvent::Says(LeaseRecord { named: NamedNode::Unreadable, ..held_by("a", 2) }, vec!["why".to_owned()]);
    assert_eq!(followed.hears(nameless(), 2), "a");
    assert_eq!(Followed::new().hears(nameless(), 2), "Unreadable");
}

#[test]
fn without_the_right_to_read_it_what_was_read_last_counts() {
    let mut never = Followed::new();
    assert_eq!(never.hears(LeaseEvent::Forgone, 0), "absent");
    assert!(!never.0.has_read(&name()));
    let mut followed = Followed::held();
    assert_eq!(followed.hears(LeaseEvent::Forgone, 1), "nothing new");
    assert!(followed.0.has_read(&name()));
    assert!(!followed.is_due(600));
}

#[test]
fn what_is_not_followed_any_more_is_not_heard_of() {
    let mut followed = Followed::held();
    let (new, gone) = followed.0.follow(&Names::new());
    assert_eq!((new, gone), (vec![], vec![name()]));
    assert_eq!(followed.says("b", 1, 1), "nothing new");
    assert_eq!(followed.0.next(), None);
}

#[test]
fn one_that_was_left_out_in_between_is_reported_anew() {
    let mut followed = Followed::held();
    assert_eq!(followed.0.follow(&Names::from([(name(), 1)])), (vec![], vec![]));
    assert_eq!(followed.0.follow(&Names::from([(name(), 2)])), (vec![name()], vec![name()]));
    assert_eq!(followed.says("a", 0, 1), "a");
}
