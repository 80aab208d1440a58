//! What stands on one Service, its active endpoint and its gateway: what to write, and when.
//!
//! A node writes its own changes at once, and by force. What another writer does to it afterwards it answers with patience:
//! another node's live endpoint, or kube-vip's, is left alone, everything else is put right after waits that double. So no
//! two nodes take turns, and a controller that writes whole Services back costs a few writes an hour.

use std::time::Duration;

use egressd_core::model::{PublishedField, PublishedValues};
use egressd_core::reporting::{Author, PublishedValue, Reporting};
use egressd_core::status::State;

use super::pace::Backoff;
use crate::clock::Instant;

/// How long to wait before what others changed is put right, at first.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_mins(10);

/// What this node wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldsState {
    /// All it has on the Service; none while this process wrote nothing.
    wrote: Option<PublishedValues>,
    again: Option<Backoff>,
    /// What kube-vip wrote that is no endpoint, and since when.
    doubted: Option<(PublishedValues, Instant)>,
}

/// What to write, from when on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DueFields {
    pub(super) at: Instant,
    pub(super) values: PublishedValues,
}

/// How what stands there compares with what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// None, or none of ours.
    Settled,
    /// kube-vip wrote what is no endpoint, and may be one in a moment: its pod comes by another watch.
    Doubted,
    /// Another writer changed what we wrote.
    Undone,
    /// Our own state changed.
    News,
}

impl FieldsState {
    /// What has to be written, if anything has. What is in doubt waits, and goes alone: the other family is not to wait for it.
    pub(super) fn due(&mut self, state: State, reporting: Option<&Reporting>, now: Instant) -> Option<DueFields> {
        let left_until = self.doubt(reporting, now);
        let fields = || reporting.into_iter().flat_map(Reporting::fields);
        let worst = fields().map(|(field, value)| self.difference(field, state, value)).max()?;
        let is_own = |author: Author| match author {
            Author::KubeVip => false,
            Author::KubeVipUnclear => worst == Difference::Doubted,
            Author::ThisNode | Author::OtherNode | Author::Unclear => true,
        };
        let own = fields().filter(|(_, value)| is_own(value.author));
        let values = own.filter_map(|(field, value)| Some((field, value.wanted.clone()?))).collect();
        let again = || self.again.as_ref().map(Backoff::due);
        let at = match worst {
            Difference::Settled => return None,
            Difference::Doubted => again().map_or(left_until, |again| again.max(left_until)),
            Difference::News => now,
            Difference::Undone => again().unwrap_or(now + FIRST_WAIT),
        };
        Some(DueFields { at, values })
    }

    /// Takes in what is in doubt; until when that is left alone.
    fn doubt(&mut self, reporting: Option<&Reporting>, now: Instant) -> Instant {
        let fields = reporting.into_iter().flat_map(Reporting::fields);
        let unclear = fields.filter(|(_, value)| value.author == Author::KubeVipUnclear);
        let found = unclear.filter_map(|(field, value)| Some((field, value.found.clone()?))).collect();
        let before = self.doubted.take().filter(|(before, _)| *before == found);
        let (_, since) = self.doubted.insert(before.unwrap_or((found, now)));
        *since + FIRST_WAIT
    }

    fn difference(&self, field: PublishedField, state: State, value: &PublishedValue) -> Difference {
        let PublishedValue { wanted, found, author } = value;
        if wanted == found {
            return Difference::Settled;
        }
        let wrote = self.wrote.as_ref().map(|wrote| wrote.get(field));
        match (wanted, wrote, author) {
            // While it does egress, too, each would undo the other; and what it wrote is how people learn of it.
            (Some(_), _, Author::KubeVip) => Difference::Settled,
            (Some(_), _, Author::KubeVipUnclear) => Difference::Doubted,
            (Some(wanted), Some(Some(wrote)), Author::OtherNode) if wrote == wanted => Difference::Settled,
            (Some(wanted), Some(Some(wrote)), Author::ThisNode | Author::Unclear) if wrote == wanted => {
                Difference::Undone
            }
            (Some(_), ..) => Difference::News,
            (None, Some(Some(_)), _) => Difference::News,
            (None, Some(None), _) => Difference::Settled,
            // An earlier process may have written it; what it did not write, an empty apply leaves alone.
            (None, None, Author::ThisNode) => Difference::News,
            (None, None, Author::KubeVipUnclear | Author::Unclear) if state == State::Off => Difference::News,
            (None, None, Author::Unclear | Author::KubeVipUnclear | Author::OtherNode | Author::KubeVip) => {
                Difference::Settled
            }
        }
    }

