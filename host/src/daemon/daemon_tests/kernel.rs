//! A kernel that does nothing until a test decides the result.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};

use egressd_core::diff::Batch;
use egressd_core::model::Uid;
use egressd_core::node::{Adapter, Certainty, Nft};
use egressd_core::ruleset::{Layout, Ruleset, TableNames};
use egressd_core::testkit::FakeKernel;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::kernel::nft::{Error, Foreign, Kernel, Readback, Refusal, Survey, TableId, Writers};

/// What the loop asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Adopt,
    Existing,
    Read,
    Commit(Batch),
}

/// Something that the loop asks for. It waits until that is answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: Operation,
    answer: mpsc::Sender<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Perform,
    Refuse,
    Lose,
    Newer,
}

impl Request {
    pub(super) fn perform(self) {
        self.answer(Answer::Perform);
    }

    /// It does not.
    pub(super) fn refuse(self) {
        self.answer(Answer::Refuse);
    }

    /// It does, and its answer is lost.
    pub(super) fn lose(self) {
        self.answer(Answer::Lose);
    }

    /// It does not, since a newer egressd made the tables.
    pub(super) fn find_newer(self) {
        self.answer(Answer::Newer);
    }

    /// Whether something is to be written.
    pub(super) fn writes(&self) -> bool {
        matches!(self.operation, Operation::Commit(_))
    }

    fn answer(self, answer: Answer) {
        self.answer.send(answer).unwrap();
    }
}

/// What the kernel holds, and what was wrong with what it was asked for.
#[derive(Debug, Default)]
pub(super) struct KernelState {
    pub(super) fake: FakeKernel,
    /// What another program put into the tables, where one did: it goes with the change that removes it.
    pub(super) foreign: Option<Foreign>,
    pub(super) writers: Writers,
    /// What the loop must never ask for.
    pub(super) violations: Vec<String>,
    /// Whether a failure came after what was read last.
    doubtful: bool,
    /// How certain what is read is.
    pub(super) certainty: Certainty,
    /// How often it was read though nothing made that necessary.
    pub(super) audits: usize,
    /// What is read instead of what is there, where a reading is torn.
    pub(super) torn: Option<Ruleset>,
    /// Whether the tables are to be replaced, so that they need not be read.
    replaced: bool,
}

/// The kernel's end that tests hold.
#[derive(Debug)]
pub(super) struct KernelControl {
    pub(super) requests: UnboundedReceiver<Request>,
    state: Arc<Mutex<KernelState>>,
}

