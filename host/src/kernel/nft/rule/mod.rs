//! A rule as instructions.

mod condition;
mod fields;
mod statement;

use egressd_core::ruleset::{self, Key, Name, Rule, TableFamily};

pub(super) use fields::{
    ARP_SENDER, DESTINATION_PORT, ICMP_TYPE, ICMPV6, LOCAL, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_TARGET, Network,
    SOURCE_PORT, SOURCE_TRANSLATED, TCP, TCP_FLAGS, address_bytes, address_length, destination_address, length,
    prefix_mask, source, source_address,
};

use super::expression::{Comparison, Expression, LookupResult, MetaKey, Slot, Source};

/// The instructions of a rule in a table of this family.
pub(super) fn expressions(table: TableFamily, rule: &Rule) -> Vec<Expression> {
    let network = Network::of_table(table);
    let mut program = Program { table, network, transport: None, expressions: Vec::new() };
    rule.matches.iter().for_each(|condition| program.condition(condition));
    rule.statements.iter().for_each(|statement| program.statement(statement));
    program.expressions
}

/// Instructions in the making.
struct Program {
    table: TableFamily,
    /// What the network header is, as far as the table or an earlier test says.
    network: Option<Network>,
    /// What the transport protocol is, as far as an earlier test says.
    transport: Option<u8>,
    expressions: Vec<Expression>,
}

impl Program {
    fn push(&mut self, expression: Expression) {
        self.expressions.push(expression);
    }

    fn load(&mut self, source: impl Into<Source>) {
        self.push(Expression::Load(source.into(), Slot::FIRST));
    }

    fn equals(&mut self, value: impl Into<Vec<u8>>) {
        self.push(Expression::Compare(Comparison::Equal, value.into()));
    }

    /// A part of a header means something only where that header is. It is tested once, as nft does: a second test would be
    /// noise in `nft list`.
    fn need_network(&mut self, network: Network) {
        if self.network.replace(network) == Some(network) {
            return;
        }
        if let (TableFamily::Inet, Some(number)) = (self.table, network.number()) {
            self.load(Source::Meta(MetaKey::NetworkProtocol));
            self.equals([number]);
        } else {
            self.load(Source::Meta(MetaKey::EtherType));
            self.equals(network.ether_type());
        }
    }

    fn need_transport(&mut self, protocol: u8) {
        if self.transport.replace(protocol) != Some(protocol) {
            self.load(Source::Meta(MetaKey::TransportProtocol));
            self.equals([protocol]);
        }
    }

    /// Loads the fields of a key, one behind the other.
    fn key(&mut self, key: &Key) {
        key.0.iter().filter_map(|field| Network::of_field(*field)).for_each(|network| self.need_network(network));
        let mut slot = Slot::FIRST;
        for field in &key.0 {
            self.field(*field, slot);
            slot = Slot(slot.0 + length(*field).div_ceil(4));
        }
    }

    fn look_up(&mut self, key: &Key, set: &Name, outcome: LookupResult) {
        self.key(key);
        self.push(Expression::Lookup(set.clone(), outcome));
    }

    fn field(&mut self, field: ruleset::Field, slot: Slot) {
        self.push(Expression::Load(source(field), slot));
        if let ruleset::Field::DestinationPrefix(family, bits) = field {
            let mask = prefix_mask(family, bits);
            self.push(Expression::Mask(mask.clone(), vec![0; mask.len()]));
        }
    }
}
