//! Changes of the tunnel, as messages.

use egressd_core::node::{RouteKind, TunnelChange, TunnelDevice, TunnelOperation};

use super::{Error, KernelTunnel, device, route, rule};
use crate::kernel::netlink::{FIRST_CHANGE, Writer};

pub(super) fn commit(kernel: &mut KernelTunnel, change: &TunnelChange) -> Result<(), Error> {
    for operations in change.operations.chunk_by(|one, other| !is_of_device(*one) && !is_of_device(*other)) {
        match operations {
            [TunnelOperation::CreateDevice(device)] => create(kernel, device)?,
            [TunnelOperation::SetDevice(device)] => set(kernel, device)?,
            [TunnelOperation::DeleteDevice] => delete(kernel)?,
            operations => of_rules_and_routes(kernel, operations)?,
        }
    }
    Ok(())
}

fn is_of_device(operation: TunnelOperation) -> bool {
    match operation {
        TunnelOperation::CreateDevice(_) | TunnelOperation::SetDevice(_) | TunnelOperation::DeleteDevice => true,
        TunnelOperation::AddRule(_)
        | TunnelOperation::DeleteRule(_)
        | TunnelOperation::AddRoute(_)
        | TunnelOperation::ReplaceRoute(_)
        | TunnelOperation::DeleteRoute(_) => false,
    }
}

fn create(kernel: &mut KernelTunnel, made: &TunnelDevice) -> Result<(), Error> {
    // One of the same name is there: it says what it is if it is another program's.
    kernel.index()?;
    let what = TunnelOperation::CreateDevice(*made);
    kernel.carry_out(&what, |writer| device::write_creation(writer, made, FIRST_CHANGE))?;
    set(kernel, made)
}

/// In this order, so that nothing arrives before it is accepted.
fn set(kernel: &mut KernelTunnel, made: &TunnelDevice) -> Result<(), Error> {
    let index = kernel.index()?.ok_or(Error::NoDevice)?;
    let what = TunnelOperation::SetDevice(*made);
    kernel.carry_out(&what, |writer| device::write_parameters(writer, index, made.mtu, FIRST_CHANGE))?;
    kernel.carry_out(&what, |writer| device::write_address(writer, index, FIRST_CHANGE))?;
    kernel.carry_out(&what, |writer| device::write_up(writer, index, FIRST_CHANGE))
}

fn delete(kernel: &mut KernelTunnel) -> Result<(), Error> {
    let index = kernel.index()?.ok_or(Error::NoDevice)?;
    kernel.carry_out(&TunnelOperation::DeleteDevice, |writer| device::write_deletion(writer, index, FIRST_CHANGE))
}

fn of_rules_and_routes(kernel: &mut KernelTunnel, operations: &[TunnelOperation]) -> Result<(), Error> {
    let device = match operations.iter().any(|operation| leads_over_device(*operation)) {
        true => kernel.index()?.ok_or(Error::NoDevice)?,
        false => 0,
    };
    let mut writer = Writer::default();
    for (operation, sequence) in operations.iter().zip(FIRST_CHANGE..) {
        write(&mut writer, operation, device, sequence);
    }
    match kernel.socket.change(writer)?.into_iter().next() {
        Some(refused) => {
            let number = usize::try_from(refused.sequence.saturating_sub(FIRST_CHANGE)).unwrap_or(usize::MAX);
            let operation = operations.get(number).map_or_else(|| "an operation".to_owned(), ToString::to_string);
            Err(Error::of(operation, refused.refusal))
        }
        None => Ok(()),
    }
}

fn leads_over_device(operation: TunnelOperation) -> bool {
    match operation {
        TunnelOperation::AddRoute(route) | TunnelOperation::ReplaceRoute(route) => route.kind != RouteKind::Unreachable,
        TunnelOperation::AddRule(_)
        | TunnelOperation::DeleteRule(_)
        | TunnelOperation::DeleteRoute(_)
        | TunnelOperation::CreateDevice(_)
        | TunnelOperation::SetDevice(_)
        | TunnelOperation::DeleteDevice => false,
    }
}

fn write(writer: &mut Writer, operation: &TunnelOperation, device: u32, sequence: u32) {
    match operation {
        TunnelOperation::AddRule(rule) => rule::write(writer, rule::Verb::Add, rule, sequence),
        TunnelOperation::DeleteRule(rule) => rule::write(writer, rule::Verb::Delete, rule, sequence),
        TunnelOperation::AddRoute(route) => route::write(writer, route::Verb::Add, route, device, sequence),
        TunnelOperation::ReplaceRoute(route) => route::write(writer, route::Verb::Replace, route, device, sequence),
        TunnelOperation::DeleteRoute(place) => route::write_deletion(writer, place, sequence),
        // Each is a chunk of its own.
        TunnelOperation::CreateDevice(_) | TunnelOperation::SetDevice(_) | TunnelOperation::DeleteDevice => {}
    }
}

impl KernelTunnel {
    /// One message, the whole of which is refused or made.
    fn carry_out(&mut self, what: &TunnelOperation, write: impl FnOnce(&mut Writer)) -> Result<(), Error> {
        let mut writer = Writer::default();
        write(&mut writer);
        match self.socket.change(writer)?.into_iter().next() {
            Some(refused) => Err(Error::of(what, refused.refusal)),
            None => Ok(()),
        }
    }
}
