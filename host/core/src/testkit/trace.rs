//! Walks the first packet of a connection through a ruleset, as the kernel would at postrouting.

use std::cell::Cell;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::net::{PortMatch, Protocol};
use crate::ruleset::{
    Chain, Element, Field, Key, MapKey, Match, Name, Ruleset, Set, Statement, Table, TableFamily, Target,
};

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
    trace_over(ruleset, ruleset, packet, usize::MAX)
}

/// The same where a batch is committed while the packet is on its way: after so many look-ups. All rules are those of the
/// moment in which it came to the chain, and a chain that comes with the batch is empty for it; every look-up is of its own
/// moment.
pub fn trace_over(before: &Ruleset, after: &Ruleset, packet: &Packet, look_ups: usize) -> Seen {
    let family = TableFamily::of(packet.source);
    let (Some(table), Some(later)) = (before.tables.get(&family), after.tables.get(&family)) else {
        return Seen::Untranslated;
    };
    let mut base: Vec<_> = table.chains.iter().filter_map(|(name, chain)| Some((chain.hook?.priority, name))).collect();
    base.sort_unstable();
    let walk = Walk { table, later, packet, left: Cell::new(look_ups) };
    let source = base.into_iter().find_map(|(_, name)| match walk.chain(name, 0) {
        End::Translated(address) => Some(address),
        End::Accepted | End::Back => None,
    });
    source.map_or(Seen::Untranslated, Seen::As)
}

/// How a chain ends for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With this source, and no rule is asked any more.
    Translated(IpAddr),
    /// As it is, and no rule of the base chain is asked any more.
    Accepted,
    /// The chain that jumped there goes on.
    Back,
}

struct Walk<'a> {
    table: &'a Table,
    later: &'a Table,
    packet: &'a Packet,
    /// Look-ups before the commit.
    left: Cell<usize>,
}

impl<'a> Walk<'a> {
    fn chain(&self, name: &Name, depth: usize) -> End {
        // NFT_JUMP_STACK_SIZE
        assert!(depth < 16, "the kernel allows 16 nested jumps");
        let rules = self.table.chains.get(name).map(|chain: &Chain| chain.rules.as_slice()).unwrap_or_default();
        for rule in rules.iter().filter(|rule| rule.matches.iter().all(|part| self.matches(part))) {
            for statement in &rule.statements {
                match self.statement(statement, depth) {
                    Step::Next => {}
                    Step::NextRule => break,
                    Step::End(end) => return end,
                }
            }
        }
        End::Back
    }

    fn statement(&self, statement: &Statement, depth: usize) -> Step {
        match statement {
            Statement::Counter => Step::Next,
            Statement::Return => Step::End(End::Back),
            Statement::Accept => Step::End(End::Accepted),
            Statement::Snat(address) => Step::End(End::Translated(*address)),
            Statement::Jump(chain) => self.jump(chain, depth),
            Statement::SnatBy(key, map) | Statement::VerdictBy(key, map) => match self.look_up(key, map) {
                Some(Target::Address(address)) => Step::End(End::Translated(*address)),
                Some(Target::Jump(chain)) => self.jump(chain, depth),
                Some(Target::Nothing) | None => Step::NextRule,
            },
        }
    }

    fn jump(&self, chain: &Name, depth: usize) -> Step {
        match self.chain(chain, depth + 1) {
            End::Back => Step::Next,
            end @ (End::Translated(_) | End::Accepted) => Step::End(end),
        }
    }

    /// The table at this moment; it counts.
    fn now(&self) -> &'a Table {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left > 0 { self.table } else { self.later }
    }

    fn look_up(&self, key: &Key, map: &Name) -> Option<&'a Target> {
        let elements = &self.now().maps.get(map)?.elements;
        elements.get(&self.map_key(key)?).map(|element: &Element| &element.target)
    }

    /// The key of the packet at hand; none where it has no such field.
    fn map_key(&self, key: &Key) -> Option<MapKey> {
        let Packet { source, destination, transport, .. } = *self.packet;
        let port = || transport.map(|(protocol, _, port)| (protocol, port));
        match key.0.as_slice() {
            [Field::Source(_)] => Some(MapKey::Address(source)),
            [Field::Source(_), Field::Protocol, Field::DestinationPort] => {
                port().map(|(protocol, port)| MapKey::Port(source, protocol, port))
            }
            [network, Field::Source(_)] => Some(MapKey::Prefix(source, first_bits(*network, destination))),
            [network, Field::Source(_), Field::Protocol, Field::DestinationPort] => {
                let network = first_bits(*network, destination);
                port().map(|(protocol, port)| MapKey::PrefixPort(source, network, protocol, port))
            }
            other => panic!("the tracer knows no key {other:?}"),
        }
    }

    fn matches(&self, part: &Match) -> bool {
        let Packet { destination, transport, .. } = *self.packet;
        match part {
            Match::In(key, set) => self.is_in(key, set),
            Match::Destination(range) => range.contains(destination),
            Match::SourcePort(ports) => transport.is_some_and(|(protocol, port, _)| within(*ports, protocol, port)),
            Match::DestinationPort(ports) => {
                transport.is_some_and(|(protocol, _, port)| within(*ports, protocol, port))
            }
        }
    }

    fn is_in(&self, key: &Key, name: &Name) -> bool {
        if self.table.maps.contains_key(name) {
            return self.look_up(key, name).is_some();
        }
        let contains = |address| self.now().sets.get(name).is_some_and(|set: &Set| set.contains(address));
        match key.0.as_slice() {
            [Field::Destination(_)] => contains(self.packet.destination),
            [Field::OriginalDestination(_)] => contains(self.packet.original_destination),
            other => panic!("the tracer looks up no {other:?} in a set"),
        }
    }
}

/// What comes after a statement.
enum Step {
    Next,
    NextRule,
    End(End),
}

fn first_bits(field: Field, address: IpAddr) -> IpAddr {
    match field {
        Field::DestinationPrefix(_, bits) => IpNet::new(address, bits).map_or(address, |network| network.network()),
        Field::Source(_)
        | Field::Destination(_)
        | Field::OriginalDestination(_)
        | Field::Protocol
        | Field::DestinationPort => address,
    }
}

fn within(ports: PortMatch, protocol: Protocol, port: u16) -> bool {
    ports.protocol() == protocol && (ports.first()..=ports.last()).contains(&port)
}
