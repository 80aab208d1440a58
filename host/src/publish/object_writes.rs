//! What was written about each Service and each policy, and what is to be written now.

use std::time::Duration;

use egressd_core::model::{PolicyMark, SubjectKey, Uid};
use egressd_core::reporting::{Reporter, Reporting};
use egressd_core::status::{State, SubjectStatus};

use super::event_history::{DueEvent, EventHistory, Published, Role};
use super::event_text::EventText;
use super::pace::Backoff;
use super::policies::Failing;
use super::queue::PendingWrite;
use super::{PublishConfig, Regarding, Write, fields, policies};
use crate::clock::Instant;
use crate::policies::PolicyReport;
use crate::rights::Publish;

#[derive(Clone, Copy)]
pub(super) struct KnownService<'a> {
    pub(super) key: &'a SubjectKey,
    pub(super) status: &'a SubjectStatus,
    pub(super) reporting: Option<&'a Reporting>,
}

#[derive(Clone, Copy)]
pub(super) struct KnownPolicy<'a> {
    pub(super) report: &'a PolicyReport,
    pub(super) mark: &'a PolicyMark,
    pub(super) failing: Option<&'a Failing>,
}

/// What was written about a Service in one of its lives.
#[derive(Debug)]
pub(super) struct ServiceWrites {
    pub(super) uid: Uid,
    pub(super) fields: fields::FieldsState,
    pub(super) events: EventHistory,
}

/// What was written about a policy in one of its lives.
#[derive(Debug)]
pub(super) struct PolicyWrites {
    pub(super) mark: Option<String>,
    wrote: Option<(String, Backoff)>,
    pub(super) events: EventHistory,
}

impl ServiceWrites {
    pub(super) fn new(uid: Uid) -> Self {
        Self { uid, fields: fields::FieldsState::default(), events: EventHistory::default() }
    }

    /// What it wants to write. The same at any other time, until what is known of it changes, something was written or
    /// refused, or a want ends ([`PendingWrite::until`]).
    pub(super) fn collect(
        &mut self,
        config: &PublishConfig,
        known: KnownService<'_>,
        now: Instant,
    ) -> Vec<PendingWrite> {
        let KnownService { key, status, reporting } = known;
        // First what was known before anything is written: an Event is due when the annotation is.
        let event = due_event(&mut self.events, config, status, reporting, now);
        let event = event.map(|due| PendingWrite::event(due, Regarding::Service(key.clone(), self.uid.clone())));
        let fields = self.fields.due(status.state, reporting, now).filter(|_| config.publish == Publish::All);
        let fields = fields.map(|due| {
            let annotations = due.values.iter().map(|(field, value)| (field.annotation(&config.prefix), value.clone()));
            let annotations = annotations.collect();
            PendingWrite::published(due.at, Write::Fields { service: key.clone(), uid: self.uid.clone(), annotations })
        });
        event.into_iter().chain(fields).collect()
    }
}

fn due_event(
    events: &mut EventHistory,
    config: &PublishConfig,
    status: &SubjectStatus,
    reporting: Option<&Reporting>,
    now: Instant,
) -> Option<DueEvent> {
    let removed = || (EventText::removed(), Role::Owner);
    let current = || EventText::of(status, &config.node);
    let reporter = reporting.map_or(Reporter::None, |reporting| reporting.reporter);
    // Where no annotation names the node that translates, one that does not cannot know that none does.
    let reporter = if cannot_observe_owner(config.publish, reporter, status) { Reporter::None } else { reporter };
    let (text, role) = match (reporter, status.state) {
        (Reporter::Active, _) => (current()?, Role::Owner),
        (Reporter::Fallback, _) => (current()?, Role::Fallback),
        (Reporter::None, State::Off) if events.has_reported() => removed(),
        (Reporter::None, _) => {
            events.clear();
            return None;
        }
    };
    let agrees = |reporting: &Reporting| reporting.fields().all(|(_, value)| value.wanted == value.found);
    let known = reporting.is_some_and(|reporting| reporting.reporter == Reporter::Active && agrees(reporting));
    events.due(text, role, if known { Published::Same } else { Published::Different }, now)
}

/// Whether this node would report as a fallback only because it cannot observe the owner.
fn cannot_observe_owner(publish: Publish, reporter: Reporter, status: &SubjectStatus) -> bool {
    reporter == Reporter::Fallback && publish < Publish::All && status.is_held_elsewhere()
}

impl PolicyWrites {
    pub(super) fn new(mark: &PolicyMark) -> Self {
        Self { mark: mark.uid.clone(), wrote: None, events: EventHistory::default() }
    }

    /// What it wants to write.
    pub(super) fn collect(&mut self, known: KnownPolicy<'_>, publish: Publish, now: Instant) -> Vec<PendingWrite> {
        let KnownPolicy { report, mark, failing } = known;
        let text = policies::status(report, failing);
        let same = mark.status.as_ref() == Some(&text);
        let (policy, uid) = (report.name.clone(), mark.uid.clone());
        let published = if same { Published::Same } else { Published::Different };
        let event = self.events.due(policies::event_text(report, failing), Role::Owner, published, now);
        let event =
            event.map(|due| PendingWrite::event(due, Regarding::Policy { name: policy.clone(), uid: uid.clone() }));
        let again = self.wrote.as_ref().filter(|(wrote, _)| *wrote == text).map(|(_, again)| again.due());
        let status = || PendingWrite::published(again.unwrap_or(now), Write::Status { policy, uid, text });
        event.into_iter().chain((!same && publish == Publish::All).then(status)).collect()
    }

    /// Its status was written.
    pub(super) fn wrote(&mut self, text: &str, now: Instant) {
        const FIRST_WAIT: Duration = Duration::from_secs(5);
        match &mut self.wrote {
            Some((wrote, again)) if wrote == text => again.again(FIRST_WAIT, now),
            _ => self.wrote = Some((text.to_owned(), Backoff::new(FIRST_WAIT, Duration::from_mins(10), now))),
        }
    }
}
