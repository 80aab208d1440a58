//! Asks the chain of policies on a thread of its own, so that a slow policy never holds up the async threads.
//! It knows neither WASM nor what the policies say.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use std::{io, thread};

use egressd_core::chain::{Chain, Verdict};
use egressd_core::model::Context;
use egressd_core::pipeline::{Question, Turns};
use tokio::sync::oneshot;

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
    turns: Turns,
    most: Duration,
    answer: oneshot::Sender<(Turns, Answers)>,
}

/// What the chain says to each question.
pub type Answers = Vec<(Question, Verdict)>;

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
        turns: Turns,
        most: Duration,
    ) -> Result<(Turns, Answers), EvaluatorGone> {
        let (answer, answered) = oneshot::channel();
        let slice = Slice { context, turns, most, answer };
        self.orders.send(Order::Answer(slice)).map_err(|_| EvaluatorGone)?;
        answered.await.map_err(|_| EvaluatorGone)
    }
}

fn answer_all(mut chain: Chain, ordered: &Receiver<Order>) {
    while let Ok(order) = ordered.recv() {
        match order {
            Order::Swap(next) => chain = next,
            Order::Answer(slice) => answer(&chain, slice),
        }
    }
}

fn answer(chain: &Chain, Slice { context, mut turns, most, answer }: Slice) {
    let (begun, mut answers) = (Instant::now(), Answers::new());
    let ask = |question: &Question| {
        let begun = Instant::now();
        let verdict = chain.evaluate(&context, &question.view);
        (verdict, begun.elapsed())
    };
    // Whoever asked may have gone on meanwhile.
    while !answer.is_closed() {
        let Some(answered) = turns.serve(ask) else { break };
        answers.push(answered);
        if begun.elapsed() >= most {
            break;
        }
    }
    let _ = answer.send((turns, answers));
}
