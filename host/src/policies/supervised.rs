//! A policy under supervision: counted, and left alone for a while when it fails again and again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egressd_core::chain::{Asked, FailureKind, Policy, PolicyFailure, Validator};
use egressd_core::decision::{Draft, Outcome};
use egressd_core::finding::Finding;
use egressd_core::model::{Context, ServiceView};
use egressd_core::policy::{Cost, Quarantine};
use tracing::warn;

use crate::metrics::PolicyCounters;

/// What is known about how a policy does. Shared between who asks it and who tells.
#[derive(Debug)]
pub struct Supervision {
    policy: String,
    counters: PolicyCounters,
    since: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    quarantine: Quarantine,
    last_failure: Option<String>,
}

impl Supervision {
    /// Of a policy that was not asked yet.
    pub fn new(policy: &str, counters: PolicyCounters) -> Arc<Self> {
        let (policy, since) = (policy.to_owned(), Instant::now());
        Arc::new(Self { policy, counters, since, record: Mutex::default() })
    }

    /// The same policy, supervised.
    pub fn over(self: &Arc<Self>, asked: Asked) -> Asked {
        let supervision = Arc::clone(self);
        match asked {
            Asked::Policy(inner) => Asked::Policy(Arc::new(Supervised { inner, supervision })),
            Asked::Validator(inner) => Asked::Validator(Arc::new(Supervised { inner, supervision })),
            Asked::Missing(reason) => Asked::Missing(reason),
        }
    }

    /// Why it is not asked now, in one sentence without a full stop; none when it is.
    pub fn quarantine(&self) -> Option<String> {
        let record = self.record();
        let now = self.since.elapsed();
        record.quarantine.holds(now).map(|until| sentence(&record, until.saturating_sub(now)))
    }

    /// Why it could not answer the last time; none while it always could.
    pub fn last_failure(&self) -> Option<String> {
        self.record().last_failure.clone()
    }

    fn ask<T>(&self, ask: impl FnOnce() -> Result<T, PolicyFailure>) -> Result<T, PolicyFailure> {
        if let Some(reason) = self.quarantine() {
            return Err(PolicyFailure { policy: self.policy.clone(), reason, kind: FailureKind::Quarantined });
        }
        self.counters.asked();
        let answer = ask();
        match &answer {
            Ok(_) => self.record().quarantine.answered(),
            Err(failure) => self.failed(failure),
        }
        answer
    }

    fn failed(&self, failure: &PolicyFailure) {
        self.counters.failed();
        let cost = match failure.kind {
            FailureKind::Prompt => Cost::Prompt,
            FailureKind::Slow | FailureKind::Quarantined => Cost::Slow,
        };
        let mut record = self.record();
        let now = self.since.elapsed();
        record.quarantine.failed(now, cost);
        record.last_failure = Some(failure.reason.clone());
        if let Some(until) = record.quarantine.holds(now) {
            warn!(policy = self.policy, "{}", sentence(&record, until.saturating_sub(now)));
        }
    }

    /// A panic while the lock was held leaves numbers that are true all the same.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sentence(record: &Record, left: Duration) -> String {
    let (count, seconds) = (record.quarantine.failures(), left.as_secs() + 1);
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times in a row") };
    let last = record.last_failure.as_deref().unwrap_or_default();
    format!("it is not asked for {seconds} s, because it failed {times}; the last time {last}")
}

struct Supervised<P: ?Sized> {
    inner: Arc<P>,
    supervision: Arc<Supervision>,
}

impl<P: ?Sized> fmt::Debug for Supervised<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supervised({})", self.supervision.policy)
    }
}

impl Policy for Supervised<dyn Policy> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn evaluate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        self.supervision.ask(|| self.inner.evaluate(context, service, draft))
    }
}

impl Validator for Supervised<dyn Validator> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn validate(&self, context: &Context, service: &ServiceView, draft: &Draft) -> Result<Vec<Finding>, PolicyFailure> {
        self.supervision.ask(|| self.inner.validate(context, service, draft))
    }
}
