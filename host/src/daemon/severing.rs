//! Connections follow a change (P11): after a commit the entries of the pods that it concerns are looked at, and those that
//! contradict the rules are deleted where that is asked for, or where the rules came too late. On a thread of its own:
//! nothing waits for it, and whether an entry goes is decided by the rules that are in force when it is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::diff::Scope;
use egressd_core::finding::Finding;
use egressd_core::flows::{Checks, FlowId, KeptFlows, Known, Verdict, is_translated, translated, verdict};
use egressd_core::ruleset::Ruleset;
use tracing::{info, warn};

use super::at;
use crate::clock::{self, Instant};
use crate::errors::with_causes;
use crate::kernel::flows::{Error, FlowEvent, FlowResult, FlowsThread, FoundFlow, Sources, Walk, WalkNumber};
use crate::metrics::Metrics;
use crate::state_channel::notices::Notices;

/// How long to wait after a failure, at first; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);
/// After a walk none begins for as long as it took, so that walks take half a core at most.
const REST: u32 = 1;
/// After one that nothing is deleted by: a twentieth of a core.
const CENSUS_REST: u32 = 20;
const CENSUS_INTERVAL: Duration = Duration::from_secs(2);
/// What notices are about.
const TOPIC: &str = "connections";

/// What is to be done with connections, and what is known of them.
#[derive(Debug)]
pub(super) struct Severing {
    thread: FlowsThread,
    notices: Notices,
    metrics: Metrics,
    due: Checks,
    /// When the next walk may begin.
    next: Instant,
    /// How long was waited after the last failure.
    wait: Option<Duration>,
    /// That of the last walk.
    number: WalkNumber,
    walk: Option<CurrentWalk>,
    kept: KeptFlows,
    /// The addresses of this node.
    nodes: BTreeSet<IpAddr>,
}

/// What is to be done with connections.
#[derive(Debug)]
pub(super) enum Turn {
    /// A walk is due.
    Due,
    /// Something came of one.
    Event(FlowEvent),
}

/// A walk that is not over, or whose deletions are not.
#[derive(Debug)]
struct CurrentWalk {
    checks: Checks,
    sources: Arc<BTreeSet<IpAddr>>,
    /// What contradicts and stays.
    kept: BTreeMap<IpAddr, BTreeSet<FlowId>>,
    deleting: usize,
    deleted: usize,
    end: WalkEnd,
}

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalkEnd {
    Open,
    Done(Duration),
}

impl Severing {
    pub(super) fn begin(thread: FlowsThread, notices: Notices, metrics: Metrics, now: Instant) -> Self {
        Self {
            thread,
            notices,
            metrics,
            due: Checks::default(),
            next: now,
            wait: None,
            number: WalkNumber::default(),
            walk: None,
            kept: KeptFlows::default(),
            nodes: BTreeSet::new(),
        }
    }

    /// Takes in which addresses this node has.
    pub(super) fn set_nodes(&mut self, nodes: BTreeSet<IpAddr>) {
        self.nodes = nodes;
    }

    /// Takes in what a round in force concerns; the entries of a walk under way are compared with its rules, too.
    pub(super) fn learn(&mut self, checks: &Checks) {
        self.due.learn(checks);
        if let Some(walk) = &mut self.walk {
            walk.checks.learn(checks);
        }
    }

    /// Takes in what is to be looked at.
    pub(super) fn want(&mut self, checks: Checks) {
        self.due.join(checks);
    }

    /// Takes in which pods are not translated any more.
    pub(super) fn forget(&mut self, scope: &Scope, ruleset: &Ruleset) {
        match scope {
            Scope::Everything => self.kept.retain(&translated(ruleset)),
            Scope::Pods(pods, _) => {
                let gone = pods.iter().filter(|pod| !is_translated(ruleset, **pod));
                gone.for_each(|pod| self.kept.forget(*pod));
            }
        }
    }

    /// When the next walk is to begin.
    fn due(&self) -> Option<Instant> {
        let is_waiting = self.walk.is_none() && !self.due.is_empty();
        let later = if self.due.is_urgent() { Duration::ZERO } else { CENSUS_INTERVAL };
        is_waiting.then(|| self.next + later)
    }

    /// What is to be done next; never where nothing is due.
    pub(super) async fn turn(&mut self) -> Turn {
        let due = self.due();
        tokio::select! {
            event = self.thread.next() => Turn::Event(event),
            () = at(due) => Turn::Due,
        }
    }

    /// Does it, by the rules that are in force now.
    pub(super) fn take(&mut self, turn: Turn, ruleset: &Ruleset) {
        match turn {
            Turn::Due => self.start(ruleset),
            Turn::Event(event) => self.take_event(event, ruleset),
        }
    }

