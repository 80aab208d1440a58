//! One rule: whose packets, to where, become packets of which address.

mod build;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Dscp, Extra, Family, Mark, PortRange, PortSpan};

/// Translate what leaves `sources`, goes to a destination that is included and not excluded, and has matching
/// ports, to `address`. Rules of one draft are tried in order; the first that matches decides.
///
/// A rule begins as wide as it can be, for all destinations and ports but without sources, and is narrowed by
/// methods that refuse what has no meaning: another family, bits behind a prefix, and empty lists, which would mean
/// "everything" where a policy meant "nothing".
///
/// ```
/// use egressd_vocabulary::{Rule, RuleError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = Rule::new("ipv4", "192.0.2.10".parse()?)
///     .from(["10.244.1.7".parse()?])?
///     .to(["198.51.100.0/24".parse()?])?
///     .with_destination_ports(["tcp:443".parse()?])?;
/// assert_eq!(rule.clone().to([]), Err(RuleError::Empty { id: "ipv4".into(), list: "destinations" }));
/// assert!(rule.except(["2001:db8::/32".parse()?]).is_err(), "the rule is IPv4");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) id: String,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) include: Vec<IpNet>,
    pub(crate) exclude: Vec<IpNet>,
    pub(crate) source_ports: Vec<PortRange>,
    pub(crate) destination_ports: Vec<PortRange>,
    pub(crate) address: IpAddr,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few rules have. A node keeps tens of thousands of rules, so it takes memory only where it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rare {
    pub(crate) alternatives: Vec<IpAddr>,
    pub(crate) translated_ports: Option<PortSpan>,
    pub(crate) dscp: Option<Dscp>,
    pub(crate) mark: Option<Mark>,
    pub(crate) extra: Extra,
}

impl Rare {
    /// None where it says nothing, so that equal rules compare as equal.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Rule {
    /// Unique in its draft, and kept from one evaluation to the next.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Endpoint addresses of the subject.
    pub fn sources(&self) -> &[IpAddr] {
        &self.sources
    }

    /// The destinations; empty: every destination.
    pub fn include(&self) -> &[IpNet] {
        &self.include
    }

    /// Wins over [`Rule::include`].
    pub fn exclude(&self) -> &[IpNet] {
        &self.exclude
    }

    /// Empty: every port and protocol.
    pub fn source_ports(&self) -> &[PortRange] {
        &self.source_ports
    }

    /// Empty: every port and protocol.
    pub fn destination_ports(&self) -> &[PortRange] {
        &self.destination_ports
    }

    /// One of the subject's own addresses: the first choice.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Further addresses of the subject, in order: the first of all that the node holds is used.
    pub fn alternatives(&self) -> &[IpAddr] {
        self.rare.as_deref().map_or(&[], |rare| &rare.alternatives)
    }

    /// The address and its alternatives, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.address).chain(self.alternatives().iter().copied())
    }

    /// The source ports to translate to; none: those that the kernel chooses.
    pub fn translated_ports(&self) -> Option<PortSpan> {
        self.rare.as_deref().and_then(|rare| rare.translated_ports)
    }

    /// The code point to set.
    pub fn dscp(&self) -> Option<Dscp> {
        self.rare.as_deref().and_then(|rare| rare.dscp)
    }

    /// The packet mark to set.
    pub fn mark(&self) -> Option<Mark> {
        self.rare.as_deref().and_then(|rare| rare.mark)
    }

    /// Names and values for later policies of the chain.
    pub fn extra(&self) -> &[(String, String)] {
        self.rare.as_deref().map_or(&[], |rare| &rare.extra)
    }

    /// The family of everything in it.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}
