//! All policies: what ConfigMaps ask for against what is loaded. The newest valid one of each name is in force, and what
//! is in force has its place before anything that is new.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::Chain;
use egressd_core::finding::Finding;
use egressd_core::model::{AnnotationPrefix, PolicyObject};
use egressd_core::policy::{Budget, Limits};
use egressd_core::text::Text;
use tracing::{info, warn};

use super::entry::{Error, LoadContext, LoadedPolicy};
use super::report::PolicyReport;
use super::retry::RetryWhen;
use super::standing::{EarlierProcess, Entry};
use super::start::{LoadOrder, NotAwaited, Start, in_load_order};
use super::{BUILT_IN, Sandbox};
use crate::clock;
use crate::errors::with_causes;
use crate::metrics::Metrics;

/// The ConfigMaps that are policies, by name, as a source hands them over.
pub type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// All policies of a process.
#[derive(Debug)]
pub struct Library {
    context: LoadContext,
    budget: Budget,
    /// What was in force when an earlier process ended, and was not loaded in this one.
    remembered: Objects,
    /// The names of those of which it is unknown what they were.
    lost: BTreeSet<String>,
    start: Start,
    /// What there should be.
    wanted: Objects,
    /// What of it is to be loaded, in turn.
    queue: VecDeque<String>,
    entries: BTreeMap<String, Entry>,
    /// Whether the chain is another one than when it was asked for last.
    changed: bool,
}

/// What came out of loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policies in their order; none when it is the same chain as before.
    pub chain: Option<Chain>,
    /// What is reported about each, by name.
    pub reports: Vec<PolicyReport>,
    /// What to remember for the next process: the ConfigMaps that are in force.
    pub valid: Objects,
    /// What the processes that compile could not give up.
    pub findings: Vec<Finding>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One policy was loaded, or refused.
    Done,
    /// There is nothing to load now.
    Nothing,
}

impl Library {
    /// With no policy but the built-in one, which is loaded with the first update. `prefix` is what that one
    /// reads; `remembered` is what an earlier process had in force.
    pub fn new(sandbox: Sandbox, prefix: AnnotationPrefix, metrics: Metrics, remembered: Objects) -> Self {
        let context = LoadContext { sandbox, metrics, prefix };
        let start = Start::new(&remembered);
        Self {
            context,
            budget: Budget::default(),
            remembered,
            lost: BTreeSet::new(),
            start,
            wanted: Objects::new(),
            queue: VecDeque::new(),
            entries: BTreeMap::new(),
            changed: true,
        }
    }

    /// The same, where it is unknown what an earlier process had in force under these names.
    #[must_use]
    pub fn missing(self, lost: BTreeSet<String>) -> Self {
        Self { lost, ..self }
    }

    /// Likewise, as that becomes known.
    pub fn lose(&mut self, names: BTreeSet<String>) {
        self.lost.extend(names);
    }

