//! The kernel's tunnel, as tests hold it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex, MutexGuard};

use egressd_core::node::{Adapter, Readback, Tunnel, TunnelChange, TunnelMaker};
use egressd_core::testkit::{FakeTunnel, Refused};

use super::Error;
use crate::kernel::netlink::Refusal;

/// That of one node, whatever process changes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldTunnel(Arc<Mutex<FakeTunnel>>);

impl HeldTunnel {
    pub(crate) fn held(&self) -> MutexGuard<'_, FakeTunnel> {
        self.0.lock().unwrap()
    }
}

impl Adapter for HeldTunnel {
    type Part = Tunnel;
    type OwnObjects = TunnelMaker;
    type Error = Error;

    fn adopt(&mut self, _: &TunnelMaker) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, ours: &TunnelMaker) -> Result<Readback<Tunnel>, Error> {
        self.held().read(ours).map_err(refused)
    }

    fn commit(&mut self, change: &TunnelChange) -> Result<(), Error> {
        self.held().commit(change).map_err(refused)
    }
}

fn refused(refused: Refused) -> Error {
    let source = Refusal { errno: libc::ENOMEM, message: None, others: 0 };
    Error::Refused { operation: refused.change, source }
}
