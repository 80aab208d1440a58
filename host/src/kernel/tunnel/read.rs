//! The tunnel as the kernel has it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use egressd_core::net::Family;
use egressd_core::node::{
    Certainty, DeviceSetup, Foreign, Readback, Tunnel, TunnelChange, TunnelDevice, TunnelMaker, TunnelOperation,
    TunnelState, TunnelTable,
};

use super::device::{ADDRESS_HEADER, Link, is_its_address};
use super::route::{self, ROUTE_HEADER};
use super::rule::{self, RULE_HEADER};
use super::{Error, KernelTunnel, number};
use crate::kernel::netlink::{self, Flags, Header, Message, Socket};

/// How often something is read of which the kernel says that it changed meanwhile.
const TRIES: usize = 3;

/// A question about all things of a kind.
struct Question {
    kind: u16,
    fixed: Vec<u8>,
    /// The number of a table, for routes.
    table: Option<u32>,
    /// What it is about, for messages.
    what: &'static str,
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    state: TunnelState,
    foreign: Vec<Foreign<TunnelChange>>,
    certainty: Certainty,
}

pub(super) fn read(kernel: &mut KernelTunnel, ours: TunnelMaker) -> Result<Readback<Tunnel>, Error> {
    let mut reading = Reading::default();
    let index = match kernel.link()? {
        None => None,
        // Rules and routes are theirs, too.
        Some(Link::Tunnel { device, .. }) if device.maker != ours => return Err(Error::Theirs),
        Some(Link::Tunnel { index, device }) => {
            reading.device(&mut kernel.socket, index, device)?;
            Some(index)
        }
        Some(Link::Other(what)) => {
            reading.foreign.push(Foreign { what: format!("the device {} is {what}", Tunnel::DEVICE), removal: None });
            None
        }
    };
    for family in Family::ALL {
        reading.rules(&mut kernel.socket, family)?;
        for table in TunnelTable::all() {
            reading.routes(&mut kernel.socket, Question::routes(family, table), index)?;
        }
    }
    let Reading { state, foreign, certainty } = reading;
    Ok(Readback { state, foreign, certainty })
}

impl Reading {
    fn device(&mut self, socket: &mut Socket, index: u32, mut device: TunnelDevice) -> Result<(), Error> {
        let is_there = |message: &Message<'_>| Some(is_its_address(message, index));
        if !self.answers(socket, &Question::addresses(index), is_there)?.contains(&true) {
            device.setup = DeviceSetup::Incomplete;
        }
        self.state.device = Some(device);
        Ok(())
    }

    fn rules(&mut self, socket: &mut Socket, family: Family) -> Result<(), Error> {
        let mut rules = BTreeSet::new();
        for found in self.answers(socket, &Question::rules(family), rule::read)? {
            match found {
                rule::Found::Ours(rule) => drop(rules.insert(rule)),
                rule::Found::Unrelated => {}
                rule::Found::Foreign(what) => self.foreign.push(Foreign { what, removal: None }),
            }
        }
        self.state.rules.append(&mut rules);
        Ok(())
    }

    fn routes(&mut self, socket: &mut Socket, question: Question, device: Option<u32>) -> Result<(), Error> {
        let mut routes = BTreeMap::new();
        for found in self.answers(socket, &question, |message| route::read(message, device))? {
            match found {
                route::Found::Ours(route) => drop(routes.insert(route.place, route.kind)),
                route::Found::Unrelated => {}
                route::Found::Foreign(place) => {
                    let removal = place.map(TunnelOperation::DeleteRoute);
                    let removal = removal.map(|operation| TunnelChange { operations: vec![operation] });
                    let at = place.map_or_else(|| "with other keys".to_owned(), |place| place.to_string());
                    let table = question.table.unwrap_or_default();
                    self.foreign.push(Foreign { what: format!("route of table {table}: {at}"), removal });
                }
            }
        }
        self.state.routes.append(&mut routes);
        Ok(())
    }

    /// Everything of a kind, as it is at one moment if the kernel lets it be read in peace.
    fn answers<T>(
        &mut self,
        socket: &mut Socket,
        question: &Question,
        read: impl Fn(&Message<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let mut last = Vec::new();
        for _ in 0..TRIES {
            last.clear();
            match question.ask(socket, &read, &mut last) {
                Ok(ControlFlow::Continue(())) => return Ok(last),
                Ok(ControlFlow::Break(())) => return Err(Error::Malformed),
                Err(netlink::Error::Interrupted) => {}
                Err(netlink::Error::Refused(refused)) if is_nothing(refused.refusal.errno) => return Ok(Vec::new()),
                Err(error) => return Err(Error::reading(question.what)(error)),
            }
        }
        self.certainty = Certainty::Uncertain;
        Ok(last)
    }
}

/// Whether a refusal says that there is no such table, or no such family.
fn is_nothing(errno: i32) -> bool {
    [libc::ENOENT, libc::EAFNOSUPPORT, libc::EOPNOTSUPP].contains(&errno)
}

impl Question {
    fn rules(family: Family) -> Self {
        Self { kind: libc::RTM_GETRULE, fixed: of(family, RULE_HEADER), table: None, what: "rules" }
    }

    fn routes(family: Family, table: TunnelTable) -> Self {
        let fixed = of(family, ROUTE_HEADER);
        Self { kind: libc::RTM_GETROUTE, fixed, table: Some(table.number()), what: "routes" }
    }

    /// The IPv4 addresses of one interface.
    fn addresses(index: u32) -> Self {
        let mut fixed = of(Family::Ipv4, ADDRESS_HEADER);
        fixed[4..].copy_from_slice(&index.to_ne_bytes());
        Self { kind: libc::RTM_GETADDR, fixed, table: None, what: "address" }
    }

    fn ask<T>(
        &self,
        socket: &mut Socket,
        read: impl Fn(&Message<'_>) -> Option<T>,
        answers: &mut Vec<T>,
    ) -> Result<ControlFlow<()>, netlink::Error> {
        let header = Header { kind: self.kind, flags: Flags::DUMP, sequence: 0 };
        let filter = |writer: &mut netlink::Writer| {
            if let Some(table) = self.table {
                writer.bytes(libc::RTA_TABLE, &table.to_ne_bytes());
            }
        };
        socket.dump(header, &self.fixed, filter, |message| match read(message) {
            Some(answer) => {
                answers.push(answer);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        })
    }
}

/// A fixed header of so many bytes, of which only the family is given.
fn of(family: Family, length: usize) -> Vec<u8> {
    let mut fixed = vec![0; length];
    fixed[0] = number(family);
    fixed
}
