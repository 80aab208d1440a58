//! Walks the first packet of a connection through a ruleset, as the kernel would at postrouting.

use std::net::IpAddr;

use crate::net::{Family, PortMatch, Protocol};
use crate::ruleset::{MapKey, Match, Name, Ruleset, Statement, Table, Target};

/// The first packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it.
    pub source: IpAddr,
    /// Where it goes, after any DNAT.
    pub destination: IpAddr,
    /// Where the sender sent it.
    pub original_destination: IpAddr,
    /// Protocol, source port and destination port; none for what has no ports.
    pub transport: Option<(Protocol, u16, u16)>,
}

impl Packet {
    /// From `source` to `destination`, without DNAT and without ports.
    pub fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self { source, destination, original_destination: destination, transport: None }
    }

    /// The same with ports.
    #[must_use]
    pub fn port(self, protocol: Protocol, destination_port: u16) -> Self {
        Self { transport: Some((protocol, 40_000, destination_port)), ..self }
    }

    /// The same from a source port.
    #[must_use]
    pub fn from_port(self, source_port: u16) -> Self {
        Self { transport: self.transport.map(|(protocol, _, port)| (protocol, source_port, port)), ..self }
    }

    /// The same, sent to `original` and DNATed to where it goes now.
    #[must_use]
    pub fn sent_to(self, original: IpAddr) -> Self {
        Self { original_destination: original, ..self }
    }
}

/// Which source the receiver sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The sender's own (or a later chain's, such as a CNI's masquerade).
    Untranslated,
    /// This one.
    As(IpAddr),
}

/// What becomes of a packet's source.
pub fn trace(ruleset: &Ruleset, packet: &Packet) -> Seen {
    let Some(table) = ruleset.tables.get(&Family::of(packet.source)) else { return Seen::Untranslated };
    let mut base: Vec<_> = table.chains.iter().filter_map(|(name, chain)| Some((chain.hook?.priority, name))).collect();
    base.sort_unstable();
    let walk = Walk { table, packet };
    base.into_iter().find_map(|(_, name)| walk.chain(name, 0)).map_or(Seen::Untranslated, Seen::As)
}

struct Walk<'a> {
    table: &'a Table,
    packet: &'a Packet,
}

impl Walk<'_> {
    /// The address that a chain translates to; none when the packet comes back from it.
    fn chain(&self, name: &Name, depth: usize) -> Option<IpAddr> {
        // NFT_JUMP_STACK_SIZE
        assert!(depth < 16, "the kernel allows 16 nested jumps");
        let chain = &self.table.chains[name];
        for rule in chain.rules.iter().filter(|rule| rule.matches.iter().all(|part| self.matches(part))) {
            let target = match &rule.statement {
                Statement::Return => return None,
                Statement::Snat(address) => Some(*address),
                Statement::Jump(chain) => self.chain(chain, depth + 1),
                Statement::SnatByAddress(map) | Statement::JumpByAddress(map) => {
                    self.look_up(map, MapKey::Address(self.packet.source), depth)
                }
                Statement::SnatByPort(map) => self.packet.transport.and_then(|(protocol, _, port)| {
                    self.look_up(map, MapKey::Port(self.packet.source, protocol, port), depth)
                }),
            };
            if target.is_some() {
                return target;
            }
        }
        None
    }

    fn look_up(&self, map: &Name, key: MapKey, depth: usize) -> Option<IpAddr> {
        match &self.table.maps[map].elements.get(&key)?.target {
            Target::Address(address) => Some(*address),
            Target::Jump(chain) => self.chain(chain, depth + 1),
        }
    }

    fn matches(&self, part: &Match) -> bool {
        let Packet { destination, original_destination, transport, .. } = *self.packet;
        match part {
            Match::DestinationIn(set) => self.in_set(set, destination),
            Match::OriginalDestinationIn(set) => self.in_set(set, original_destination),
            Match::Destination(range) => range.contains(destination),
            Match::SourcePort(ports) => transport.is_some_and(|(protocol, port, _)| within(*ports, protocol, port)),
            Match::DestinationPort(ports) => {
                transport.is_some_and(|(protocol, _, port)| within(*ports, protocol, port))
            }
        }
    }

    fn in_set(&self, set: &Name, address: IpAddr) -> bool {
        self.table.sets[set].contains(address)
    }
}

fn within(ports: PortMatch, protocol: Protocol, port: u16) -> bool {
    ports.protocol() == protocol && (ports.first()..=ports.last()).contains(&port)
}
