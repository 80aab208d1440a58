//! The addresses of a node's interfaces as a part of its state: read, never changed.

use std::convert::Infallible;

use egressd_core::node::{self, Adapter, Certainty, Readback};

use super::{Error, read};

/// The interfaces of the calling thread's network namespace. Egressd has none of its own, so there is nothing to adopt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observer;

impl Adapter for Observer {
    type Part = node::Addresses;
    type OwnObjects = ();
    type Error = Error;

    fn adopt(&mut self, (): &()) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, (): &()) -> Result<Readback<node::Addresses>, Error> {
        Ok(Readback { state: read()?.held, foreign: Vec::new(), certainty: Certainty::Settled })
    }

    fn commit(&mut self, change: &Infallible) -> Result<(), Error> {
        match *change {}
    }
}
