//! A policy under supervision: counted, not asked again for an answer that is known, and asked less often when its
//! failures use too much of the node's time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egressd_core::chain::{FailureKind, KnownFailures, MemberRole, Policy, PolicyFailure, Validator};
use egressd_core::decision::{Diagnostic, Draft, Outcome};
use egressd_core::model::{Context, SubjectView, Uid};
use egressd_core::policy::Allowance;
use tracing::warn;

use super::fingerprint::fingerprint;
use crate::clock::{self, Instant};
use crate::metrics::PolicyCounters;

/// What is known about how a policy does. Shared between who asks it and who reports.
#[derive(Debug)]
pub struct Supervision {
    policy: String,
    counters: PolicyCounters,
    since: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    allowance: Allowance,
    known: KnownFailures,
    last_failure: Option<String>,
}

/// What is asked about.
#[derive(Clone, Copy)]
struct Input<'a> {
    context: &'a Context,
    service: &'a SubjectView,
    draft: &'a Draft,
}

impl Input<'_> {
    fn of(&self) -> &Uid {
        self.service.subject.uid()
    }

    fn fingerprint(&self) -> u64 {
        fingerprint(self.context, self.service, self.draft)
    }
}

impl Supervision {
    /// Of a policy that was not asked yet.
    pub fn new(policy: &str, counters: PolicyCounters) -> Arc<Self> {
        let (policy, since) = (policy.to_owned(), clock::now());
        Arc::new(Self { policy, counters, since, record: Mutex::default() })
    }

    /// The same policy, supervised.
    pub fn over(self: &Arc<Self>, asked: MemberRole) -> MemberRole {
        let supervision = Arc::clone(self);
        match asked {
            MemberRole::Policy(inner) => MemberRole::Policy(Arc::new(Supervised { inner, supervision })),
            MemberRole::Validator(inner) => MemberRole::Validator(Arc::new(Supervised { inner, supervision })),
            MemberRole::Missing(reason) => MemberRole::Missing(reason),
        }
    }

    /// Why it is evaluated once per second only, in one sentence without a full stop; none when it is asked at once.
    pub fn slowed(&self) -> Option<String> {
        let (record, now) = (self.record(), clock::since(self.since));
        record.allowance.is_used_up(now).then(|| sentence(&record, now))
    }

    /// Why it could not answer the last time; none while it always could.
    pub fn last_failure(&self) -> Option<String> {
        self.record().last_failure.clone()
    }

    fn ask<T>(&self, input: Input<'_>, ask: impl FnOnce() -> Result<T, PolicyFailure>) -> Result<T, PolicyFailure> {
        self.permit(input)?;
        self.counters.asked();
        let begun = clock::now();
        let answer = ask();
        match &answer {
            Ok(_) => self.record().allowance.answered(clock::since(self.since)),
            Err(failure) => self.failed(input, failure, clock::since(begun)),
        }
        answer
    }

    /// Nothing, if it may be asked now.
    fn permit(&self, input: Input<'_>) -> Result<(), PolicyFailure> {
        let (record, now) = (self.record(), clock::since(self.since));
        if let Some(known) = record.known.get(input.of(), || input.fingerprint()) {
            return Err(known.clone());
        }
        if record.allowance.rests_until(now).is_none() {
            return Ok(());
        }
        let (policy, reason) = (self.policy.clone(), sentence(&record, now));
        Err(PolicyFailure { policy, reason, kind: FailureKind::Deferred })
    }

    fn failed(&self, input: Input<'_>, failure: &PolicyFailure, took: Duration) {
        self.counters.failed();
        let mut record = self.record();
        let now = clock::since(self.since);
        let before = record.allowance.is_used_up(now);
        record.allowance.failed(now, took);
        record.last_failure = Some(failure.reason.clone());
        match failure.kind {
            FailureKind::Prompt => record.known.remember(input.of(), input.fingerprint(), failure.clone()),
            FailureKind::Slow | FailureKind::Deferred => {}
        }
        if !before && record.allowance.is_used_up(now) {
            warn!(policy = self.policy, "{}", sentence(&record, now));
        }
    }

    /// A panic while the lock was held leaves numbers that are true all the same.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sentence(record: &Record, now: Duration) -> String {
    let used = record.allowance.used(now).as_secs();
    let last = record.last_failure.as_deref().unwrap_or_default();
    format!(
        "it is evaluated once per second only, because its failures took {used} s of the last minute; the last \
         failure: {last}"
    )
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

    fn evaluate(&self, context: &Context, service: &SubjectView, draft: &Draft) -> Result<Outcome, PolicyFailure> {
        self.supervision.ask(Input { context, service, draft }, || self.inner.evaluate(context, service, draft))
    }
}

impl Validator for Supervised<dyn Validator> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn validate(
        &self,
        context: &Context,
        service: &SubjectView,
        draft: &Draft,
    ) -> Result<Vec<Diagnostic>, PolicyFailure> {
        self.supervision.ask(Input { context, service, draft }, || self.inner.validate(context, service, draft))
    }
}
