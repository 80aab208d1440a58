//! The node that holds an address.

use super::entry::{CodeEntry, INFO, INFO_OR_WARNING, WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "address-duplicate",
        level: WARNING,
        sentence: "The address is on an interface of this node, and another machine answered for it, so nothing is \
                   translated to it here.",
        cause: "IPv6 duplicate address detection failed: two machines have the address.",
        remedy: "Remove the address from one of the two machines.",
    },
    CodeEntry {
        code: "address-tentative",
        level: INFO,
        sentence: "The address is on an interface of this node, and nothing is translated to it yet.",
        cause: "IPv6 duplicate address detection is still running.",
        remedy: "None is needed: translation begins when the kernel uses the address.",
    },
    CodeEntry {
        code: "gateway-refused",
        level: WARNING,
        sentence: "An annotation names a node as the gateway for the address, and that node is none, so pods of this node do \
                   not leave with the address.",
        cause: "The node that is named has left, has no accepted tunnel end, or does not publish that it holds the address. \
                While an address moves this is so for a moment.",
        remedy: "None is needed where it ends by itself. Else see why egressd on the node that is named does not run, or \
                 remove the annotation, which egressd on the node that holds the address writes again.",
    },
    CodeEntry {
        code: "held-elsewhere",
        level: INFO_OR_WARNING,
        sentence: "Nothing is translated to the address on this node, because another node has it, or none.",
        cause: "The load balancer or `vipHost` names another node, or no interface of this node has the address. It \
                is a warning where MetalLB or Cilium names another node and an interface of this node has the \
                address too, so that both answer for it.",
        remedy: "None is needed on nodes without the address. If no node translates, see which node should have the \
                 address, or choose another `--owner`. As a warning: remove the address from this node's interface.",
    },
    CodeEntry {
        code: "holder-ambiguous",
        level: WARNING,
        sentence: "A Lease of Cilium may be that of two Services, so it is unknown which node announces the address, \
                   and nothing is translated to it.",
        cause: "Cilium joins namespace and name by a dash, so the Leases of Services such as `shop/web-x` and \
                `shop-web/x` have one name.",
        remedy: "Rename one of the Services, or recreate the one that Cilium does not announce with another \
                 `loadBalancerClass`.",
    },
    CodeEntry {
        code: "holder-unreadable",
        level: WARNING,
        sentence: "The object that names the node that announces the address cannot be read, so nothing is translated \
                   to it.",
        cause: "The Lease, ServiceL2Status or manifest that the finding names is damaged, was not read yet, or \
                exceeds the limit of followed Leases.",
        remedy: "Correct or delete the object. Where it was not read yet, the API server has to answer first. Where \
                 too many Leases are needed, let MetalLB or kube-vip announce the Service or choose another \
                 `--owner`.",
    },
    CodeEntry {
        code: "holders-contradict",
        level: WARNING,
        sentence: "Two objects name different nodes as the one that has the addresses; one of the two nodes \
                   translates.",
        cause: "Two load balancers announce the Service, or one did not remove an object when it moved the address.",
        remedy: "Delete the object that is out of date, or keep one load balancer for the Service.",
    },
    CodeEntry {
        code: "vip-host-case",
        level: INFO,
        sentence: "`vipHost` names a node in another case than Kubernetes does, and is taken for that node.",
        cause: "kube-vip writes the host name, which may have capitals, while names of Nodes have none.",
        remedy: "None is needed.",
    },
];