    /// It was written.
    pub(super) fn wrote(&mut self, values: PublishedValues, now: Instant) {
        let repeated = self.wrote.as_ref() == Some(&values);
        match &mut self.again {
            Some(again) if repeated => again.again(FIRST_WAIT, now),
            Some(_) => {}
            None => self.again = Some(Backoff::new(FIRST_WAIT, MAX_WAIT, now)),
        }
        self.wrote = Some(values);
    }

    /// It was refused: not again before long.
    pub(super) fn refused(&mut self, values: PublishedValues, now: Instant) {
        self.again = Some(Backoff::new(MAX_WAIT, MAX_WAIT, now));
        self.wrote = Some(values);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::net::Family;
    use egressd_core::reporting::Reporter;

    use super::*;
    use crate::clock;

    fn reporting(wanted: Option<&str>, found: Option<&str>, author: Author) -> Reporting {
        let active = PublishedValue { wanted: wanted.map(str::to_owned), found: found.map(str::to_owned), author };
        Reporting { active: [(Family::Ipv4, active)].into(), ..Reporting::without_values(Reporter::None) }
    }

    fn due(memory: &mut FieldsState, reporting: &Reporting, now: Instant) -> Option<(Duration, PublishedValues)> {
        memory.due(State::Translating, Some(reporting), now).map(|due| (due.at - now, due.values))
    }

    fn value(text: &str) -> PublishedValues {
        [(PublishedField::ActiveEndpoint(Family::Ipv4), text.to_owned())].into()
    }

    #[test]
    fn news_is_written_at_once_and_what_stands_there_is_not_written_again() {
        let (mut memory, now) = (FieldsState::default(), clock::now());
        assert_eq!(due(&mut memory, &reporting(Some("a"), Some("a"), Author::ThisNode), now), None);
        let news = reporting(Some("a"), Some("b"), Author::OtherNode);
        assert_eq!(due(&mut memory, &news, now), Some((Duration::ZERO, value("a"))));
        memory.wrote(value("a"), now);
        assert_eq!(due(&mut memory, &reporting(Some("a"), Some("a"), Author::ThisNode), now), None);
        let next = reporting(Some("c"), Some("a"), Author::ThisNode);
        assert_eq!(due(&mut memory, &next, now), Some((Duration::ZERO, value("c"))));
    }

    #[test]
    fn two_nodes_that_translate_do_not_take_turns() {
        let (mut memory, now) = (FieldsState::default(), clock::now());
        memory.wrote(value("a"), now);
        assert_eq!(due(&mut memory, &reporting(Some("a"), Some("b"), Author::OtherNode), now), None);
    }

    #[test]
    fn kube_vip_is_no_one_to_take_turns_with() {
        let (mut memory, now) = (FieldsState::default(), clock::now());
        let theirs = reporting(Some("a"), Some("b"), Author::KubeVip);
        assert_eq!(due(&mut memory, &theirs, now), None);
        let ipv6 = PublishedValue { wanted: Some("c".to_owned()), found: None, author: Author::Unclear };
        let mut mixed = theirs.clone();
        mixed.active.insert(Family::Ipv6, ipv6);
        let own = [(PublishedField::ActiveEndpoint(Family::Ipv6), "c".to_owned())].into();
        assert_eq!(due(&mut memory, &mixed, now), Some((Duration::ZERO, own)), "the other family goes without it");
        memory.wrote(value("a"), now);
        assert_eq!(due(&mut memory, &theirs, now), None);
        assert!(
            due(&mut memory, &reporting(Some("a"), Some("b"), Author::Unclear), now).is_some(),
            "what is no endpoint is replaced"
        );
    }

    #[test]
    fn what_kube_vip_wrote_of_a_pod_that_is_not_known_is_left_for_a_while_and_holds_up_no_other_family() {
        let (mut memory, now) = (FieldsState::default(), clock::now());
        let theirs = reporting(Some("a"), Some("b"), Author::KubeVipUnclear);
        assert_eq!(due(&mut memory, &theirs, now), Some((FIRST_WAIT, value("a"))));
        let later = now + FIRST_WAIT / 2;
        assert_eq!(due(&mut memory, &theirs, later), Some((FIRST_WAIT / 2, value("a"))), "since it was seen");
        let mut mixed = theirs.clone();
        mixed.active.insert(
            Family::Ipv6,
            PublishedValue { wanted: Some("c".to_owned()), found: None, author: Author::Unclear },
        );
        let other: PublishedValues = [(PublishedField::ActiveEndpoint(Family::Ipv6), "c".to_owned())].into();
        assert_eq!(due(&mut memory, &mixed, later), Some((Duration::ZERO, other)));
        assert_eq!(
            due(&mut memory, &reporting(Some("a"), Some("b"), Author::KubeVip), later),
            None,
            "it is an endpoint now"
        );
        let next = reporting(Some("a"), Some("d"), Author::KubeVipUnclear);
        assert_eq!(
            due(&mut memory, &next, now + FIRST_WAIT),
            Some((FIRST_WAIT, value("a"))),
            "another one waits as long"
        );
    }

    #[test]
    fn what_others_undo_is_put_right_later_each_time() {
        let (mut memory, mut now) = (FieldsState::default(), clock::now());
        memory.wrote(value("a"), now);
        let undone = reporting(Some("a"), None, Author::Unclear);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let (wait, values) = due(&mut memory, &undone, now).unwrap();
            waits.push(wait.as_secs());
            now += wait;
            memory.wrote(values, now);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn a_node_clears_its_own_and_nothing_else() {
        let now = clock::now();
        let mut memory = FieldsState::default();
        memory.wrote(value("a"), now);
        let moved = reporting(None, Some("a"), Author::Unclear);
        assert_eq!(due(&mut memory, &moved, now), Some((Duration::ZERO, PublishedValues::default())));
        memory.wrote(PublishedValues::default(), now);
        assert_eq!(due(&mut memory, &reporting(None, Some("b"), Author::OtherNode), now), None);
        assert_eq!(due(&mut FieldsState::default(), &reporting(None, Some("b"), Author::OtherNode), now), None);
    }

    #[test]
    fn the_gateway_is_written_with_the_active_endpoint_and_a_new_one_replaces_another_once() {
        let (mut memory, now) = (FieldsState::default(), clock::now());
        let gateway = |found: Option<&str>, author| PublishedValue {
            wanted: Some("node-a".to_owned()),
            found: found.map(str::to_owned),
            author,
        };
        let mut both = reporting(Some("a"), Some("a"), Author::ThisNode);
        both.gateways.insert(Family::Ipv4, gateway(Some("node-b"), Author::OtherNode));
        let mut values = value("a");
        values.insert(PublishedField::Gateway(Family::Ipv4), "node-a".to_owned());
        assert_eq!(due(&mut memory, &both, now), Some((Duration::ZERO, values.clone())));
        memory.wrote(values, now);
        assert_eq!(due(&mut memory, &both, now), None, "two nodes that hold the address do not take turns");
        both.gateways.insert(Family::Ipv4, gateway(Some("node-a"), Author::ThisNode));
        assert_eq!(due(&mut memory, &both, now), None);
    }

    #[test]
    fn after_a_restart_what_may_be_its_own_is_cleared_once() {
        let now = clock::now();
        let mut memory = FieldsState::default();
        let off = reporting(None, Some("a"), Author::Unclear);
        assert_eq!(memory.due(State::Off, Some(&off), now).unwrap().values, PublishedValues::default());
        memory.wrote(PublishedValues::default(), now);
        assert_eq!(memory.due(State::Off, Some(&off), now), None);
    }
}