impl KernelControl {
    pub(super) fn holding(ruleset: Ruleset, writers: Writers) -> (ControlledKernel, Self) {
        let fake = FakeKernel { ruleset, generation: 0 };
        let state = Arc::new(Mutex::new(KernelState { fake, writers, doubtful: true, ..KernelState::default() }));
        let (asking, requests) = unbounded_channel();
        (ControlledKernel { asking, state: Arc::clone(&state) }, Self { requests, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, KernelState> {
        self.state.lock().unwrap()
    }

    pub(super) fn ruleset(&self) -> Ruleset {
        self.state().fake.ruleset.clone()
    }
}

/// The kernel's end that the loop has, on the kernel's thread.
#[derive(Debug)]
pub(super) struct ControlledKernel {
    asking: UnboundedSender<Request>,
    state: Arc<Mutex<KernelState>>,
}

impl ControlledKernel {
    fn state(&self) -> MutexGuard<'_, KernelState> {
        self.state.lock().unwrap()
    }

    /// Asks the test, does it if it is to be done, and returns the result to the loop.
    fn ask<T>(&self, operation: Operation, act: impl FnOnce(&mut KernelState) -> Result<T, Error>) -> Result<T, Error> {
        if operation == Operation::Read && self.state().take_audit() {
            return act(&mut self.state());
        }
        let (answer, answered) = mpsc::channel();
        // Where the test is over, nothing happens any more.
        let sent = self.asking.send(Request { operation: operation.clone(), answer });
        let answer = sent.ok().and_then(|()| answered.recv().ok()).unwrap_or(Answer::Refuse);
        let mut state = self.state();
        let result = match answer {
            Answer::Perform => act(&mut state),
            Answer::Refuse => Err(refused()),
            Answer::Lose => act(&mut state).and(Err(refused())),
            Answer::Newer => Err(newer()),
        };
        state.record(&operation, &result);
        result
    }
}

fn refused() -> Error {
    let source = Refusal { errno: libc::ENOMEM, message: None, others: 0 };
    Error::Refused { action: "do what a test forbids".to_owned(), source }
}

fn newer() -> Error {
    let table = table_ids(&egressd_core::compile::table_names(None)).remove(0);
    let layout = Layout::of_comment("managed by egressd, layout 9").unwrap();
    Error::NewerLayout { table, layout }
}

fn table_ids(names: &TableNames) -> Vec<TableId> {
    let id = |family: egressd_core::net::Family| TableId { family: family.into(), name: names.of(family).clone() };
    egressd_core::net::Family::ALL.map(id).to_vec()
}

impl KernelState {
    /// Whether nothing makes a reading necessary: then it is an audit of the tables, and no test has to decide about it.
    fn take_audit(&mut self) -> bool {
        let is_audit = !self.doubtful && self.certainty != Certainty::Uncertain;
        self.audits += usize::from(is_audit);
        is_audit
    }

    /// The loop gets the result of something that it asked for.
    fn record<T>(&mut self, operation: &Operation, result: &Result<T, Error>) {
        match (operation, result) {
            (_, Err(_)) => self.doubtful = true,
            (Operation::Adopt, Ok(_)) => {}
            (Operation::Existing, Ok(_)) => self.replaced = true,
            (Operation::Read, Ok(_)) => self.doubtful = false,
            (Operation::Commit(_), Ok(_)) => (self.doubtful, self.replaced) = (false, false),
        }
    }

    /// Everything or nothing, as the kernel does it.
    fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.doubtful && !self.replaced {
            self.violations.push(format!("this is written to tables that were not read: {batch:?}"));
        }
        if self.foreign.take_if(|foreign| foreign.removal.as_ref() == Some(batch)).is_some() {
            return Ok(());
        }
        self.fake.commit(batch).map_err(|impossible| {
            self.violations.push(impossible.to_string());
            refused()
        })
    }

    fn read(&self, names: &TableNames) -> Readback {
        let mut state = self.torn.as_ref().unwrap_or(&self.fake.ruleset).clone();
        state.tables.retain(|family, table| names.has(*family, &table.name));
        let foreign = self.foreign.iter().filter(|_| !state.tables.is_empty()).cloned().collect();
        Readback { state, foreign, certainty: self.certainty }
    }

    fn existing(&self, names: &TableNames) -> Vec<TableId> {
        let is_there =
            |id: &TableId| self.fake.ruleset.tables.get(&id.family).is_some_and(|there| there.name == id.name);
        table_ids(names).into_iter().filter(is_there).collect()
    }
}

impl Adapter for ControlledKernel {
    type Part = Nft;
    type OwnObjects = TableNames;
    type Error = Error;

    fn adopt(&mut self, _: &TableNames) -> Result<(), Error> {
        self.ask(Operation::Adopt, |_| Ok(()))
    }

    fn read(&mut self, names: &TableNames) -> Result<Readback, Error> {
        self.ask(Operation::Read, |state| Ok(state.read(names)))
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        self.ask(Operation::Commit(batch.clone()), |state| state.commit(batch))
    }
}

impl Kernel for ControlledKernel {
    fn port(&self) -> u32 {
        0
    }

    fn existing(&mut self, names: &TableNames) -> Result<Vec<TableId>, Error> {
        self.ask(Operation::Existing, |state| Ok(state.existing(names)))
    }

    fn foreign(&mut self, _: &TableNames) -> Result<Vec<TableId>, Error> {
        Ok(Vec::new())
    }

    fn writers(&mut self, _: &TableNames) -> Result<Writers, Error> {
        Ok(self.state().writers)
    }

    fn survey(&mut self, _: &TableNames, _: &BTreeSet<Uid>) -> Result<Survey, Error> {
        Ok(Survey::default())
    }
}
