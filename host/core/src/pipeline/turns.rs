//! The order of questions. The thread that runs policies is shared by time and among namespaces: the one that has used
//! the least goes first, so that neither many nor expensive questions of one tenant delay another by more than one of
//! them takes. Newer updates do not move waiting questions, and names decide only among those that begin to wait with
//! one update.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Question;
use super::waiting::Waiting;

/// What an answer costs at least: so many of them count, too, where a clock shows nothing.
const MIN_COST: Duration = Duration::from_micros(1);
/// How far ahead of the others a namespace begins to wait that has used little: by what is asked between two rounds.
/// Else those that all use as much as they may would be level with it, and many of them go first.
const MAX_HEAD_START: Duration = Duration::from_millis(250);
/// How long it is remembered that a namespace has used time.
const USAGE_MEMORY: Duration = Duration::from_secs(60);

/// The questions that wait, and the time that namespaces have used.
#[derive(Debug)]
pub struct QuestionQueue {
    namespaces: BTreeMap<Arc<str>, Namespace>,
    /// The namespaces with waiting questions.
    places: BTreeMap<QueuePosition, Arc<str>>,
    /// What they had used that were served. Whoever begins to wait has used no less, but for `MAX_HEAD_START`: having
    /// asked nothing saves up no time. So none is behind all others by more than its last question cost.
    level: Duration,
    /// How many places were given.
    given: u64,
    now: Duration,
}

/// A namespace's place among those that wait: the smaller goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct QueuePosition {
    /// How many of its questions are at hand, what they cost being unknown yet: where several are asked at a time, one
    /// namespace has a second only where no other waits.
    at_hand: usize,
    used: Duration,
    /// A number of its own: among equals the one goes first that has waited longer.
    since: u64,
}

#[derive(Debug, Default)]
struct Namespace {
    place: QueuePosition,
    /// When it was served last.
    served: Duration,
    waiting: Waiting,
}

impl Default for QuestionQueue {
    fn default() -> Self {
        Self {
            namespaces: Default::default(),
            places: Default::default(),
            level: MAX_HEAD_START,
            given: 0,
            now: Duration::ZERO,
        }
    }
}

impl QuestionQueue {
    pub fn len(&self) -> usize {
        self.namespaces.values().map(|namespace| namespace.waiting.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What is served from here on is served at `now`. Forgets what was used long ago.
    pub fn begin(&mut self, now: Duration) {
        self.now = now;
        self.namespaces.retain(|_, namespace| !namespace.waiting.is_empty() || now < namespace.served + USAGE_MEMORY);
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
                let used = namespace.place.used.max(self.level - MAX_HEAD_START);
                namespace.place = QueuePosition { used, since: self.given, ..namespace.place };
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
        let question = self.take()?;
        let (answer, took) = ask(&question);
        self.is_answered(&question, took);
        Some((question, answer))
    }

    /// The question whose turn it is: it is at hand until it [is answered](Self::is_answered). Meanwhile another may be
    /// taken.
    pub fn take(&mut self) -> Option<Question> {
        let (place, name) = self.places.pop_first()?;
        let namespace = self.namespaces.get_mut(&name)?;
        let question = namespace.waiting.next()?;
        self.level = self.level.max(place.used);
        namespace.place.at_hand += 1;
        if !namespace.waiting.is_empty() {
            self.places.insert(namespace.place, name);
        }
        Some(question)
    }

    /// A question that was taken is answered, which took so long.
    pub fn is_answered(&mut self, question: &Question, took: Duration) {
        let Some(namespace) = self.namespaces.get_mut(&question.key.namespace) else { return };
        let QueuePosition { at_hand, used, since: _ } = namespace.place;
        let waits = self.places.remove(&namespace.place);
        self.given += 1;
        let used = used + took.max(MIN_COST);
        namespace.place = QueuePosition { at_hand: at_hand.saturating_sub(1), used, since: self.given };
        namespace.served = self.now;
        if let Some(name) = waits {
            self.places.insert(namespace.place, name);
        }
    }

    /// How many namespaces are remembered.
    pub fn remembered(&self) -> usize {
        self.namespaces.len()
    }
}
