//! How many connections a listener has at once, and which one goes when another comes. Each costs a task of its own, so a
//! slow one delays none; a silent one keeps its place only as long as no other wants it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until, timeout};

use crate::clock::{self, Instant};

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections there are at once; others wait in the kernel's queue.
    pub places: usize,
    /// For so long a connection that waits for its client keeps its place, whoever comes.
    pub grace: Duration,
    /// How long a request may take to come.
    pub silence: Duration,
    /// How long all of it may take.
    pub patience: Duration,
}

impl Default for Bounds {
    /// `grace` is several round trips between nodes, and passes 320 newcomers a second past silent ones.
    fn default() -> Self {
        let [grace, silence, patience] = [100, 2_000, 10_000].map(Duration::from_millis);
        Self { places: 32, grace, silence, patience }
    }
}

/// The connections of one listener. Needs a tokio `LocalSet`.
#[derive(Debug)]
pub struct ConnectionPool {
    bounds: Bounds,
    /// By age.
    inside: RefCell<BTreeMap<u64, (ConnectionState, AbortHandle)>>,
    newest: Cell<u64>,
    left: Rc<Notify>,
}

/// How far a connection is.
#[derive(Clone, Debug)]
pub struct ConnectionState {
    phase: Rc<Cell<Phase>>,
    /// Whoever waits for a place.
    left: Rc<Notify>,
}

/// What a connection waits for, in the order in which those that wait for their clients give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// For the whole of a request.
    Silent(Instant),
    /// For its client to take the answer.
    Answered(Instant),
    /// For us.
    Asked,
    /// For something that we wait for, too: it has no place meanwhile. Whoever lets it wait bounds how many do.
    Parked,
}

impl ConnectionState {
    fn begin(left: &Rc<Notify>) -> Self {
        Self { phase: Rc::new(Cell::new(Phase::Silent(clock::now()))), left: Rc::clone(left) }
    }

    /// The request has come.
    pub fn asked(&self) {
        self.phase.set(Phase::Asked);
    }

    /// The answer depends on something that may take long: its place is another's meanwhile.
    pub fn parked(&self) {
        self.phase.set(Phase::Parked);
        self.left.notify_one();
    }

    /// The answer is made.
    pub fn answered(&self) {
        self.phase.set(Phase::Answered(clock::now()));
    }

    fn has_place(&self) -> bool {
        self.phase.get() != Phase::Parked
    }

    /// Ends when its client has been silent for too long.
    async fn silent_for(&self, silence: Duration) {
        sleep(silence).await;
        match self.phase.get() {
            Phase::Silent(_) => {}
            Phase::Asked | Phase::Parked | Phase::Answered(_) => pending().await,
        }
    }

    /// Since when it waits for its client.
    fn waits(&self) -> Option<(Phase, Instant)> {
        let phase = self.phase.get();
        match phase {
            Phase::Silent(since) | Phase::Answered(since) => Some((phase, since)),
            Phase::Asked | Phase::Parked => None,
        }
    }
}

/// Whose turn to leave it is.
enum NextEviction {
    Leaves(u64),
    /// One may have to at this time.
    At(Instant),
    Unknown,
}

impl ConnectionPool {
    /// A listener without connections.
    pub fn new(bounds: Bounds) -> Rc<Self> {
        Rc::new(Self { bounds, inside: RefCell::default(), newest: Cell::default(), left: Rc::default() })
    }

    /// Serves a connection, once there is a place for it.
    pub async fn admit<F: Future<Output = ()> + 'static>(self: &Rc<Self>, serve: impl FnOnce(ConnectionState) -> F) {
        self.make_room().await;
        let visit = ConnectionState::begin(&self.left);
        let number = self.newest.get() + 1;
        self.newest.set(number);
        let place = ConnectionSlot { pool: Rc::clone(self), number };
        let served = serve(visit.clone());
        let served_visit = visit.clone();
        let bounds = self.bounds;
        let task = tokio::task::spawn_local(async move {
            let served = async {
                tokio::select! {
                    () = served => {}
                    () = served_visit.silent_for(bounds.silence) => {}
                }
            };
            // A client that is gone, or too slow, has what it has.
            let _ = timeout(bounds.patience, served).await;
            drop(place);
        });
        self.inside.borrow_mut().insert(number, (visit, task.abort_handle()));
    }

    /// Waits for a place, or takes one from whoever waits for a client and has had time enough.
    async fn make_room(&self) {
        while self.taken() >= self.bounds.places {
            match self.next() {
                NextEviction::Leaves(number) => {
                    let leaving = self.inside.borrow_mut().remove(&number);
                    leaving.iter().for_each(|(_, task)| task.abort());
                }
                NextEviction::At(time) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.left.notified() => {}
                },
                NextEviction::Unknown => self.left.notified().await,
            }
        }
    }

    fn taken(&self) -> usize {
        self.inside.borrow().values().filter(|(visit, _)| visit.has_place()).count()
    }

    /// The oldest that is silent, else the oldest that does not take its answer.
    fn next(&self) -> NextEviction {
        let inside = self.inside.borrow();
        let waiting = inside.iter().filter_map(|(number, (visit, _))| Some((visit.waits()?, *number)));
        let due = |since: Instant| since + self.bounds.grace;
        let (ripe, green): (Vec<_>, Vec<_>) = waiting.partition(|((_, since), _)| due(*since) <= clock::now());
        match (ripe.into_iter().min(), green.into_iter().map(|((_, since), _)| due(since)).min()) {
            (Some((_, number)), _) => NextEviction::Leaves(number),
            (None, Some(time)) => NextEviction::At(time),
            (None, None) => NextEviction::Unknown,
        }
    }
}

/// Given back however its task ends.
struct ConnectionSlot {
    pool: Rc<ConnectionPool>,
    number: u64,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.pool.inside.borrow_mut().remove(&self.number);
        self.pool.left.notify_one();
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
