//! Whose turn it is. The thread that asks policies is shared by time and among namespaces: the one that has used the least
//! goes first, so that neither many questions nor dear ones of one tenant keep another waiting for longer than one of them
//! takes. Newer updates move nothing that waits, and names decide only which of those goes first that begin to wait with one
//! update.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Question;
use super::waiting::Waiting;

/// What an answer costs at least: so many of them count, too, where a clock cannot tell them from nothing.
const LEAST: Duration = Duration::from_micros(1);
/// How far ahead of the others a namespace begins to wait that has used little: by what is asked between two rounds. Else
/// those that all use as much as they may would be level with it, and many of them go first.
const AHEAD: Duration = Duration::from_millis(250);
/// How long it is remembered that a namespace has used time.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The questions that wait, and the time that namespaces have used.
#[derive(Debug)]
pub struct Turns {
    namespaces: BTreeMap<Arc<str>, Namespace>,
    /// Those of which something waits.
    places: BTreeMap<Place, Arc<str>>,
    /// What they had used that were served. Whoever begins to wait has used no less, but for `AHEAD`: having asked nothing
    /// saves up no time. So none is behind all others by more than its last question cost.
    level: Duration,
    /// How many places were given.
    given: u64,
    now: Duration,
}

/// A namespace's place among those that wait: the smaller goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    used: Duration,
    /// A number of its own: among equals the one goes first that has waited longer.
    since: u64,
}

#[derive(Debug, Default)]
struct Namespace {
    place: Place,
    /// When it was served last.
    served: Duration,
    waiting: Waiting,
}

impl Default for Turns {
    fn default() -> Self {
        let (namespaces, places) = Default::default();
        Self { namespaces, places, level: AHEAD, given: 0, now: Duration::ZERO }
    }
}

impl Turns {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What is served from here on is served at `now`. Forgets what was used long ago.
    pub fn begin(&mut self, now: Duration) {
        self.now = now;
        self.namespaces.retain(|_, namespace| !namespace.waiting.is_empty() || now < namespace.served + REMEMBERED);
    }

    /// Puts questions with those that wait. A newer question about a Service takes the place of the one that waits.
    pub fn add(&mut self, questions: Vec<Question>) {
        for question in questions {
            let name = Arc::clone(&question.key.namespace);
            let namespace = self.namespaces.entry(Arc::clone(&name)).or_default();
            let begins = namespace.waiting.is_empty();
            self.given += 1;
            namespace.waiting.add(question, self.given);
            if begins {
                let used = namespace.place.used.max(self.level - AHEAD);
                namespace.place = Place { used, since: self.given };
                self.places.insert(namespace.place, name);
            }
        }
    }

    /// Drops what need not be asked any more.
    pub fn retain(&mut self, keep: impl Fn(&Question) -> bool) {
        for namespace in self.namespaces.values_mut() {
            namespace.waiting.retain(&keep);
            if namespace.waiting.is_empty() {
                self.places.remove(&namespace.place);
            }
        }
    }

    /// Serves whose turn it is: `ask` answers the question, and says how long that took.
    pub fn serve<A>(&mut self, ask: impl FnOnce(&Question) -> (A, Duration)) -> Option<(Question, A)> {
        let (place, name) = self.places.pop_first()?;
        let namespace = self.namespaces.get_mut(&name)?;
        let question = namespace.waiting.next()?;
        let (answer, took) = ask(&question);
        self.level = self.level.max(place.used);
        self.given += 1;
        namespace.place = Place { used: place.used + took.max(LEAST), since: self.given };
        namespace.served = self.now;
        if !namespace.waiting.is_empty() {
            self.places.insert(namespace.place, name);
        }
        Some((question, answer))
    }

    /// How many namespaces are remembered.
    pub fn remembered(&self) -> usize {
        self.namespaces.len()
    }
}
