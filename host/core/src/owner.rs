//! Which node translates to a Service's address: the one that holds it, since the answers come back to that one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::finding::{Finding, Severity};
use crate::model::{AnnotationPrefix, Service, Subject};
use crate::text::quoted;

/// kube-vip's annotation that names the node which holds the addresses (kube-vip: `pkg/kubevip/annotations.go`).
const VIP_HOST: &str = "vipHost";

/// The code of the finding that another node holds an address, or none does.
pub const HELD_ELSEWHERE: &str = "held-elsewhere";

/// The longest name that Kubernetes takes for a node.
const LONGEST_NAME: usize = 253;

/// How a node knows that it holds an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The address is on an interface of this node, and `vipHost` names no other node.
    #[default]
    Auto,
    /// The address is on an interface of this node, whatever `vipHost` says.
    Address,
    /// `vipHost` names this node: for load balancers that answer for addresses which are on no interface.
    VipHost,
    /// Every node holds every address: for a single box.
    Any,
}

impl Owner {
    /// Whether it depends on what is on this node's interfaces.
    pub fn looks_at_interfaces(self) -> bool {
        match self {
            Self::Auto | Self::Address => true,
            Self::VipHost | Self::Any => false,
        }
    }
}

/// Whether other nodes may hold an address that this node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// This node alone: the one that has it, or that is named.
    Alone,
    /// Nothing was looked at, as if there were no other node.
    Assumed,
    /// Any number of nodes.
    Shared,
}

/// How an address stands on this node, from bad to good: where several interfaces have it, the best counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Another machine answered for it (RFC 4862, 5.4.5), so the kernel does not use it.
    Duplicate,
    /// The kernel still looks whether another machine has it, and does not use it yet.
    Tentative,
    /// The kernel answers for it.
    Usable,
}

/// The addresses of this node's interfaces; what every node has does not belong here (loopback, `kube-ipvs0`).
pub type Held = BTreeMap<IpAddr, Standing>;

/// This node, as far as it holds addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    owner: Owner,
    node: String,
    prefix: AnnotationPrefix,
    held: Held,
}

impl Holder {
    /// A node of this name, whose interfaces have nothing so far.
    pub fn new(owner: Owner, node: &str, prefix: &AnnotationPrefix) -> Self {
        Self { owner, node: node.to_owned(), prefix: prefix.clone(), held: Held::new() }
    }

    /// Takes in what its interfaces have now; returns the addresses that stand otherwise than before.
    pub fn hold(&mut self, held: Held) -> Vec<IpAddr> {
        let before = std::mem::replace(&mut self.held, held);
        let all = before.keys().chain(self.held.keys().filter(|address| !before.contains_key(address)));
        all.copied().filter(|address| before.get(address) != self.held.get(address)).collect()
    }

    /// Whether other nodes may hold what it holds.
    pub(crate) fn share(&self) -> Share {
        match self.owner {
            Owner::Auto | Owner::VipHost => Share::Alone,
            Owner::Any => Share::Assumed,
            Owner::Address => Share::Shared,
        }
    }

    /// Whether this node translates to one of a subject's addresses.
    pub(crate) fn holds(&self, subject: &Subject, address: IpAddr) -> bool {
        self.obstacle(subject, address).is_none()
    }

    /// Why this node does not translate to one of a subject's addresses; none when it does.
    pub fn objection(&self, subject: &Subject, address: IpAddr) -> Option<Finding> {
        Some(match self.obstacle(subject, address)? {
            Obstacle::OtherNode(vip_host, node) => {
                elsewhere(address, &format!("{vip_host} says that node {} holds it", named(node)))
            }
            Obstacle::NoNode => {
                let because = "names no node yet, and the node that it names translates (--owner vip-host)";
                elsewhere(address, &format!("{} {because}", self.prefix.name(VIP_HOST)))
            }
            Obstacle::Absent => absent(address),
            Obstacle::Unusable(Standing::Duplicate) => duplicate(address),
            Obstacle::Unusable(Standing::Tentative | Standing::Usable) => tentative(address),
        })
    }

