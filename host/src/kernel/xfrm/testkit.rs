//! The kernel's IPsec policies, as tests hold them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex, MutexGuard};

use egressd_core::node::{Adapter, Readback, Xfrm, XfrmChange, XfrmMaker};
use egressd_core::testkit::{FakeXfrm, Refused};

use super::Error;
use crate::kernel::netlink::Refusal;

/// Those of one node, whatever process changes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldPolicies(Arc<Mutex<FakeXfrm>>);

impl HeldPolicies {
    pub(crate) fn held(&self) -> MutexGuard<'_, FakeXfrm> {
        self.0.lock().unwrap()
    }
}

impl Adapter for HeldPolicies {
    type Part = Xfrm;
    type OwnObjects = XfrmMaker;
    type Error = Error;

    fn adopt(&mut self, _: &XfrmMaker) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, ours: &XfrmMaker) -> Result<Readback<Xfrm>, Error> {
        self.held().read(ours).map_err(refused)
    }

    fn commit(&mut self, change: &XfrmChange) -> Result<(), Error> {
        self.held().commit(change).map_err(refused)
    }
}

fn refused(refused: Refused) -> Error {
    let source = Refusal { errno: libc::ENOMEM, message: None, others: 0 };
    Error::Refused { policy: refused.change, source }
}
