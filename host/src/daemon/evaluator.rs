//! Asks the chain of policies on a thread of its own, so that a slow policy never holds up the async threads; where many
//! questions wait, as when policies change, on a second one beside it. Answers come in the order of the turns either way.
//! It knows neither WASM nor what the policies say.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use egressd_core::chain::{Chain, ChainResult};
use egressd_core::model::Context;
use egressd_core::pipeline::{Question, QuestionQueue};
use tokio::sync::oneshot;

use crate::clock::{self, Instant};

/// With more questions than this a second thread asks, too. Fewer are answered in a few milliseconds, which the thread's
/// start and its share of the node's processors are not worth.
const SECOND_THREAD_THRESHOLD: usize = 256;

/// The handle. When it is dropped the thread ends, after the question at hand.
#[derive(Debug)]
pub struct Evaluator {
    orders: Sender<Order>,
}

/// The thread is gone: a policy's host code panicked, which is a bug of egressd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot evaluate policies: their thread has ended")]
pub struct EvaluatorGone;

enum Order {
    /// Other policies from here on.
    Swap(Chain),
    Answer(Slice),
}

struct Slice {
    context: Arc<Context>,
    turns: QuestionQueue,
    most: Duration,
    answer: oneshot::Sender<(QuestionQueue, Answers)>,
}

/// What the chain says to each question.
pub type Answers = Vec<(Question, ChainResult)>;

impl Evaluator {
    /// Starts the thread, which owns the policies from here on.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(chain: Chain) -> io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        thread::Builder::new().name("policies".to_owned()).spawn(move || answer_all(chain, &ordered))?;
        Ok(Self { orders })
    }

    /// Replaces the whole chain, between two evaluations.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn swap(&self, chain: Chain) -> Result<(), EvaluatorGone> {
        self.orders.send(Order::Swap(chain)).map_err(|_| EvaluatorGone)
    }

    /// What the chain says to the questions whose turn it is, as far as it comes in about `most`: to one at least; and
    /// beside it those that wait still. A failing policy is a verdict, not an error.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn evaluate(
        &self,
        context: Arc<Context>,
        turns: QuestionQueue,
        most: Duration,
    ) -> Result<(QuestionQueue, Answers), EvaluatorGone> {
        let (answer, answered) = oneshot::channel();
        let slice = Slice { context, turns, most, answer };
        self.orders.send(Order::Answer(slice)).map_err(|_| EvaluatorGone)?;
        answered.await.map_err(|_| EvaluatorGone)
    }
}

fn answer_all(mut chain: Chain, ordered: &Receiver<Order>) {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    while let Ok(order) = ordered.recv() {
        match order {
            Order::Swap(next) => chain = next,
            Order::Answer(slice) => answer(&chain, slice, processors),
        }
    }
}

/// Answers on one thread, or on two where many questions wait and there are processors for both.
fn answer(chain: &Chain, Slice { context, turns, most, answer }: Slice, processors: usize) {
    let are_many = turns.len() > SECOND_THREAD_THRESHOLD && processors > 1;
    let queue = WorkQueue { chain, context, begun: clock::now(), most, progress: Mutex::new(Progress::of(turns)) };
    // Whoever asked may have gone on meanwhile.
    let is_of_use = || !answer.is_closed();
    thread::scope(|scope| {
        if are_many {
            let second = thread::Builder::new().name("policies-2".to_owned());
            // Where the system gives no thread, the first one asks everything.
            let _ = second.spawn_scoped(scope, || queue.work(is_of_use));
        }
        queue.work(is_of_use);
    });
    let Progress { turns, answers, taken: _ } = queue.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    let _ = answer.send((turns, answers.into_values().collect()));
}

/// Where the threads that ask take their questions from.
struct WorkQueue<'a> {
    chain: &'a Chain,
    context: Arc<Context>,
    begun: Instant,
    most: Duration,
    progress: Mutex<Progress>,
}

/// How far a slice is.
struct Progress {
    turns: QuestionQueue,
    /// How many questions were taken.
    taken: usize,
    /// By when the question was taken: which thread was faster decides nothing.
    answers: BTreeMap<usize, (Question, ChainResult)>,
}

impl Progress {
    fn of(turns: QuestionQueue) -> Self {
        Self { turns, taken: 0, answers: BTreeMap::new() }
    }

    fn take(&mut self) -> Option<(usize, Question)> {
        let question = self.turns.take()?;
        self.taken += 1;
        Some((self.taken, question))
    }
}

impl WorkQueue<'_> {
    /// Asks one question after the other, until the time is over or none is left.
    fn work(&self, is_of_use: impl Fn() -> bool) {
        while is_of_use() {
            let Some((number, question)) = self.progress().take() else { break };
            let begun = clock::now();
            let verdict = self.chain.evaluate(&self.context, &question.view);
            let took = clock::since(begun);
            let mut progress = self.progress();
            progress.turns.is_answered(&question, took);
            progress.answers.insert(number, (question, verdict));
            if clock::since(self.begun) >= self.most {
                break;
            }
        }
    }

    /// Policies are not asked under the lock, so no panic of theirs leaves it half done.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
