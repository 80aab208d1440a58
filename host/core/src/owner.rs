//! Which node translates to a Service's address: the one that holds it, since the answers come back to that one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::finding::{Finding, Severity};
use crate::model::{AnnotationPrefix, Service};

/// kube-vip's annotation that names the node which holds the addresses (kube-vip: `pkg/kubevip/annotations.go`).
const VIP_HOST: &str = "vipHost";

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
    /// The full name of the annotation.
    vip_host: String,
    held: Held,
}

impl Holder {
    /// A node of this name, whose interfaces have nothing so far.
    pub fn new(owner: Owner, node: &str, prefix: &AnnotationPrefix) -> Self {
        Self { owner, node: node.to_owned(), vip_host: prefix.name(VIP_HOST), held: Held::new() }
    }

    /// Takes in what its interfaces have now.
    pub fn hold(&mut self, held: Held) {
        self.held = held;
    }

    /// Why this node does not translate to one of a Service's addresses; none when it does.
    pub fn objection(&self, service: &Service, address: IpAddr) -> Option<Finding> {
        match self.owner {
            Owner::Any => None,
            Owner::Address => self.not_on_an_interface(address),
            Owner::VipHost => match self.named_by(service) {
                Some(node) if node == self.node => None,
                Some(node) => Some(self.named(address, node)),
                None => Some(self.unnamed(address)),
            },
            Owner::Auto => match self.named_by(service) {
                Some(node) if node != self.node => Some(self.named(address, node)),
                Some(_) | None => self.not_on_an_interface(address),
            },
        }
    }

    fn not_on_an_interface(&self, address: IpAddr) -> Option<Finding> {
        match self.held.get(&address) {
            Some(Standing::Usable) => None,
            Some(Standing::Tentative) => Some(tentative(address)),
            Some(Standing::Duplicate) => Some(duplicate(address)),
            None => Some(absent(address)),
        }
    }

    /// The node that kube-vip says holds the Service's addresses. It empties the annotation when there is none.
    pub(crate) fn named_by<'a>(&self, service: &'a Service) -> Option<&'a str> {
        service.annotations.get(&self.vip_host).map(|name| name.trim()).filter(|name| !name.is_empty())
    }

    fn named(&self, address: IpAddr, node: &str) -> Finding {
        elsewhere(address, &format!("{} says that node {node} holds it", self.vip_host))
    }

    fn unnamed(&self, address: IpAddr) -> Finding {
        let because = "names no node yet, and the node that it names translates (--owner vip-host)";
        elsewhere(address, &format!("{} {because}", self.vip_host))
    }
}

fn elsewhere(address: IpAddr, because: &str) -> Finding {
    Finding::new(Severity::Info, "held-elsewhere", format!("nothing is translated to {address} here: {because}"))
}

fn absent(address: IpAddr) -> Finding {
    elsewhere(
        address,
        "it is on no interface of this node (kube-ipvs0 does not count), and the node that has it translates; \
         if the load balancer puts it on none, see --owner",
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
