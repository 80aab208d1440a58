//! Of which pods entries are to be looked at, and why.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::net::Family;

/// Why the entries of a pod are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A subject asks for `sever`, and says something else of the pod than before.
    Asked,
    /// The pod is guarded: what has another source than its subjects' addresses is dropped, and a sender that keeps its
    /// port would stay dropped.
    Guarded,
    /// The pod began while a subject selected it, and sent before its rules were in force.
    New,
    /// Another program took the rules away for some time.
    Gap,
    /// To learn which entries contradict and are kept, so that those of a later gap can be distinguished.
    Census,
}

/// What is to be looked for among the entries of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    pub reasons: BTreeSet<Reason>,
    /// The addresses that subjects which ask for `sever` give the pod, or gave it before.
    pub severing: BTreeSet<IpAddr>,
    /// The addresses that subjects give it now, which the guard lets pass.
    pub now: BTreeSet<IpAddr>,
    /// The addresses that others gave it before: what has one of these began by rules.
    pub earlier: BTreeSet<IpAddr>,
}

impl Check {
    /// For one reason, whatever addresses there are.
    pub fn of(reason: Reason) -> Self {
        Self { reasons: [reason].into(), ..Self::default() }
    }

    fn learn(&mut self, later: &Self) {
        self.earlier.extend(&later.earlier);
        self.now.extend(&later.now);
    }

    fn join(&mut self, other: Self) {
        self.reasons.extend(other.reasons);
        self.severing.extend(other.severing);
        self.now.extend(other.now);
        self.earlier.extend(other.earlier);
    }
}

/// The checks of all pods that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Of every pod that is translated.
    all: BTreeSet<Reason>,
    pods: BTreeMap<IpAddr, Check>,
}

/// Which entries the kernel is asked for. It walks through all of them in any case, and gives only these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Those that this address began.
    From(IpAddr),
    /// All of a family; of both where none is named.
    Family(Option<Family>),
}

impl Checks {
    /// Every translated pod, for this reason.
    pub fn of_all(reason: Reason) -> Self {
        Self { all: [reason].into(), pods: BTreeMap::new() }
    }

    /// One pod.
    pub fn of(pod: IpAddr, check: Check) -> Self {
        Self { all: BTreeSet::new(), pods: [(pod, check)].into() }
    }

    /// Adds a check of one pod.
    pub fn add(&mut self, pod: IpAddr, check: Check) {
        self.pods.entry(pod).or_default().join(check);
    }

    /// Adds what is due later.
    pub fn join(&mut self, other: Self) {
        self.all.extend(other.all);
        other.pods.into_iter().for_each(|(pod, check)| self.add(pod, check));
    }

    /// Takes in what later checks know of pods that are looked at: what an earlier rule of a pod gave it began by rules, also
    /// where another change came since.
    pub fn learn(&mut self, later: &Self) {
        for (pod, check) in &later.pods {
            let known = self.pods.get_mut(pod);
            match known {
                Some(known) => known.learn(check),
                None if self.all.is_empty() => {}
                None => {
                    let mut known = Check::default();
                    known.learn(check);
                    self.pods.insert(*pod, known);
                }
            }
        }
    }

    /// Whether nothing is to be looked at.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.pods.is_empty()
    }

    /// Whether anything has to be deleted soon: a census alone can wait.
    pub fn is_urgent(&self) -> bool {
        let reasons = self.all.iter().chain(self.pods.values().flat_map(|check| &check.reasons));
        reasons.into_iter().any(|reason| *reason != Reason::Census)
    }

    /// What is to be looked for of a pod.
    pub fn get(&self, pod: IpAddr) -> Option<Cow<'_, Check>> {
        let own = self.pods.get(&pod);
        if self.all.is_empty() {
            return own.map(Cow::Borrowed);
        }
        let mut check = own.cloned().unwrap_or_default();
        check.reasons.extend(&self.all);
        Some(Cow::Owned(check))
    }

    /// Whether every translated pod is looked at.
    pub fn is_of_all(&self) -> bool {
        !self.all.is_empty()
    }

    /// The pods that are named.
    pub fn pods(&self) -> impl Iterator<Item = IpAddr> {
        self.pods.keys().copied()
    }

    /// What to ask the kernel for: one walk, and as few entries of others as can be.
    pub fn filter(&self) -> Filter {
        let mut pods = self.pods.keys();
        match (pods.next(), pods.next()) {
            (Some(pod), None) if self.all.is_empty() => Filter::From(*pod),
            (_, _) => Filter::Family(self.family()),
        }
    }

    /// The family of all that is looked at, where it is one.
    fn family(&self) -> Option<Family> {
        let families: BTreeSet<Family> = self.pods.keys().map(|pod| Family::of(*pod)).collect();
        let mut families = families.into_iter();
        match (families.next(), families.next()) {
            (Some(only), None) if self.all.is_empty() => Some(only),
            (_, _) => None,
        }
    }
}
