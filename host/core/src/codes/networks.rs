//! Networks and Nodes.

use super::entry::{CodeEntry, ERROR, INFO, INFO_OR_WARNING, WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "egress-node-address-unusable",
        level: WARNING,
        sentence: "An EgressNode lists an address that no interface can have, and the address does not count.",
        cause: "Another program or an egressd of another version wrote the object.",
        remedy: "Correct the EgressNode, or update egressd on that node.",
    },
    CodeEntry {
        code: "egress-node-without-node",
        level: WARNING,
        sentence: "There is an EgressNode without a Node of its name, and it does not count.",
        cause: "The node left the cluster, or has not joined it yet.",
        remedy: "Delete the EgressNode, or let the node join.",
    },
    CodeEntry {
        code: "endpoints-inside-public",
        level: WARNING,
        sentence: "EndpointSlices list pods at public addresses that no known network has; packets to them are not \
                   translated, and those of guarded pods are dropped.",
        cause: "The pod network of these pods is in no Node's `spec.podCIDRs`; or a user who may write EndpointSlices \
                lists an address outside of the cluster.",
        remedy: "If they are pods, set `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`) to their networks. Otherwise delete \
                 the EndpointSlice, and take the permission to write EndpointSlices from its author.",
    },
    CodeEntry {
        code: "endpoints-inside-too-many",
        level: WARNING,
        sentence: "A namespace has more than 256 pods outside of all known networks, and those after the 256th do \
                   not count as inside.",
        cause: "The pod network of these pods is in no Node's `spec.podCIDRs`, so each pod has to be listed by its \
                address.",
        remedy: "Set `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`) to the networks of these pods.",
    },
    CodeEntry {
        code: "ipv6-networks-unknown",
        level: INFO,
        sentence: "No IPv6 pod network is known, so no IPv6 traffic is translated.",
        cause: "No Node has an IPv6 network in `spec.podCIDRs`, and no setting names one.",
        remedy: "Set `--pod-networks` (`EGRESSD_POD_NETWORKS`) or `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`) if \
                 the cluster has IPv6.",
    },
    CodeEntry {
        code: "networks-assumed",
        level: WARNING,
        sentence: "It is not known where all pods of this family are, and private destinations may be pods.",
        cause: "No Node has `spec.podCIDRs`, one has none though others have, or they cannot be read. Packets to \
                private destinations are not translated, or, after an update from a release that translated them, \
                still are; the message says which.",
        remedy: "Set `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`) to the networks of all pods, or to `none` where \
                 all are known; or correct the object that the message names.",
    },
    CodeEntry {
        code: "networks-unknown",
        level: ERROR,
        sentence: "The pod networks of the cluster are unknown for this family, so nothing is translated to the \
                   address.",
        cause: "No Node has a network of this family in `spec.podCIDRs`, and no setting names one.",
        remedy: "Set `--pod-networks` (`EGRESSD_POD_NETWORKS`) or `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`), or \
                 give the Nodes `podCIDRs`.",
    },
    CodeEntry {
        code: "node-address-duplicate",
        level: WARNING,
        sentence: "Two Nodes list the same address.",
        cause: "One of the two objects is wrong or out of date.",
        remedy: "Correct or delete that Node.",
    },
    CodeEntry {
        code: "node-address-in-pod-network",
        level: WARNING,
        sentence: "A Node lists an address that lies in the pod network of a Node, and it is not used as a node \
                   address.",
        cause: "The status of the Node or the `podCIDRs` are wrong. A node could otherwise declare pods to be nodes.",
        remedy: "Correct the addresses or the `spec.podCIDRs` of the Node that the message names.",
    },
    CodeEntry {
        code: "node-addresses-too-many",
        level: WARNING,
        sentence: "A Node lists more than 16 addresses, and those after the 16th do not count.",
        cause: "The status of the Node was written by another program than the kubelet or a cloud controller.",
        remedy: "Remove addresses that the Node does not need, or add the others to `--inside-networks` \
                 (`EGRESSD_INSIDE_NETWORKS`).",
    },
    CodeEntry {
        code: "node-network-overlap",
        level: WARNING,
        sentence: "The pod network of a Node lies in that of another Node.",
        cause: "One of the two objects is wrong or out of date. Both count as pod networks.",
        remedy: "Correct or delete that Node.",
    },
    CodeEntry {
        code: "node-network-too-wide",
        level: WARNING,
        sentence: "A Node has a network in `spec.podCIDRs` that is wider than /8 (IPv4) or /16 (IPv6), and it does \
                   not count.",
        cause: "So wide a network would declare much of the internet to be inside the cluster.",
        remedy: "Correct `spec.podCIDRs`.",
    },
    CodeEntry {
        code: "node-networks-kept",
        level: WARNING,
        sentence: "This node's Node is gone or lists no pod networks any more, and those that it listed last count.",
        cause: "The Node object was deleted, or lost `spec.podCIDRs`, while pods of the node may go on running with \
                addresses of these networks.",
        remedy: "Restore the Node or its `podCIDRs`. If the networks are no longer those of the node's pods, set \
                 `--pod-networks` (`EGRESSD_POD_NETWORKS`).",
    },
    CodeEntry {
        code: "node-networks-too-many",
        level: WARNING,
        sentence: "A Node has more than two networks in `spec.podCIDRs`, and those after the second do not count.",
        cause: "Kubernetes gives a Node one network of each family; another program wrote the object.",
        remedy: "Correct `spec.podCIDRs`, or add the others to `--inside-networks` \
                 (`EGRESSD_INSIDE_NETWORKS`).",
    },
    CodeEntry {
        code: "pod-network-assumed",
        level: WARNING,
        sentence: "No IPv4 pod network is known, so kube-vip's default is assumed.",
        cause: "The manifests have no Node with `spec.podCIDRs`, and `--pod-networks` (`EGRESSD_POD_NETWORKS`) is \
                not set.",
        remedy: "Set `--pod-networks` (`EGRESSD_POD_NETWORKS`) to the pod network.",
    },
    CodeEntry {
        code: "service-network-assumed",
        level: INFO_OR_WARNING,
        sentence: "No IPv4 service network is known, so kube-vip's default is assumed beside the ClusterIPs of all \
                   Services.",
        cause: "There is no ServiceCIDR object, and `--service-networks` (`EGRESSD_SERVICE_NETWORKS`) is not set. It is \
                information in a cluster, where all ClusterIPs are known.",
        remedy: "Set `--service-networks` (`EGRESSD_SERVICE_NETWORKS`) to the service network.",
    },
    CodeEntry {
        code: "tunnel-end-duplicate",
        level: WARNING,
        sentence: "An EgressNode names an address in `spec.tunnels` that another Node or EgressNode has as well, and no \
                   tunnel leads there.",
        cause: "One of the two objects is wrong or out of date. Packets of pods could go to the wrong machine.",
        remedy: "Correct or delete that object.",
    },
    CodeEntry {
        code: "tunnel-end-in-pod-network",
        level: WARNING,
        sentence: "An EgressNode names an address in `spec.tunnels` that lies in the pod network of a Node, and no tunnel \
                   leads there.",
        cause: "The EgressNode, the addresses of its Node or the `podCIDRs` are wrong. A pod could otherwise receive \
                packets of other nodes' pods.",
        remedy: "Correct the EgressNode, or the `spec.podCIDRs` of the Node that the message names.",
    },
    CodeEntry {
        code: "tunnel-end-not-of-node",
        level: WARNING,
        sentence: "An EgressNode names an address in `spec.tunnels` that is no `InternalIP` of the Node of its name, and \
                   no tunnel leads there.",
        cause: "The Node has other addresses now, its kubelet does not list this one, or another program wrote the \
                EgressNode.",
        remedy: "Let the kubelet list the address (`--node-ip`), or correct the EgressNode.",
    },
    CodeEntry {
        code: "tunnel-end-unusable",
        level: WARNING,
        sentence: "An EgressNode names an address in `spec.tunnels` that no interface can have, and no tunnel leads there.",
        cause: "Another program or an egressd of another version wrote the object.",
        remedy: "Correct the EgressNode, or update egressd on that node.",
    },
    CodeEntry {
        code: "tunnel-end-without-node",
        level: WARNING,
        sentence: "An EgressNode with `spec.tunnels` has no Node of its name, and no tunnel leads there.",
        cause: "The node left the cluster, or has not joined it yet; or manifests have no Nodes.",
        remedy: "Delete the EgressNode, or let the node join.",
    },
];
