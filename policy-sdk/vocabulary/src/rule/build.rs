//! How a rule becomes what it shall be: methods that refuse what has no meaning.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Rare, Rule};
use crate::{Dscp, Extra, Family, Mark, PortRange, PortSpan, RuleError};

impl Rule {
    /// A rule for every destination and port, without sources yet. `id` is unique in its draft and kept from one
    /// evaluation to the next; `address` is one of the subject's own.
    pub fn new(id: impl Into<String>, address: IpAddr) -> Self {
        Self {
            id: id.into(),
            sources: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            source_ports: Vec::new(),
            destination_ports: Vec::new(),
            address,
            rare: None,
        }
    }

    /// For these endpoint addresses of the subject, instead of those it had.
    ///
    /// # Errors
    /// When one is of another family than the rule's address.
    pub fn from(mut self, sources: impl IntoIterator<Item = IpAddr>) -> Result<Self, RuleError> {
        self.sources.clear();
        for source in sources {
            self.same_family(source, source)?;
            self.sources.push(source);
        }
        Ok(self)
    }

    /// To these destinations and no others, instead of those it had.
    ///
    /// # Errors
    /// When there is none, or one is of another family or has host bits set.
    pub fn to(mut self, networks: impl IntoIterator<Item = IpNet>) -> Result<Self, RuleError> {
        self.include.clear();
        for network in networks {
            self.include.push(self.fitting(network)?);
        }
        if self.include.is_empty() { Err(self.empty("destinations")) } else { Ok(self) }
    }

    /// Not to these destinations either; what was excluded before stays once.
    ///
    /// # Errors
    /// When one is of another family or has host bits set.
    pub fn except(mut self, networks: impl IntoIterator<Item = IpNet>) -> Result<Self, RuleError> {
        // Compared with the old ones alone: each with each would cost a long list most of what one call may use.
        let old = self.exclude.len();
        for network in networks {
            let network = self.fitting(network)?;
            if !self.exclude[..old].contains(&network) {
                self.exclude.push(network);
            }
        }
        Ok(self)
    }

    /// From these ports of the pod and no others, instead of those it had.
    ///
    /// # Errors
    /// When there is none.
    pub fn with_source_ports(mut self, ports: impl IntoIterator<Item = PortRange>) -> Result<Self, RuleError> {
        self.source_ports.clear();
        self.source_ports.extend(ports);
        if self.source_ports.is_empty() { Err(self.empty("source ports")) } else { Ok(self) }
    }

    /// To these ports and no others, instead of those it had.
    ///
    /// # Errors
    /// When there is none.
    pub fn with_destination_ports(mut self, ports: impl IntoIterator<Item = PortRange>) -> Result<Self, RuleError> {
        self.destination_ports.clear();
        self.destination_ports.extend(ports);
        if self.destination_ports.is_empty() { Err(self.empty("destination ports")) } else { Ok(self) }
    }

    /// The same under another id.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The same with another address of the same family, instead of all that it had.
    ///
    /// # Errors
    /// When it is of the other family.
    pub fn with_address(self, address: IpAddr) -> Result<Self, RuleError> {
        self.with_addresses([address])
    }

    /// The same with these addresses instead of those it had: the first of them that the node holds is used.
    ///
    /// # Errors
    /// When there is none, or one is of another family than the address before.
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<Self, RuleError> {
        // Found in a set: an answer has room for so many that each compared with each would cost more than the call.
        let (mut own, mut known) = (Vec::new(), BTreeSet::new());
        for address in addresses {
            self.same_family(address, address)?;
            if known.insert(address) {
                own.push(address);
            }
        }
        let mut own = own.into_iter();
        self.address = own.next().ok_or_else(|| self.empty("addresses"))?;
        Ok(self.with_rare(|rare| rare.alternatives = own.collect()))
    }

    /// The same with these source ports to translate to; none: those that the kernel chooses.
    #[must_use]
    pub fn with_translated_ports(self, ports: impl Into<Option<PortSpan>>) -> Self {
        self.with_rare(|rare| rare.translated_ports = ports.into())
    }

    /// The same with this code point to set.
    #[must_use]
    pub fn with_dscp(self, dscp: impl Into<Option<Dscp>>) -> Self {
        self.with_rare(|rare| rare.dscp = dscp.into())
    }

    /// The same with this packet mark to set.
    #[must_use]
    pub fn with_mark(self, mark: impl Into<Option<Mark>>) -> Self {
        self.with_rare(|rare| rare.mark = mark.into())
    }

    /// The same with these names and values for later policies, instead of those it had.
    #[must_use]
    pub fn with_extra(self, extra: Extra) -> Self {
        self.with_rare(|rare| rare.extra = extra)
    }

    /// Keeps only those sources for which this holds.
    pub fn retain_sources(&mut self, mut keep: impl FnMut(IpAddr) -> bool) {
        self.sources.retain(|source| keep(*source));
    }

