//! Addresses of a Service.

use super::entry::{CodeEntry, ERROR, INFO, WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "address-by-dhcp",
        level: INFO,
        sentence: "`loadbalancerIPs` asks for an address by DHCP, and the status of the Service has none of that \
                   family yet.",
        cause: "The annotation has `0.0.0.0` or `::`, and `status.loadBalancer.ingress` has no address of this \
                family.",
        remedy: "Wait for the load balancer to get the address, or name an address in the annotation. An address of \
                 the other family is used meanwhile.",
    },
    CodeEntry {
        code: "address-chosen",
        level: INFO,
        sentence: "The Service has several addresses of one family, and another than the first is the source address \
                   here.",
        cause: "This node holds that address and not the first one, and translates to it for as long as it holds it.",
        remedy: "None is needed. Where the order matters, move the first address to this node or remove the others.",
    },
    CodeEntry {
        code: "address-in-cluster-network",
        level: ERROR,
        sentence: "The address of the Service lies in `spec.podCIDRs` of this Node or in a ServiceCIDR, so nothing is \
                   translated to it.",
        cause: "Answers to such an address are routed inside the cluster and do not come back to this node. What \
                settings name has no part in it.",
        remedy: "Give the Service an address outside of these networks, or correct the Node's `podCIDRs` or the \
                 ServiceCIDR.",
    },
    CodeEntry {
        code: "address-not-an-ip",
        level: WARNING,
        sentence: "An item of `loadbalancerIPs` is not an IP address and is left out.",
        cause: "The annotation has a host name or a misspelled address.",
        remedy: "Write an address like 192.0.2.10 or 2001:db8::10, or remove the item.",
    },
    CodeEntry {
        code: "address-not-in-status",
        level: WARNING,
        sentence: "An address of `loadbalancerIPs` is not in the status of the Service and is used all the same.",
        cause: "The Service comes from `--manifests`, or `--trust-address-annotation` is set, so that its author is \
                trusted with the address.",
        remedy: "Check that the node has the address. Correct the annotation or the status if one of them is out of \
                 date.",
    },
    CodeEntry {
        code: "address-not-owned",
        level: WARNING,
        sentence: "An address of `loadbalancerIPs` is not in the status of the Service, so it is not used.",
        cause: "Who may edit a Service could otherwise use an address of another one; only \
                `status.loadBalancer.ingress` gives addresses.",
        remedy: "Let the load balancer give the Service this address, or remove it from the annotation. \
                 `--trust-address-annotation` accepts it where all who may edit Services are trusted.",
    },
    CodeEntry {
        code: "address-of-this-node",
        level: INFO,
        sentence: "The address of the Service is this node's own address, so nothing is translated to it.",
        cause: "The load balancer gives Services the addresses of nodes, as k3s does; the packets of pods have that \
                source address by masquerade.",
        remedy: "None is needed. For a source address of its own, give the Service an address that no node has.",
    },
    CodeEntry {
        code: "address-unusable",
        level: ERROR,
        sentence: "The address of the Service is one that no machine outside can answer to, so nothing is translated \
                   to it.",
        cause: "It is, for example, a loopback, link-local, multicast or unspecified address.",
        remedy: "Give the Service an ordinary unicast address.",
    },
    CodeEntry {
        code: "hostname-only",
        level: ERROR,
        sentence: "`status.loadBalancer.ingress` has a host name and no address.",
        cause: "The load balancer publishes Services by name, as some clouds do, so there is no address to translate \
                to.",
        remedy: "Use a load balancer that gives the Service an address of its own.",
    },
    CodeEntry {
        code: "shared-address",
        level: WARNING,
        sentence: "A Service of another namespace has the same address, so pods of two namespaces leave with one \
                   source address.",
        cause: "The load balancer gave one address to several Services, and `--shared-addresses` is `allow`.",
        remedy: "Let the load balancer give each Service an address of its own, or set `--shared-addresses=oldest`.",
    },
    CodeEntry {
        code: "shared-address-taken",
        level: ERROR,
        sentence: "An older Service of another namespace has the same address, so nothing is translated to it for \
                   this one.",
        cause: "`--shared-addresses` is `oldest`, which leaves the address to the namespace whose Service is the \
                oldest.",
        remedy: "Give one of the Services another address, or set `--shared-addresses=allow`.",
    },
    CodeEntry {
        code: "too-many-addresses",
        level: WARNING,
        sentence: "`loadbalancerIPs` has more than 64 items, and those after the 64th are not read.",
        cause: "The number of items that are read is bounded, since every node reads them.",
        remedy: "Write the addresses that egress needs first, and remove those that are not needed.",
    },
];
