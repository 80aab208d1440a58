//! A fake that fails where a test says so, as a kernel does that lacks memory, or a socket that loses an answer.

use super::Refused;
use crate::node::{Adapter, Part, Readback};

/// How a change fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing of it is made.
    Refused,
    /// It is made, and the answer is lost.
    Lost,
}

/// An adapter of which one change fails.
#[derive(Clone, Debug)]
pub struct Refusing<A> {
    /// What holds the part.
    pub held: A,
    /// How many changes go well before one fails, and how that does.
    next: Option<(usize, Failure)>,
}

impl<A> Refusing<A> {
    /// One that takes every change that `held` takes.
    pub fn nothing(held: A) -> Self {
        Self { held, next: None }
    }

    /// Lets the change of this number from now on fail, counted from 0, and none after it.
    pub fn fail(&mut self, number: usize, failure: Failure) {
        self.next = Some((number, failure));
    }

    fn count(&mut self) -> Option<Failure> {
        let (left, failure) = self.next.take()?;
        let Some(left) = left.checked_sub(1) else { return Some(failure) };
        self.next = Some((left, failure));
        None
    }
}

impl<A: Adapter<Error = Refused>> Adapter for Refusing<A> {
    type Part = A::Part;
    type OwnObjects = A::OwnObjects;
    type Error = Refused;

    fn adopt(&mut self, ours: &A::OwnObjects) -> Result<(), Refused> {
        self.held.adopt(ours)
    }

    fn read(&mut self, ours: &A::OwnObjects) -> Result<Readback<A::Part>, Refused> {
        self.held.read(ours)
    }

    fn commit(&mut self, change: &<A::Part as Part>::Change) -> Result<(), Refused> {
        let failed = || Err(Refused { change: change.to_string(), why: "Cannot allocate memory" });
        match self.count() {
            None => self.held.commit(change),
            Some(Failure::Refused) => failed(),
            Some(Failure::Lost) => self.held.commit(change).and_then(|()| failed()),
        }
    }
}
