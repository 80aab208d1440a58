//! The kernel's connections, as tests hold them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};

use egressd_core::flows::{Filter, Flow};
use egressd_core::net::Family;

use super::{Error, FlowKernel, FoundFlow};

/// Those of one node, whatever process deletes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldConnections(Arc<Mutex<Held>>);

/// What a test sees of them.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) flows: Vec<Flow>,
    pub(crate) walks: Vec<Filter>,
    /// How many of the next tasks fail.
    pub(crate) failures: usize,
}

impl HeldConnections {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    fn begin(&self) -> Result<MutexGuard<'_, Held>, Error> {
        let mut held = self.held();
        if held.failures > 0 {
            held.failures -= 1;
            return Err(Error::Lost);
        }
        Ok(held)
    }
}

impl FlowKernel for HeldConnections {
    fn walk(&mut self, filter: Filter, each: &mut dyn FnMut(FoundFlow) -> ControlFlow<()>) -> Result<(), Error> {
        let mut held = self.begin()?;
        held.walks.push(filter);
        let passes = |flow: &&Flow| match filter {
            Filter::From(source) => flow.source == source,
            Filter::Family(family) => family.is_none_or(|family| family == Family::of(flow.source)),
        };
        let found: Vec<FoundFlow> =
            held.flows.iter().filter(passes).map(|flow| FoundFlow { flow: *flow, name: Box::default() }).collect();
        drop(held);
        let _ = found.into_iter().try_for_each(each);
        Ok(())
    }

    fn delete(&mut self, flows: &[FoundFlow]) -> Result<usize, Error> {
        let mut held = self.begin()?;
        let before = held.flows.len();
        held.flows.retain(|flow| !flows.iter().any(|found| found.flow == *flow));
        Ok(before - held.flows.len())
    }
}