    /// Whether an interface of this node has an address, used or not.
    pub(crate) fn is_on_an_interface(&self, address: IpAddr) -> bool {
        self.held.contains_key(&address)
    }

    /// What kube-vip says is said of Services alone: a subject of another kind names no node.
    fn obstacle<'a>(&self, subject: &'a Subject, address: IpAddr) -> Option<Obstacle<'a>> {
        let named = || self.vip_host(subject.service()?);
        let is_other = |(_, node): &(String, &str)| !self.is_named(node);
        let other = |(vip_host, node): (String, &'a str)| Obstacle::OtherNode(vip_host, node);
        match self.owner {
            Owner::Any => None,
            Owner::Address => self.not_on_an_interface(address),
            Owner::VipHost => match named() {
                None => Some(Obstacle::NoNode),
                Some(named) => Some(named).filter(is_other).map(other),
            },
            Owner::Auto => named().filter(is_other).map(other).or_else(|| self.not_on_an_interface(address)),
        }
    }

    fn not_on_an_interface<'a>(&self, address: IpAddr) -> Option<Obstacle<'a>> {
        match self.held.get(&address) {
            Some(Standing::Usable) => None,
            Some(standing) => Some(Obstacle::Unusable(*standing)),
            None => Some(Obstacle::Absent),
        }
    }

    /// Whether a name is this node's. Host names may have capitals, and kube-vip writes what the host is called; the names of
    /// Nodes have none, so no two of them differ by that alone.
    fn is_named(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.node)
    }

    /// A name that is taken for this node's and is not written so.
    pub(crate) fn other_case(&self, subject: &Subject) -> Option<Finding> {
        let (vip_host, named) = self.vip_host(subject.service()?)?;
        if named == self.node || !self.is_named(named) {
            return None;
        }
        let message = format!("{vip_host}: {named} is taken for node {}, which differs in case only", self.node);
        Some(Finding::new(Severity::Info, "vip-host-case", message))
    }

    /// The node that kube-vip says holds the Service's addresses. It empties the annotation when there is none.
    pub(crate) fn named_by<'a>(&self, service: &'a Service) -> Option<&'a str> {
        self.vip_host(service).map(|(_, node)| node)
    }

    fn vip_host<'a>(&self, service: &'a Service) -> Option<(String, &'a str)> {
        let (name, node) = self.prefix.of_load_balancer(&service.annotations, VIP_HOST)?;
        Some((name, node.trim()))
    }
}

/// Why this node does not translate to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle<'a> {
    /// The annotation of this name names this node, and it is another.
    OtherNode(String, &'a str),
    /// `vipHost` names none.
    NoNode,
    /// It is on no interface.
    Absent,
    /// It is on an interface, and the kernel does not answer for it.
    Unusable(Standing),
}

/// A node's name as it is; anything else that stands in its place, in quotation marks.
fn named(node: &str) -> String {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    if node.len() <= LONGEST_NAME && node.bytes().all(is_name) { node.to_owned() } else { quoted(node) }
}

fn elsewhere(address: IpAddr, because: &str) -> Finding {
    Finding::new(Severity::Info, HELD_ELSEWHERE, format!("nothing is translated to {address} here: {because}"))
}

fn absent(address: IpAddr) -> Finding {
    elsewhere(
        address,
        "it is on no interface of this node (kube-ipvs0 does not count), and only endpoints on the node that has it are \
         translated; if the load balancer puts it on none, see --owner",
    )
}

fn tentative(address: IpAddr) -> Finding {
    Finding::new(
        Severity::Info,
        "address-tentative",
        format!("nothing is translated to {address} yet: this node still looks whether another machine has it"),
    )
}

fn duplicate(address: IpAddr) -> Finding {
    Finding::warning(
        "address-duplicate",
        format!(
            "nothing is translated to {address} here: another machine answered for it, so this node does not use it; \
             remove it there or here"
        ),
    )
}