    fn start(&mut self, ruleset: &Ruleset) {
        let checks = std::mem::take(&mut self.due);
        let mut sources: BTreeSet<IpAddr> = checks.pods().collect();
        if checks.is_of_all() {
            sources.extend(translated(ruleset));
        }
        let sources = Arc::new(sources);
        self.number = self.number.next();
        let walk = Walk { number: self.number, filter: checks.filter(), sources: Sources(Arc::clone(&sources)) };
        let (kept, end) = (BTreeMap::new(), WalkEnd::Open);
        let asked = self.thread.walk(walk);
        self.walk = Some(CurrentWalk { checks, sources, kept, deleting: 0, deleted: 0, end });
        if let Err(error) = asked {
            self.failed(&error);
        }
    }

    fn take_event(&mut self, event: FlowEvent, ruleset: &Ruleset) {
        let FlowEvent { walk, result } = event;
        if let FlowResult::Deleted(Ok(deleted)) = &result {
            self.metrics.severed(*deleted);
        }
        // What is late is of a walk that failed, which begins anew.
        if walk == self.number {
            self.take_result(result, ruleset);
        }
    }

    fn take_result(&mut self, result: FlowResult, ruleset: &Ruleset) {
        match result {
            FlowResult::Found(flows) => self.found(flows, ruleset),
            FlowResult::Walked(Ok(()), took) => self.proceed(|walk| walk.end = WalkEnd::Done(took)),
            FlowResult::Deleted(Ok(deleted)) => self.proceed(|walk| {
                walk.deleting -= 1;
                walk.deleted += deleted;
            }),
            FlowResult::Walked(Err(error), _) | FlowResult::Deleted(Err(error)) => self.failed(&error),
        }
    }

    fn found(&mut self, flows: Vec<FoundFlow>, ruleset: &Ruleset) {
        let Some(walk) = &mut self.walk else { return };
        let known = Known { kept: &self.kept, nodes: &self.nodes };
        let mut severed = Vec::new();
        for found in flows {
            let flow = found.flow;
            let Some(check) = walk.checks.get(flow.source) else { continue };
            match verdict(&flow, flow.promised(ruleset), &check, known) {
                Verdict::Fits => {}
                Verdict::Kept => drop(walk.kept.entry(flow.source).or_default().insert(flow.id)),
                Verdict::Severed => severed.push(found),
            }
        }
        if severed.is_empty() {
            return;
        }
        walk.deleting += 1;
        if let Err(error) = self.thread.delete(self.number, severed) {
            self.failed(&error);
        }
    }

    fn proceed(&mut self, step: impl FnOnce(&mut CurrentWalk)) {
        let Some(walk) = &mut self.walk else { return };
        step(walk);
        if let (WalkEnd::Done(took), 0) = (walk.end, walk.deleting) {
            self.done(took);
        }
    }

    fn done(&mut self, took: Duration) {
        let Some(mut walk) = self.walk.take() else { return };
        for pod in walk.sources.iter() {
            self.kept.set(*pod, walk.kept.remove(pod).unwrap_or_default());
        }
        if walk.deleted > 0 {
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            info!(connections = walk.deleted, milliseconds, "connections that contradict the rules were ended");
        }
        let rest = if walk.checks.is_urgent() { REST } else { CENSUS_REST };
        (self.next, self.wait) = (clock::now() + took * rest, None);
        self.notices.note(TOPIC, None);
    }

    /// All of it is done again later: which entries are gone by now does not matter. Not where the kernel never answers:
    /// what waits for it would grow with each pod.
    fn failed(&mut self, error: &Error) {
        let Some(walk) = self.walk.take() else { return };
        let is_urgent = walk.checks.is_urgent();
        if !matches!(error, Error::Unsupported | Error::NotPermitted) {
            self.due.join(walk.checks);
        }
        let wait = self.wait.map_or(FIRST_RETRY, |wait| (wait * 2).min(LAST_RETRY));
        (self.next, self.wait) = (clock::now() + wait, Some(wait));
        if is_urgent {
            warn!(error = with_causes(error), retry_in = ?wait, "connections are not compared with the rules");
            self.notices.note(TOPIC, Some(flows_not_checked(error)));
        }
    }
}

/// What is reported while connections cannot be compared with the rules.
pub fn flows_not_checked(error: &Error) -> Finding {
    let why = with_causes(error);
    let message = format!(
        "connections that contradict the rules keep their source address: {why}; retrying (docs/connections.md)"
    );
    Finding::warning("connections-not-checked", message)
}

#[cfg(test)]
#[path = "severing_tests.rs"]
mod tests;
