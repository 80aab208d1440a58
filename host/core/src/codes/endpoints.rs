//! Endpoints.

use super::entry::{CodeEntry, INFO, INFO_OR_WARNING, WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "address-without-endpoints",
        level: WARNING,
        sentence: "This node has the address of the Service, and all endpoints run on other nodes, so none is \
                   translated.",
        cause: "The load balancer announces the address from a node without a pod of the Service.",
        remedy: "Let the load balancer move the address to the pods (`externalTrafficPolicy: Local` with a load \
                 balancer that follows it), or run a replica on this node.",
    },
    CodeEntry {
        code: "endpoint-is-this-node",
        level: WARNING,
        sentence: "An endpoint has an address of this node's own interfaces and is never translated.",
        cause: "The pod runs on the node's network (`hostNetwork`), or the EndpointSlice lists a wrong address.",
        remedy: "Run the pod on the pod network, or correct the EndpointSlice.",
    },
    CodeEntry {
        code: "endpoint-outside-pod-networks",
        level: WARNING,
        sentence: "An endpoint is in no known pod network, and other pods of its network may be at private \
                   destinations.",
        cause: "The address comes from a pool that no Node's `spec.podCIDRs` has, as pools of Calico or Cilium. \
                Packets of the pod to private destinations are not translated, or, after an update from a release \
                that translated them, still are; the message says which.",
        remedy: "Add the network to `--inside-networks` (`EGRESSD_INSIDE_NETWORKS`), or set that to `none` where the \
                 pods reach no other pod by it.",
    },
    CodeEntry {
        code: "endpoint-unusable",
        level: WARNING,
        sentence: "An endpoint has an address that no pod has and is never translated.",
        cause: "An EndpointSlice that was written by hand or by another controller lists, for example, a loopback \
                address.",
        remedy: "Correct the EndpointSlice.",
    },
    CodeEntry {
        code: "foreign-pod",
        level: WARNING,
        sentence: "An EndpointSlice lists a pod of another namespace, which is not translated for this Service.",
        cause: "The slice was written by hand or by another controller than that of Kubernetes. Without this check, \
                a namespace could take the pods of another one.",
        remedy: "Correct the EndpointSlice.",
    },
    CodeEntry {
        code: "host-network-endpoint",
        level: WARNING,
        sentence: "An endpoint is on the network of a node and is never translated.",
        cause: "The pod has `hostNetwork: true`, so its packets are those of the node.",
        remedy: "Run the pod on the pod network.",
    },
    CodeEntry {
        code: "overlap",
        level: INFO_OR_WARNING,
        sentence: "A pod belongs to another Service too, and one of the two Services takes precedence for the source \
                   address.",
        cause: "The selectors of both Services match the pod. It is a warning on the Service that has lower \
                precedence, and information on the one that takes precedence.",
        remedy: "Let one Service alone select the pod, or make the rules of both exclude each other by networks or \
                 ports. The order is that of P13 in docs/properties.md.",
    },
    CodeEntry {
        code: "pod-address-duplicate",
        level: WARNING,
        sentence: "Pods of two namespaces have one address, and none of them is translated.",
        cause: "One of the pods has not ended yet, or the pod network gave an address twice.",
        remedy: "Wait until one of the two has ended, or end it.",
    },
    CodeEntry {
        code: "pods-blocked",
        level: WARNING,
        sentence: "Endpoints on this node are not translated now, and what they send out of the cluster is dropped.",
        cause: "`on-unavailable: drop` is in force for the Service (annotation, policy or `--on-unavailable`), and its \
                address is on another node or unknown, its input is invalid, or a policy failed: another finding of \
                the Service states which.",
        remedy: "Correct what the other finding states, or set `egressd.io/on-unavailable: pass` to let the packets \
                 leave with another source (docs/fail-closed.md).",
    },
    CodeEntry {
        code: "pods-not-listed",
        level: INFO,
        sentence: "Addresses of pods that the Service selects are in no EndpointSlice, and what they send out of the \
                   cluster is dropped.",
        cause: "`on-unavailable: drop` is in force for the Service, and the pods of the node are known. The address is \
                of a family or a network that the Service has not, or no EndpointSlice lists the pod two seconds after \
                it came.",
        remedy: "Make the Service dual-stack where its pods are and should reach destinations of both families \
                 (docs/fail-closed.md). Where no EndpointSlice lists the pod by any address, see whether the \
                 endpoint-slice controller of the cluster works.",
    },
    CodeEntry {
        code: "remote-endpoints",
        level: INFO_OR_WARNING,
        sentence: "Endpoints of the Service run on other nodes than the one that has its address and leave with \
                   another source address.",
        cause: "Only the node that has the address can translate to it. It is information with `--owner address`, \
                where other nodes may have the address too.",
        remedy: "Keep the replicas on the node that has the address, or run fewer.",
    },
    CodeEntry {
        code: "unknown-pod",
        level: WARNING,
        sentence: "An EndpointSlice lists an address on this node that no pod has, and it is not translated.",
        cause: "The slice is out of date or was written by hand. With manifests: one Pod there means that all Pods \
                of the node are there.",
        remedy: "Correct the EndpointSlice, or add the Pod to the manifests.",
    },
];
