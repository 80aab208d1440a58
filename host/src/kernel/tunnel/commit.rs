//! Changes of the tunnel, as messages.

use egressd_core::node::{RouteKind, TunnelChange, TunnelDevice, TunnelOperation};

use super::{Error, KernelTunnel, device, route, rule};
use crate::kernel::netlink::{Answer, Received, Refused, Writer, strictly};

/// The numbers of changes begin here, so that no answer to a question is taken for one to a change.
const FIRST: u32 = 1 << 31;

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
    kernel.carry_out(&what, |writer| device::write_creation(writer, made, FIRST))?;
    set(kernel, made)
}

/// In this order, so that nothing arrives before it is accepted.
fn set(kernel: &mut KernelTunnel, made: &TunnelDevice) -> Result<(), Error> {
    let index = kernel.index()?.ok_or(Error::NoDevice)?;
    let what = TunnelOperation::SetDevice(*made);
    kernel.carry_out(&what, |writer| device::write_parameters(writer, index, made.mtu, FIRST))?;
    kernel.carry_out(&what, |writer| device::write_address(writer, index, FIRST))?;
    kernel.carry_out(&what, |writer| device::write_up(writer, index, FIRST))
}

fn delete(kernel: &mut KernelTunnel) -> Result<(), Error> {
    let index = kernel.index()?.ok_or(Error::NoDevice)?;
    kernel.carry_out(&TunnelOperation::DeleteDevice, |writer| device::write_deletion(writer, index, FIRST))
}

fn of_rules_and_routes(kernel: &mut KernelTunnel, operations: &[TunnelOperation]) -> Result<(), Error> {
    let device = match operations.iter().any(|operation| leads_over_device(*operation)) {
        true => kernel.index()?.ok_or(Error::NoDevice)?,
        false => 0,
    };
    let mut writer = Writer::default();
    for (operation, sequence) in operations.iter().zip(FIRST..) {
        write(&mut writer, operation, device, sequence);
    }
    match kernel.send(writer)? {
        Some(refused) => {
            let number = usize::try_from(refused.sequence.saturating_sub(FIRST)).unwrap_or(usize::MAX);
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
        match self.send(writer)? {
            Some(refused) => Err(Error::of(what, refused.refusal)),
            None => Ok(()),
        }
    }

    /// Sends messages, and gives the first refusal, if there is one.
    fn send(&mut self, writer: Writer) -> Result<Option<Refused>, Error> {
        let framed = writer.framed().map_err(|_| Error::Malformed)?;
        self.socket.send(&framed).map_err(|errno| Error::Send(errno.into()))?;
        let mut first = None;
        loop {
            let bytes = match self.socket.receive_if_any()? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => return Ok(first),
                Received::Gap => return Err(Error::Lost),
            };
            for message in strictly(bytes) {
                let message = message.map_err(|_| Error::Malformed)?;
                match message.answer().map_err(|_| Error::Malformed)? {
                    Answer::Refused(refused) if refused.sequence >= FIRST => first = first.or(Some(refused)),
                    Answer::Refused(_) | Answer::Part(_) | Answer::End => {}
                }
            }
        }
    }
}
