//! The fakes of a node's parts as adapters.

use std::convert::Infallible;

use super::{FakeKernel, Refused};
use crate::diff::Batch;
use crate::node::{Adapter, Addresses, Certainty, Nft, Readback};
use crate::owner::LocalAddresses;
use crate::ruleset::TableNames;

/// No other program writes to it, so there is nothing to adopt, and nothing foreign.
impl Adapter for FakeKernel {
    type Part = Nft;
    type OwnObjects = TableNames;
    type Error = Refused;

    fn adopt(&mut self, _: &TableNames) -> Result<(), Refused> {
        Ok(())
    }

    fn read(&mut self, names: &TableNames) -> Result<Readback<Nft>, Refused> {
        let mut state = self.ruleset.clone();
        state.tables.retain(|family, table| names.has(*family, &table.name));
        Ok(Readback { state, foreign: Vec::new(), certainty: Certainty::Settled })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Refused> {
        // The fake's own, which is not this one.
        Self::commit(self, batch)
    }
}

/// Interfaces that have these addresses.
#[derive(Clone, Debug, Default)]
pub struct FakeInterfaces(pub LocalAddresses);

impl Adapter for FakeInterfaces {
    type Part = Addresses;
    /// All of them are looked at.
    type OwnObjects = ();
    type Error = Infallible;

    fn adopt(&mut self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn read(&mut self, (): &()) -> Result<Readback<Addresses>, Infallible> {
        Ok(Readback { state: self.0.clone(), foreign: Vec::new(), certainty: Certainty::Settled })
    }

    fn commit(&mut self, change: &Infallible) -> Result<(), Infallible> {
        match *change {}
    }
}
