//! All policies: what ConfigMaps ask for against what is loaded. The newest good one of each name is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egressd_core::chain::{Asked, Chain, Member};
use egressd_core::finding::Finding;
use egressd_core::model::{AnnotationPrefix, PolicyObject};
use egressd_core::policy::{Mode, OnFailure, PolicySpec};
use egressd_core::text::Text;
use tracing::{info, warn};

use super::entry::{Good, Surroundings};
use super::report::{PolicyReport, PolicyState};
use super::{BUILT_IN, Sandbox};
use crate::errors::with_causes;
use crate::metrics::Metrics;

/// The ConfigMaps that are policies, by name, as a source hands them over.
pub type Objects = BTreeMap<String, Arc<PolicyObject>>;

/// All policies of a process.
#[derive(Debug)]
pub struct Library {
    around: Surroundings,
    /// What was good when an earlier process ended.
    remembered: Objects,
    /// The names of those of which it is unknown what they were.
    lost: BTreeSet<String>,
    entries: BTreeMap<String, Entry>,
}

/// One name.
#[derive(Debug)]
struct Entry {
    /// The newest ConfigMap, good or bad.
    newest: Arc<PolicyObject>,
    /// The newest good one.
    good: Option<Good>,
    /// Why the newest is not good.
    trouble: Option<String>,
    past: Past,
    outlook: Outlook,
}

/// Whether an earlier process had something in force under a name that this one cannot load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Known,
    /// Whatever it was, Services do not go on as if there had been nothing.
    Lost,
}

/// The first pause before a ConfigMap that is refused is tried again as it is.
const FIRST: Duration = Duration::from_secs(5);
/// The longest: each try may cost ten seconds of a processor.
const LONGEST: Duration = Duration::from_secs(600);

/// Whether a ConfigMap that is refused is worth another try as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    Settled,
    /// The node may have been to blame.
    Again {
        at: Instant,
        pause: Duration,
    },
}

impl Outlook {
    /// After one more failure for which the node may be to blame.
    fn worse(earlier: Option<Self>) -> Self {
        let pause = match earlier {
            Some(Self::Again { pause, .. }) => (pause * 2).min(LONGEST),
            Some(Self::Settled) | None => FIRST,
        };
        Self::Again { at: Instant::now() + pause, pause }
    }

    fn waits(self) -> bool {
        match self {
            Self::Settled => true,
            Self::Again { at, .. } => Instant::now() < at,
        }
    }
}

/// What came out of loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policies in their order; none when it is the same chain as before.
    pub chain: Option<Chain>,
    /// What is told about each, by name.
    pub reports: Vec<PolicyReport>,
    /// What to remember for the next process: the ConfigMaps that are in force.
    pub good: Objects,
}

impl Library {
    /// With no policy but the built-in one, which is loaded with the first update. `prefix` is what that one reads
    /// unless its settings say something else; `remembered` is what an earlier process had in force.
    pub fn new(sandbox: Sandbox, prefix: AnnotationPrefix, metrics: Metrics, remembered: Objects) -> Self {
        let around = Surroundings { sandbox, metrics, prefix };
        Self { around, remembered, lost: BTreeSet::new(), entries: BTreeMap::new() }
    }

    /// The same, where it is unknown what an earlier process had in force under these names.
    #[must_use]
    pub fn missing(self, lost: BTreeSet<String>) -> Self {
        Self { lost, ..self }
    }

    /// Loads what changed: at most some seconds for each hostile one, 50 ms for each good one.
    pub fn update(&mut self, objects: impl IntoIterator<Item = Arc<PolicyObject>>) -> Loaded {
        let mut wanted: Objects = objects.into_iter().map(|object| (object.name.clone(), object)).collect();
        let built_in = || Arc::new(PolicyObject { name: BUILT_IN.to_owned(), ..PolicyObject::default() });
        wanted.entry(BUILT_IN.to_owned()).or_insert_with(built_in);
        let before = self.entries.len();
        self.entries.retain(|name, _| {
            let stays = wanted.contains_key(name);
            if !stays {
                info!(policy = name, "policy removed");
                self.around.metrics.forget(name);
            }
            stays
        });
        let mut changed = before != self.entries.len();
        for (name, object) in wanted {
            let same = |entry: &&Entry| entry.newest == object;
            let again = self.entries.get(&name).filter(same).map(|entry| (entry.outlook, entry.trouble.clone()));
            if again.as_ref().is_some_and(|(outlook, _)| outlook.waits()) {
                continue;
            }
            let trouble = self.load(name, object, again.as_ref().map(|(outlook, _)| *outlook));
            // The same in vain once more is no news.
            changed |= again.is_none_or(|(_, earlier)| earlier != trouble);
        }
        self.loaded(changed)
    }

    /// The policies that are loaded, in their order.
    pub fn chain(&self) -> Chain {
        Chain::new(self.entries.values().filter_map(Entry::member))
    }