    /// A copy for those sources alone for which this holds.
    #[must_use]
    pub fn of_sources(&self, mut keep: impl FnMut(IpAddr) -> bool) -> Self {
        Self {
            id: self.id.clone(),
            sources: self.sources.iter().copied().filter(|source| keep(*source)).collect(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            source_ports: self.source_ports.clone(),
            destination_ports: self.destination_ports.clone(),
            address: self.address,
            rare: self.rare.clone(),
        }
    }

    /// Replaces each address by another one of its family, or leaves it out. False where none is left, and then nothing
    /// changes.
    pub fn replace_addresses(&mut self, with: impl FnMut(IpAddr) -> Option<IpAddr>) -> bool {
        let family = self.family();
        let mut replaced = self.addresses().filter_map(with).filter(|address| Family::of(*address) == family);
        let Some(first) = replaced.next() else { return false };
        let mut alternatives: Vec<IpAddr> = Vec::new();
        for address in replaced {
            if address != first && !alternatives.contains(&address) {
                alternatives.push(address);
            }
        }
        self.address = first;
        self.change_rare(|rare| rare.alternatives = alternatives);
        true
    }

    fn with_rare(mut self, change: impl FnOnce(&mut Rare)) -> Self {
        self.change_rare(change);
        self
    }

    fn change_rare(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().map(|rare| *rare).unwrap_or_default();
        change(&mut rare);
        self.rare = rare.boxed();
    }

    pub(crate) fn fitting(&self, network: IpNet) -> Result<IpNet, RuleError> {
        if network.trunc() != network {
            return Err(RuleError::HostBits { id: self.id.clone(), network });
        }
        self.same_family(network.addr(), network).map(|()| network)
    }

    pub(crate) fn same_family(&self, address: IpAddr, item: impl fmt::Display) -> Result<(), RuleError> {
        let family = self.family();
        if Family::of(address) == family {
            return Ok(());
        }
        Err(RuleError::Family { id: self.id.clone(), item: item.to_string(), family })
    }

    fn empty(&self, list: &'static str) -> RuleError {
        RuleError::Empty { id: self.id.clone(), list }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use std::net::IpAddr;

    use crate::{Dscp, Rule, RuleError};

    fn addresses(last: impl IntoIterator<Item = u8>) -> Vec<IpAddr> {
        last.into_iter().map(|last| IpAddr::from([192, 0, 2, last])).collect()
    }

    fn rule() -> Rule {
        Rule::new("r", IpAddr::from([192, 0, 2, 1]))
    }

    #[test]
    fn the_first_address_is_the_rules_own_and_the_others_are_alternatives_once_each() {
        let several = rule().with_addresses(addresses([3, 1, 3, 2, 1])).expect("one family");
        assert_eq!(several.addresses().collect::<Vec<_>>(), addresses([3, 1, 2]));
        assert_eq!(several.alternatives(), addresses([1, 2]));
        assert_eq!(several.with_address(rule().address()).expect("one family"), rule());
        assert_eq!(rule().with_addresses([]), Err(RuleError::Empty { id: "r".into(), list: "addresses" }));
        assert!(rule().with_addresses([IpAddr::from([0; 16])]).is_err());
    }

    /// An answer of one MiB has room for so many, and they are counted after the rule is made.
    #[test]
    fn a_rule_of_tens_of_thousands_of_addresses_is_made_at_once() {
        let many: Vec<IpAddr> = (0..58_000_u32).map(|number| IpAddr::from(number.to_be_bytes())).collect();
        let rule = rule().with_addresses(many.iter().copied().chain(many.iter().copied())).expect("one family");
        assert!(rule.addresses().eq(many));
    }

    #[test]
    fn what_a_rule_has_no_more_takes_no_memory_and_makes_no_difference() {
        let marked = rule().with_dscp(Dscp::new(46).ok()).with_extra(vec![("a".into(), "b".into())]);
        assert_ne!(marked, rule());
        assert_eq!(marked.with_dscp(None).with_extra(vec![]), rule());
    }

    #[test]
    fn addresses_are_replaced_in_their_order_and_stay_where_none_is_left() {
        let mut several = rule().with_addresses(addresses([1, 2, 3])).expect("one family");
        let before = several.clone();
        assert!(!several.replace_addresses(|_| Some(IpAddr::from([0; 16]))));
        assert_eq!(several, before);
        let four = IpAddr::from([192, 0, 2, 4]);
        assert!(several.replace_addresses(|address| Some(if address == before.address() { four } else { address })));
        assert_eq!(several.addresses().collect::<Vec<_>>(), addresses([4, 2, 3]));
        assert!(several.replace_addresses(|_| Some(four)) && several.alternatives().is_empty());
    }
}