    /// The same with other limits for all of them together.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { budget: Budget::new(limits), ..self }
    }

    /// Loads everything that changed: some seconds for each hostile one, 50 ms for each valid one.
    pub fn update(&mut self, objects: impl IntoIterator<Item = Arc<PolicyObject>>) -> Loaded {
        self.want(objects);
        while self.step() == Step::Done {}
        self.loaded()
    }

    /// Sets the wanted policies. What is gone goes at once.
    pub fn want(&mut self, objects: impl IntoIterator<Item = Arc<PolicyObject>>) {
        self.wanted = objects.into_iter().map(|object| (object.name.clone(), object)).collect();
        let built_in = || Arc::new(PolicyObject { name: BUILT_IN.to_owned(), ..PolicyObject::default() });
        self.wanted.entry(BUILT_IN.to_owned()).or_insert_with(built_in);
        self.remembered.retain(|name, _| self.wanted.contains_key(name));
        let gone: Vec<String> = self.entries.keys().filter(|name| !self.wanted.contains_key(*name)).cloned().collect();
        for name in gone {
            info!(policy = name, "policy removed");
            self.context.metrics.forget(&name);
            self.budget.charge(&name, None);
            self.entries.remove(&name);
            self.changed = true;
        }
        self.start.begin();
        self.queue = self.due();
    }

    /// Loads the next one: what an earlier process had in force before anything that is new.
    pub fn step(&mut self) -> Step {
        if let Some(name) = self.start.next_remembered() {
            self.begin_with(name);
            // What is wanted as it was remembered is loaded now.
            self.queue = self.due();
            return Step::Done;
        }
        if self.queue.is_empty() {
            // What just came may have made room for what did not fit.
            self.queue = self.due();
        }
        let Some(object) = self.queue.pop_front().and_then(|name| self.wanted.get(&name).cloned()) else {
            return Step::Nothing;
        };
        let again = self.entries.get(&object.name).filter(|entry| entry.newest == object);
        let again = again.map(|entry| (entry.retry, entry.trouble.clone()));
        let trouble = self.load(object, again.as_ref().map(|(retry, _)| *retry));
        // The same failure once more is no change.
        self.changed |= again.is_none_or(|(_, earlier)| earlier != trouble);
        Step::Done
    }

    /// As an earlier process had it; where that does not load any more, as it is wanted. The first Services wait for it.
    fn begin_with(&mut self, name: String) {
        self.changed = true;
        match self.restore_policy(&name) {
            Some(Ok(valid)) => {
                let newest = Arc::clone(&valid.object);
                let outdated = valid.outdated(&self.context).map(|error| trouble(&with_causes(&error), true));
                if let Some(trouble) = &outdated {
                    warn!(policy = name, "policy refused: {trouble}");
                }
                let entry = Entry {
                    newest,
                    valid: Some(valid),
                    trouble: outdated,
                    earlier_process: EarlierProcess::Known,
                    retry: RetryWhen::Settled,
                };
                self.entries.insert(name, entry);
            }
            Some(Err(_)) => {
                let wanted = self.wanted.get(&name).cloned();
                wanted.and_then(|wanted| self.load(wanted, None));
            }
            None => {}
        }
    }

    /// Whether the first Services wait no longer: what is loaded was asked for.
    pub fn has_begun(&self) -> bool {
        self.start.is_over()
    }

    /// Whether the first Services need not wait for what was not loaded yet.
    pub fn may_begin(&self) -> bool {
        self.entries.contains_key(BUILT_IN) && self.start.may_pass(self.budget.limits().wait)
    }

    /// Whether the chain is another one than when it was asked for last.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// What is loaded, for those who ask it from now on.
    pub fn loaded(&mut self) -> Loaded {
        if let Some(not_awaited) = self.start.pass() {
            self.stop_waiting(not_awaited);
        }
        let valid = self.entries.iter().filter_map(|(name, entry)| Some((name, &entry.valid.as_ref()?.object)));
        Loaded {
            chain: std::mem::take(&mut self.changed).then(|| self.chain()),
            reports: self.entries.values().map(Entry::report).collect(),
            // The built-in one without a ConfigMap among them: a bad ConfigMap must not replace it over a restart.
            valid: self
                .remembered
                .iter()
                .chain(valid)
                .map(|(name, object)| (name.clone(), Arc::clone(object)))
                .collect(),
            findings: self.context.sandbox.engine.findings(),
        }
    }

    /// The policies that are loaded, in their order.
    pub fn chain(&self) -> Chain {
        Chain::new(self.entries.values().filter_map(Entry::member))
    }

    /// After what time the same ConfigMaps are worth another try; none when they are not.
    pub fn next_try(&self) -> Option<Duration> {
        let at = self.entries.values().filter_map(|entry| match entry.retry {
            RetryWhen::Settled | RetryWhen::Untried | RetryWhen::Crowded(_) => None,
            RetryWhen::Again { at, .. } => Some(at),
        });
        at.min().map(|at| at.saturating_duration_since(clock::now()))
    }

    /// What is worth loading now, in turn: what is new before what failed, guards before what nothing depends on.
    fn due(&self) -> VecDeque<String> {
        in_load_order(self.wanted.values().filter_map(|object| Some((self.order(object)?, object))))
    }

    /// When it is the turn of this one; none when there is nothing to load.
    fn order(&self, object: &Arc<PolicyObject>) -> Option<LoadOrder> {
        let known = self.entries.get(&object.name).filter(|entry| entry.newest == *object);
        match known.map(|entry| entry.retry) {
            None | Some(RetryWhen::Untried) => Some(LoadOrder::of(object)),
            Some(RetryWhen::Crowded(cost)) => self.budget.fits(&object.name, cost).is_ok().then_some(LoadOrder::Again),
            Some(RetryWhen::Again { at, .. }) => (at <= clock::now()).then_some(LoadOrder::Again),
            Some(RetryWhen::Settled) => None,
        }
    }

    /// Loads one; returns why it is not valid. `again` is the result of the last try with the same ConfigMap.
    fn load(&mut self, newest: Arc<PolicyObject>, again: Option<RetryWhen>) -> Option<String> {
        let name = newest.name.clone();
        let earlier = self.entries.remove(&name).and_then(|entry| entry.valid);
        let earlier_process = self.earlier_process(&name);
        let fits = |cost| self.budget.fits(&name, cost);
        let (valid, trouble, retry) = match LoadedPolicy::load(&self.context, &newest, earlier.as_ref(), &fits) {
            Ok(valid) => {
                log_loaded(&name, &valid);
                self.remembered.remove(&name);
                (Some(valid), None, RetryWhen::Settled)
            }
            Err(error) => {
                let retry = RetryWhen::after(&error, again);
                let (valid, retry) = match earlier.map(Ok).or_else(|| self.restore_policy(&name)) {
                    Some(Ok(valid)) => (Some(valid), retry),
                    Some(Err(of_remembered)) => (None, retry.or(RetryWhen::after(&of_remembered, again))),
                    None => (None, retry),
                };
                let trouble = trouble(&with_causes(&error), valid.is_some());
                warn!(policy = name, "policy refused: {trouble}");
                (valid, Some(trouble), retry)
            }
        };
        self.budget.charge(&name, valid.as_ref().and_then(LoadedPolicy::cost));
        self.entries.insert(name, Entry { newest, valid, trouble: trouble.clone(), earlier_process, retry });
        trouble
    }

    /// What is known of what an earlier process had in force, while nothing of that is loaded.
    fn earlier_process(&self, name: &str) -> EarlierProcess {
        let was_in_force = self.lost.contains(name) || self.remembered.contains_key(name);
        if was_in_force { EarlierProcess::Lost } else { EarlierProcess::Known }
    }

    /// What an earlier process had in force under this name, and whatever today's compiler makes of it.
    fn restore_policy(&mut self, name: &str) -> Option<Result<LoadedPolicy, Error>> {
        let valid = LoadedPolicy::restore(&self.context, self.remembered.get(name)?);
        match &valid {
            Ok(valid) => {
                log_loaded(name, valid);
                self.remembered.remove(name);
                self.budget.charge(name, valid.cost());
            }
            Err(error) => {
                let error = with_causes(error);
                warn!(policy = name, error, "cannot load the policy version that was in force before the start");
            }
        }
        Some(valid)
    }

    /// The first Services do not wait for the rest. Where Services must not go without one of them, they do not; one that is
    /// new beside what was in force comes as it would without a restart.
    fn stop_waiting(&mut self, not_awaited: NotAwaited) {
        for name in &self.queue {
            let Some(newest) = self.wanted.get(name).filter(|_| !self.entries.contains_key(name)).cloned() else {
                continue;
            };
            let trouble = self.not_loaded_yet(not_awaited);
            let earlier_process = self.earlier_process(name);
            let entry = Entry {
                newest,
                valid: None,
                trouble: Some(trouble.clone()),
                earlier_process,
                retry: RetryWhen::Untried,
            };
            if not_awaited == NotAwaited::All || earlier_process == EarlierProcess::Lost {
                warn!(policy = name, "{trouble}");
                self.entries.insert(name.clone(), entry);
                self.changed = true;
            }
        }
    }

    fn not_loaded_yet(&self, not_awaited: NotAwaited) -> String {
        match not_awaited {
            NotAwaited::All => format!(
                "it is not loaded yet: other policies used the {} s that the first Services wait \
                 (--policies-wait-seconds, EGRESSD_POLICIES_WAIT_SECONDS); it is loaded in the background",
                self.budget.limits().wait.as_secs()
            ),
            NotAwaited::New => {
                "it is not loaded yet; it is loaded in the background, beside what was in force before the \
                 start"
                    .to_owned()
            }
        }
    }
}

fn log_loaded(name: &str, valid: &LoadedPolicy) {
    let report = valid.report();
    let (version, digest) = (report.version.unwrap_or_default(), report.digest.unwrap_or_default());
    info!(policy = name, state = %report.state, order = report.order, version, digest, "policy loaded");
}

fn trouble(reason: &str, has_valid: bool) -> String {
    let then = if has_valid { "the last good one stays in force" } else { "none of it is in force" };
    // The reason may hold names of a component's imports, and anything else that a stranger wrote.
    format!("{}; {then}", Text::new(reason))
}

/// The code of the finding on a policy that is not loaded.
pub const REFUSED: &str = "policy-refused";

/// The troubles of policies as findings, for those who look once.
pub fn findings(reports: &[PolicyReport]) -> Vec<Finding> {
    let finding = |report: &PolicyReport| {
        let trouble = report.trouble.as_ref()?;
        let finding = Finding::error(REFUSED, format!("policy {}: {trouble}", report.name));
        Some(finding.of_policy(Text::new(report.name.as_str())))
    };
    reports.iter().filter_map(finding).collect()
}
