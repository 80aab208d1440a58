//! A reload of policies: every Service is evaluated again, by the evaluator's two threads.

use std::collections::BTreeSet;
use std::time::Duration;

use egressd::daemon::evaluator::Evaluator;
use egressd_core::chain::Chain;
use egressd_core::model::{ChangeKey, Snapshot, SubjectKey};
use egressd_core::pipeline::{Pipeline, Question, QuestionQueue};
use egressd_core::testkit::{SnapshotBuilder, service};
use tokio::runtime::{Builder, Runtime};

use crate::clock::{self, used};
use crate::measure::{head, ms, row, timed, us};
use crate::policies::{SHIPPED, chain, sandbox, shipped};
use crate::world;

const SERVICES: u32 = 10_000;
/// The time that the loop evaluates between two rounds.
const EVALUATION_SLICE: Duration = Duration::from_millis(250);

pub(crate) fn reload() {
    let (sandbox, runtime) = (sandbox(), Builder::new_current_thread().build().unwrap());
    let (mut pipeline, snapshot) = many_services();
    let first = chain(&sandbox, &[]);
    let questions = pipeline.update(&snapshot, &everything(&snapshot));
    ask(&runtime, &mut pipeline, first, questions);
    println!("With an endpoint each.\n");
    head(&["reload of 10,000 Services with", "waiting", "processor of all threads", "each", "plan"]);
    for length in [1, 2, 5] {
        let objects: Vec<_> = SHIPPED.iter().take(length - 1).map(shipped).collect();
        let chain = chain(&sandbox, &objects);
        let questions = pipeline.ask_all(chain.interest());
        assert_eq!(questions.len(), SERVICES as usize);
        let asking = || ask(&runtime, &mut pipeline, chain, questions);
        let (((), waiting), processor) = used(clock::process, || timed(asking));
        let (_, round) = used(clock::thread, || pipeline.step());
        row(&[&format!("a chain of {length}"), &ms(waiting), &ms(processor), &us(processor / SERVICES), &ms(round)]);
    }
}

/// Services with one endpoint each.
fn many_services() -> (Pipeline, Snapshot) {
    let mut builder = SnapshotBuilder::default();
    for number in 0..SERVICES {
        let mut service = service(&format!("service-{number}"), &["11.0.0.2"]);
        service.annotations.insert("kube-vip.io/egress".to_owned(), "true".to_owned());
        let endpoint = format!("10.{}.{}.{}", 1 + number / 65536, number / 256 % 256, number % 256);
        builder = builder.service(service, &[&endpoint]);
    }
    (world::pipeline(), builder.build())
}

fn everything(snapshot: &Snapshot) -> BTreeSet<ChangeKey> {
    let services: Vec<&SubjectKey> = snapshot.services.keys().collect();
    services.into_iter().cloned().map(ChangeKey::Subject).chain([ChangeKey::Cluster]).collect()
}

/// As the loop does it, without what it does between two rounds.
fn ask(runtime: &Runtime, pipeline: &mut Pipeline, chain: Chain, questions: Vec<Question>) {
    let (evaluator, mut turns) = (Evaluator::start(chain).unwrap(), QuestionQueue::default());
    turns.add(questions);
    while !turns.is_empty() {
        let answered = runtime.block_on(evaluator.evaluate(pipeline.context(), turns, EVALUATION_SLICE)).unwrap();
        turns = answered.0;
        turns.add(pipeline.answer(answered.1));
    }
}
