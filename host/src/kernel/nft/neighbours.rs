//! Chains for source NAT and flowtables of other programs. Of each its name and place is read, and how many rules refer to
//! it; no rules, sets or elements.

use std::collections::BTreeSet;

use egressd_core::{
    beside::{Flowtable, NatChain, Neighbours},
    ruleset::{Point, TableFamily},
};
use rustables::sys;

use super::{
    Netlink,
    attributes::{Attributes, text},
    error::Error,
    objects::hook_number,
    readback::{Dumps, Patience, tables},
    socket::{DumpError, Socket},
    survey::Maker,
    wire::{Flags, Header},
};

/// The neighbours in one network namespace: those of nf_tables, or a fake of them.
pub trait Neighbourhood: Send {
    /// The number of the ruleset's generation: it is another one after every change by any program.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn generation(&mut self) -> Result<u32, Error>;

    /// What of other programs may translate before us, or pass us by.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    fn neighbours(&mut self) -> Result<FoundNeighbours, Error>;
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundNeighbours {
    /// All that was there.
    Whole(Neighbours),
    /// Other programs changed the ruleset during each dump of it: what was seen was there, and there may be more.
    Part(Neighbours),
}

/// The families whose packets pass our chains.
const FAMILIES: [TableFamily; 3] = [TableFamily::Ip, TableFamily::Ip6, TableFamily::Inet];

impl Neighbourhood for Netlink {
    fn generation(&mut self) -> Result<u32, Error> {
        self.socket.generation().map_err(DumpError::into_final)
    }

    fn neighbours(&mut self) -> Result<FoundNeighbours, Error> {
        let mut patience = Patience::begin();
        let mut found = Neighbours::default();
        let mut read = |family| read(&mut self.socket, family, &mut patience);
        for family in FAMILIES {
            found.extend(read(family).map_err(DumpError::into_final)?);
        }
        Ok(match patience.take() {
            Dumps::Whole => FoundNeighbours::Whole(found),
            Dumps::Torn => FoundNeighbours::Part(found),
        })
    }
}

fn read(socket: &mut Socket, family: TableFamily, patience: &mut Patience) -> Result<Neighbours, DumpError> {
    let makers = tables::makers(socket, family, patience)?;
    // A table that came meanwhile may be ours.
    let is_foreign = |table: &str| makers.get(table) == Some(&Maker::Another);
    let chains = patience.any(|chains: &mut BTreeSet<NatChain>| {
        dump(socket, sys::NFT_MSG_GETCHAIN, family, |attributes| {
            chains.extend(chain(family, attributes).filter(|chain| is_foreign(&chain.table)));
        })
    })?;
    let flowtables = patience.any(|flowtables: &mut BTreeSet<Flowtable>| {
        dump(socket, sys::NFT_MSG_GETFLOWTABLE, family, |attributes| {
            flowtables.extend(flowtable(family, attributes).filter(|flowtable| is_foreign(&flowtable.table)));
        })
    })?;
    Ok(Neighbours { chains, flowtables })
}

fn dump(
    socket: &mut Socket,
    message: u32,
    family: TableFamily,
    mut each: impl FnMut(Attributes<'_>),
) -> Result<(), DumpError> {
    let header = Header::nftables(message, Flags::DUMP, Some(family));
    socket.dump(header, |_| {}, |message| each(message.attributes()))
}

/// A chain for source NAT with at least one rule. Nothing can jump to a base chain, so its uses are its rules.
fn chain(family: TableFamily, attributes: Attributes<'_>) -> Option<NatChain> {
    let hook = attributes.nest(sys::NFTA_CHAIN_HOOK);
    let is_source_nat = attributes.text(sys::NFTA_CHAIN_TYPE) == Some("nat")
        && hook.number(sys::NFTA_HOOK_HOOKNUM) == hook_number(family, Point::Postrouting);
    let rules = attributes.number(sys::NFTA_CHAIN_USE)?;
    let chain = NatChain {
        priority: hook.number(sys::NFTA_HOOK_PRIORITY)?.cast_signed(),
        family,
        table: attributes.text(sys::NFTA_CHAIN_TABLE)?.to_owned(),
        name: attributes.text(sys::NFTA_CHAIN_NAME)?.to_owned(),
    };
    (is_source_nat && rules > 0).then_some(chain)
}

/// A flowtable with at least one rule that sends connections to it.
fn flowtable(family: TableFamily, attributes: Attributes<'_>) -> Option<Flowtable> {
    let rules = attributes.number(sys::NFTA_FLOWTABLE_USE)?;
    let devices = attributes.nest(sys::NFTA_FLOWTABLE_HOOK).nest(sys::NFTA_FLOWTABLE_HOOK_DEVS);
    let flowtable = Flowtable {
        family,
        table: attributes.text(sys::NFTA_FLOWTABLE_TABLE)?.to_owned(),
        name: attributes.text(sys::NFTA_FLOWTABLE_NAME)?.to_owned(),
        devices: devices.filter_map(|(_, name)| text(name)).map(str::to_owned).collect(),
    };
    (rules > 0).then_some(flowtable)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::kernel::nft::attributes::Messages;
    use crate::kernel::nft::wire::Writer;

    /// What is read of a message of the kernel.
    fn of_message<T>(write: impl FnOnce(&mut Writer), read: impl FnOnce(TableFamily, Attributes<'_>) -> T) -> T {
        let header = Header::nftables(sys::NFT_MSG_NEWFLOWTABLE, Flags::REQUEST, Some(TableFamily::Inet));
        let mut writer = Writer::default();
        writer.frame(header.common(), &header.fixed(), write);
        let bytes = writer.framed().unwrap();
        let message = Messages(&bytes).next().unwrap();
        read(TableFamily::Inet, message.attributes())
    }

    fn flowtable_with(rules: u32) -> impl FnOnce(&mut Writer) {
        move |w| {
            w.text(sys::NFTA_FLOWTABLE_TABLE, "firewall");
            w.text(sys::NFTA_FLOWTABLE_NAME, "fast");
            w.number(sys::NFTA_FLOWTABLE_USE, rules);
            w.nest(sys::NFTA_FLOWTABLE_HOOK, |w| {
                w.number(sys::NFTA_FLOWTABLE_HOOK_NUM, 0);
                w.number(sys::NFTA_FLOWTABLE_HOOK_PRIORITY, 0);
                w.nest(sys::NFTA_FLOWTABLE_HOOK_DEVS, |w| {
                    w.text(sys::NFTA_DEVICE_NAME, "eth0");
                    w.text(sys::NFTA_DEVICE_NAME, "eth1");
                });
            });
        }
    }

    /// Many kernels are built without flowtables, and the trials cannot make one there.
    #[test]
    fn a_flowtable_is_read_with_its_devices_where_a_rule_uses_it() {
        let expected = Flowtable {
            family: TableFamily::Inet,
            table: "firewall".to_owned(),
            name: "fast".to_owned(),
            devices: ["eth0", "eth1"].map(str::to_owned).into(),
        };
        assert_eq!(of_message(flowtable_with(2), flowtable), Some(expected));
        assert_eq!(of_message(flowtable_with(0), flowtable), None);
        assert_eq!(of_message(|_| {}, flowtable), None);
    }
}