    /// After what time the same ConfigMaps are worth another try; none when they are not.
    pub fn next_try(&self) -> Option<Duration> {
        let at = self.entries.values().filter_map(|entry| match entry.outlook {
            Outlook::Settled => None,
            Outlook::Again { at, .. } => Some(at),
        });
        at.min().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Loads one; returns why it is not good. `again` is what came of the last try with the same ConfigMap.
    fn load(&mut self, name: String, newest: Arc<PolicyObject>, again: Option<Outlook>) -> Option<String> {
        let earlier = self.entries.remove(&name).and_then(|entry| entry.good);
        let mut outlook = Outlook::Settled;
        let (good, trouble) = match Good::load(&self.around, &newest, earlier.as_ref()) {
            Ok(good) => {
                let report = good.report();
                let (version, digest) = (report.version.unwrap_or_default(), report.digest.unwrap_or_default());
                info!(policy = name, state = %report.state, order = report.order, version, digest, "policy loaded");
                (Some(good), None)
            }
            Err(error) => {
                if error.may_mend() {
                    outlook = Outlook::worse(again);
                }
                let good = earlier.or_else(|| self.recall(&name));
                let trouble = trouble(&with_causes(&error), good.is_some());
                warn!(policy = name, "policy refused: {trouble}");
                (good, Some(trouble))
            }
        };
        let was_in_force = self.lost.contains(&name) || self.remembered.contains_key(&name);
        let past = if was_in_force { Past::Lost } else { Past::Known };
        self.entries.insert(name, Entry { newest, good, trouble: trouble.clone(), past, outlook });
        trouble
    }

    /// What an earlier process had in force under this name.
    fn recall(&self, name: &str) -> Option<Good> {
        Good::load(&self.around, self.remembered.get(name)?, None).ok()
    }

    fn loaded(&self, changed: bool) -> Loaded {
        let good = self.entries.iter().filter_map(|(name, entry)| Some((name, &entry.good.as_ref()?.object)));
        Loaded {
            chain: changed.then(|| self.chain()),
            reports: self.entries.values().map(Entry::report).collect(),
            // The built-in one without a ConfigMap among them: a bad ConfigMap must not replace it over a restart.
            good: good.map(|(name, object)| (name.clone(), Arc::clone(object))).collect(),
        }
    }
}

impl Entry {
    fn member(&self) -> Option<Member> {
        match &self.good {
            Some(good) => good.member(),
            None => self.missed().map(|spec| self.missing(&spec)),
        }
    }

    /// What it asks for, when nothing of it could be loaded and Services are not to go on without it: because it is closed,
    /// or because something of it was in force before (P6). Then what they have stays, and they get nothing new.
    fn missed(&self) -> Option<PolicySpec> {
        let spec = PolicySpec::outline(&self.newest);
        let closed = spec.on_failure == OnFailure::Closed;
        match (spec.mode, self.past) {
            (Mode::Off, _) => None,
            (Mode::Enforce | Mode::Shadow, _) if closed => Some(spec),
            (Mode::Enforce, Past::Lost) => Some(PolicySpec { on_failure: OnFailure::KeepLast, ..spec }),
            (Mode::Enforce | Mode::Shadow, Past::Known) | (Mode::Shadow, Past::Lost) => None,
        }
    }

    fn missing(&self, spec: &PolicySpec) -> Member {
        Member::new(Asked::Missing(self.trouble.clone().unwrap_or_default())).with(spec)
    }

    fn report(&self) -> PolicyReport {
        let trouble = self.trouble.clone();
        match (&self.good, self.missed()) {
            (Some(good), _) => PolicyReport { trouble, ..good.report() },
            (None, Some(spec)) => PolicyReport::unloaded(&spec.name, PolicyState::Missed, trouble).with(&spec),
            (None, None) => PolicyReport::unloaded(&self.newest.name, PolicyState::Refused, trouble),
        }
    }
}

fn trouble(reason: &str, has_good: bool) -> String {
    let then = if has_good { "the last good one stays in force" } else { "nothing of it is in force" };
    // The reason may hold names of a component's imports, and anything else that a stranger wrote.
    format!("{}; {then}", Text::new(reason))
}

/// The troubles of policies as findings, for those who look once.
pub fn findings(reports: &[PolicyReport]) -> Vec<Finding> {
    let finding = |report: &PolicyReport| {
        let trouble = report.trouble.as_ref()?;
        Some(Finding::error("policy-refused", format!("policy {}: {trouble}", report.name)))
    };
    reports.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_before_another_try_is_longer_up_to_a_bound() {
        let mut outlook = None;
        for expected in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            let worse = Outlook::worse(outlook);
            assert!(
                matches!(worse, Outlook::Again { pause, .. } if pause == Duration::from_secs(expected)),
                "{worse:?}"
            );
            assert!(worse.waits());
            outlook = Some(worse);
        }
    }
}
