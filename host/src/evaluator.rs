//! Asks the chain of policies on a thread of its own, so that a slow policy never holds up the async threads.
//! It knows neither WASM nor what the policies say.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use std::{io, thread};

use egressd_core::chain::{Chain, Verdict};
use egressd_core::model::{Context, ServiceView};
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
    Answer(Question),
}

struct Question {
    context: Arc<Context>,
    services: Vec<Arc<ServiceView>>,
    most: Duration,
    answer: oneshot::Sender<Vec<Verdict>>,
}

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

    /// What the chain says about each Service, in the same order, as far as it comes in about `most`: about one at least.
    /// A failing policy is a verdict, not an error.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn evaluate(
        &self,
        context: Arc<Context>,
        services: Vec<Arc<ServiceView>>,
        most: Duration,
    ) -> Result<Vec<Verdict>, EvaluatorGone> {
        let (answer, answered) = oneshot::channel();
        let question = Question { context, services, most, answer };
        self.orders.send(Order::Answer(question)).map_err(|_| EvaluatorGone)?;
        answered.await.map_err(|_| EvaluatorGone)
    }
}

fn answer_all(mut chain: Chain, ordered: &Receiver<Order>) {
    while let Ok(order) = ordered.recv() {
        match order {
            Order::Swap(next) => chain = next,
            Order::Answer(question) => answer(&chain, question),
        }
    }
}

fn answer(chain: &Chain, Question { context, services, most, answer }: Question) {
    let begun = Instant::now();
    let mut verdicts = Vec::with_capacity(services.len());
    for service in services {
        // Whoever asked may have gone on meanwhile.
        if answer.is_closed() || (begun.elapsed() >= most && !verdicts.is_empty()) {
            break;
        }
        verdicts.push(chain.evaluate(&context, &service));
    }
    let _ = answer.send(verdicts);
}
