//! One rule: whose packets, to where, become packets of which address.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::Diagnostic;
use crate::family::Family;
use crate::port::PortRange;

/// Names and values that nobody foresaw, in order; empty today.
pub type Extra = Vec<(String, String)>;

/// Translate what leaves `sources`, goes to a destination that is included and not excluded, and has matching
/// ports, to `address`. Rules of one draft are tried in order; the first that matches decides.
///
/// A rule begins as wide as it can be, for all destinations and ports but without sources, and is narrowed by
/// methods that refuse what has no meaning: another family, bits behind a prefix, and empty lists, which would mean
/// "everything" where a policy meant "nothing".
///
/// ```
/// use egressd_policy_sdk::{Rule, RuleError};
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
    pub(crate) extra: Extra,
}

impl Rule {
    /// A rule for every destination and port, without sources yet. `id` is unique in its draft and kept from one
    /// evaluation to the next; `address` is one of the Service's own.
    pub fn new(id: impl Into<String>, address: IpAddr) -> Self {
        Self {
            id: id.into(),
            sources: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            source_ports: Vec::new(),
            destination_ports: Vec::new(),
            address,
            extra: Extra::new(),
        }
    }

    /// For these endpoint addresses of the Service, instead of those it had.
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
    /// When there is none, or one is of another family or has bits behind its prefix.
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
    /// When one is of another family or has bits behind its prefix.
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

    /// The same with another address of the same family.
    ///
    /// # Errors
    /// When it is of the other family.
    pub fn with_address(self, address: IpAddr) -> Result<Self, RuleError> {
        self.same_family(address, address)?;
        Ok(Self { address, ..self })
    }

    /// Unique in its draft, and kept from one evaluation to the next.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Endpoint addresses of the Service.
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

    /// One of the Service's own addresses.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The family of everything in it.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }

    fn fitting(&self, network: IpNet) -> Result<IpNet, RuleError> {
        if network.trunc() != network {
            return Err(RuleError::HostBits { id: self.id.clone(), network });
        }
        self.same_family(network.addr(), network).map(|()| network)
    }

    fn same_family(&self, address: IpAddr, item: impl fmt::Display) -> Result<(), RuleError> {
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

/// Why a rule, or a draft with it, cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// An address or network of the other family.
    Family {
        /// Of which rule.
        id: String,
        /// The address or network.
        item: String,
        /// The rule's own family.
        family: Family,
    },
    /// A network that is not what its prefix says.
    HostBits {
        /// Of which rule.
        id: String,
        /// The network.
        network: IpNet,
    },
    /// A list that narrows, without items: the contract would take it for "everything".
    Empty {
        /// Of which rule.
        id: String,
        /// Which list.
        list: &'static str,
    },
    /// A rule without a name.
    NoId,
    /// Two rules of one draft with one name.
    SameId {
        /// The name.
        id: String,
    },
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family { id, item, family } => {
                write!(f, "rule {id:?}: {item} is not {family}, as the rule's address is; leave it out")
            }
            Self::HostBits { id, network } => {
                write!(f, "rule {id:?}: {network} has bits behind its prefix; right would be {}", network.trunc())
            }
            Self::Empty { id, list } => {
                write!(f, "rule {id:?}: a list without {list} would mean all of them; name one, or leave the rule out")
            }
            Self::NoId => f.write_str("a rule has an empty id; give it a short name like \"ipv4\""),
            Self::SameId { id } => write!(f, "two rules have the id {id:?}; give each its own"),
        }
    }
}

impl std::error::Error for RuleError {}

/// A mistake of the policy, told to the Service's owner: better than a rule that means something else.
impl From<RuleError> for Diagnostic {
    fn from(error: RuleError) -> Self {
        Self::error("bad-rule", error.to_string())
    }
}
