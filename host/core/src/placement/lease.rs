//! The end of a Lease. The holder writes it by its own clock, and the reader has another: so the time counts at which a
//! renewal was *seen*, by the reader's own clock, as in Kubernetes' own elections. The two clocks are compared only for
//! a Lease that was not seen before.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Lease, LeaseTerm, NamedNode, UnixTime};

/// How late the news of a renewal may be.
pub const RENEWAL_GRACE: Duration = Duration::from_secs(5);

/// By how much the clocks of two nodes may differ: a Lease that is seen for the first time counts as running for so
/// long beyond its time. One whose holder is further behind counts as running from its next renewal on.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// How long a Lease lasts that does not say so.
pub const RENEWED_AT_LEAST: Duration = Duration::from_secs(15);

/// The longest term that is believed: one of years would never end.
const MAX_LEASE_TERM: Duration = Duration::from_secs(3600);

/// The fields of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// `spec.holderIdentity`.
    pub named: NamedNode,
    /// `spec.acquireTime`.
    pub acquired: Option<UnixTime>,
    /// `spec.renewTime`, in microseconds since 1970; only whether it changes matters of a Lease that was seen before.
    pub renewed: Option<i64>,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
}

/// A moment by both clocks of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the one that only goes forward.
    pub steady: Duration,
    /// By the one that people read.
    pub wall: UnixTime,
}

/// A Lease with when it was seen to be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLease {
    record: LeaseRecord,
    ends: Duration,
}

impl ObservedLease {
    /// A Lease that is seen for the first time.
    pub fn first(record: LeaseRecord, now: Moment) -> Self {
        let full = now.steady + term(&record) + RENEWAL_GRACE;
        let left = record.renewed.map(|renewed| left(&record, renewed, now.wall));
        let ends = left.map_or(full, |left| full.min(now.steady + left));
        Self { record, ends }
    }

    /// The same as it is seen now. What is seen again without a renewal ends when it would have.
    #[must_use]
    pub fn again(self, record: LeaseRecord, now: Moment) -> Self {
        if self.record == record {
            return self;
        }
        let ends = now.steady + term(&record) + RENEWAL_GRACE;
        Self { record, ends }
    }

    /// The same where its source did not answer from one moment to another: it may have been renewed in between.
    #[must_use]
    pub fn unseen(self, from: Duration, until: Duration) -> Self {
        let is_running = from < self.ends;
        let ends = if is_running { self.ends.max(until + term(&self.record) + RENEWAL_GRACE) } else { self.ends };
        Self { ends, ..self }
    }

    /// When it ends, if it is not renewed; none where it has.
    pub fn ends_after(&self, now: Duration) -> Option<Duration> {
        (now < self.ends && self.record.named != NamedNode::NoNode).then_some(self.ends)
    }

    /// What it means at a moment.
    pub fn lease(&self, now: Duration) -> Arc<Lease> {
        let term = if now < self.ends { LeaseTerm::Running } else { LeaseTerm::Ended };
        Arc::new(Lease { named: self.record.named.clone(), since: self.record.acquired, term })
    }
}

fn term(record: &LeaseRecord) -> Duration {
    if record.duration.is_zero() { RENEWED_AT_LEAST } else { record.duration.min(MAX_LEASE_TERM) }
}

/// How long a Lease goes on that was renewed then, whichever of the clocks is ahead.
fn left(record: &LeaseRecord, renewed: i64, now: UnixTime) -> Duration {
    let second = Duration::from_secs(1).as_micros();
    let renewed_at = i128::from(renewed);
    let now_at = i128::from(now.0) * i128::try_from(second).unwrap_or(i128::MAX);
    let ago = u64::try_from((now_at - renewed_at).max(0)).unwrap_or(u64::MAX);
    (term(record) + CLOCKS_DIFFER).saturating_sub(Duration::from_micros(ago))
}
