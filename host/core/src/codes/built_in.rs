//! The built-in policy, and the SDK that it is built with.

use super::entry::{CodeEntry, ERROR, INFO, WARNING, WARNING_OR_ERROR};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "backwards-range",
        level: ERROR,
        sentence: "The first port of a range is greater than the last.",
        cause: "An item of a list of ports is written like `tcp:90-80`.",
        remedy: "Write the smaller port first, as in `tcp:80-90`.",
    },
    CodeEntry {
        code: "bad-prefix-length",
        level: ERROR,
        sentence: "An item of a list of networks has a prefix length that cannot be.",
        cause: "Behind the slash stands a netmask, nothing, a number with leading zeros, or more than 32 (IPv4) or \
                128 (IPv6).",
        remedy: "Write a length, as in `192.0.2.0/24` or `2001:db8::/32`.",
    },
    CodeEntry {
        code: "bad-rule",
        level: ERROR,
        sentence: "A policy made a rule that cannot be; every policy in Rust can report this by the SDK.",
        cause: "The rule has addresses of two families, an empty list or an empty id, or two rules have one id. From \
                the built-in policy it is a defect of egressd.",
        remedy: "Correct the policy. Report it with the Service if it is the built-in one.",
    },
    CodeEntry {
        code: "bad-settings",
        level: ERROR,
        sentence: "The settings of a policy cannot be used; every policy in Rust reports this by the SDK.",
        cause: "They are no JSON object, have an unknown member, or a value that the policy does not accept.",
        remedy: "Correct what the message names. `egressd policy run --help` shows how to try settings offline.",
    },
    CodeEntry {
        code: "empty-filter",
        level: WARNING,
        sentence: "An annotation for ports or allowed networks is empty, so it restricts nothing.",
        cause: "An empty value counts as an annotation that is not set, as charts write it.",
        remedy: "Fill in the value, or remove the annotation.",
    },
    CodeEntry {
        code: "empty-item",
        level: ERROR,
        sentence: "A list has an empty item.",
        cause: "There are two commas in a row, or one at the beginning or the end.",
        remedy: "Write an item between the commas, or leave out a comma.",
    },
    CodeEntry {
        code: "host-bits",
        level: ERROR,
        sentence: "A network has bits behind its prefix.",
        cause: "An item is written like `192.0.2.5/24`, which may mean the network or the one address.",
        remedy: "Write the network (`192.0.2.0/24`), or the address alone (`192.0.2.5`).",
    },
    CodeEntry {
        code: "ignored",
        level: INFO,
        sentence: "Egress is requested, and `ignore` takes the Service out of it, so nothing is translated.",
        cause: "`ignore` is `\"true\"`, or reads like it.",
        remedy: "Remove `ignore` to translate, or `egress` to end this finding.",
    },
    CodeEntry {
        code: "ipv4-mapped",
        level: ERROR,
        sentence: "A network is an IPv4 address written as IPv6, which no packet carries.",
        cause: "An item is written like `::ffff:192.0.2.1`.",
        remedy: "Write it as IPv4, as in `192.0.2.1`.",
    },
    CodeEntry {
        code: "more-items",
        level: ERROR,
        sentence: "A list has more items behind 15 bad ones, and they are not read.",
        cause: "An answer of a policy has at most 16 findings.",
        remedy: "Correct the items that are listed and look again.",
    },
    CodeEntry {
        code: "no-address",
        level: WARNING_OR_ERROR,
        sentence: "The Service has no address of a family, so no traffic of this family is translated.",
        cause: "`status.loadBalancer.ingress` is empty (warning), or has addresses of the other family only (error).",
        remedy: "Let kube-vip or another load balancer give the Service an address of the family; or, where it needs \
                 no IPv6, remove `egress-ipv6`.",
    },
    CodeEntry {
        code: "no-allowed-network",
        level: WARNING,
        sentence: "`egress-allowed-networks` names no network of a family, so no traffic of this family is translated.",
        cause: "All items of the list are of the other family.",
        remedy: "Add a network of the family, `0.0.0.0/0` or `::/0` for all of it.",
    },
    CodeEntry {
        code: "no-colon",
        level: ERROR,
        sentence: "An item of a list of ports has a slash between protocol and port.",
        cause: "It is written as in other programs, like `tcp/443` or `443/tcp`.",
        remedy: "Write `tcp:443`.",
    },
    CodeEntry {
        code: "no-comma",
        level: ERROR,
        sentence: "The items of a list are separated by something else than commas.",
        cause: "There are blanks, `;` or `|` between them.",
        remedy: "Write commas, as in `tcp:80,tcp:443`.",
    },
    CodeEntry {
        code: "no-local-endpoint",
        level: INFO,
        sentence: "No endpoint of the Service and the family runs on this node, so there is nothing to translate here.",
        cause: "The pods run on other nodes; or, as the message says, on none: the selector matches no pod of the \
                namespace, or the pods have no address of the family.",
        remedy: "None is needed on a node without pods of the Service. Otherwise correct the selector, or the \
                 families of the pods.",
    },
    CodeEntry {
        code: "no-protocol",
        level: ERROR,
        sentence: "An item of a list of ports has no protocol.",
        cause: "It is a number alone, like `443`.",
        remedy: "Write the protocol before it, as in `tcp:443`.",
    },
    CodeEntry {
        code: "not-a-boolean",
        level: ERROR,
        sentence: "The value of an annotation is neither `\"true\"` nor `\"false\"`.",
        cause: "The value is, for example, `\"True\"`, `\"yes\"` or `\"1\"`. kube-vip takes those for no.",
        remedy: "Write `\"true\"` or `\"false\"`, with quotes in YAML.",
    },
    CodeEntry {
        code: "not-a-list",
        level: ERROR,
        sentence: "A list is written as JSON.",
        cause: "There are quotes in an item, as in `[\"10.0.0.0/8\"]`.",
        remedy: "Write items between commas, without brackets and quotes.",
    },
    CodeEntry {
        code: "not-a-load-balancer",
        level: ERROR,
        sentence: "The Service is not of type LoadBalancer, so it has no address of its own to translate to.",
        cause: "`spec.type` is ClusterIP, NodePort or ExternalName.",
        remedy: "Set `spec.type` to LoadBalancer, or remove `egress`.",
    },
    CodeEntry {
        code: "not-a-network",
        level: ERROR,
        sentence: "An item of a list of networks is not a network or address.",
        cause: "It is, for example, a name, a range of addresses, an address in brackets, or misspelled. Names are \
                not looked up.",
        remedy: "Write a network like `192.0.2.0/24` or `2001:db8::/32`, or an address like `192.0.2.7`.",
    },
    CodeEntry {
        code: "not-a-port",
        level: ERROR,
        sentence: "An item of a list of ports has something else than a number in place of a port.",
        cause: "It has a name, as in `tcp:http`, nothing, or a number with leading zeros.",
        remedy: "Write the number, as in `tcp:80`, or a range, as in `tcp:8000-8999`.",
    },
    CodeEntry {
        code: "nothing-left",
        level: WARNING,
        sentence: "`egress-denied-networks` denies every allowed network of a family, so nothing is translated to it.",
        cause: "The denied networks cover the allowed ones, or everything where none are named. Denied ones win.",
        remedy: "List only the intended networks in `egress-allowed-networks`, or deny fewer.",
    },
    CodeEntry {
        code: "port-out-of-range",
        level: ERROR,
        sentence: "A port is 0 or greater than 65535.",
        cause: "The number is misspelled, or 0 stands for all ports.",
        remedy: "Write a port from 1 to 65535. For all ports of a protocol write a range, as in `tcp:1-65535`.",
    },
    CodeEntry {
        code: "reads-as-false",
        level: WARNING,
        sentence: "The value of an annotation reads like no, and counts as `\"false\"`.",
        cause: "The value is, for example, `\"False\"`, `\"no\"` or `\"0\"`.",
        remedy: "Write `\"false\"`.",
    },
    CodeEntry {
        code: "reads-as-true",
        level: WARNING,
        sentence: "The value of `ignore` reads like yes, and counts as `\"true\"`.",
        cause: "The value is, for example, `\"True\"`, `\"yes\"` or `\"1\"`.",
        remedy: "Write `\"true\"`, or remove the annotation to translate.",
    },
    CodeEntry {
        code: "too-many-items",
        level: ERROR,
        sentence: "The annotations of the Service have more ports or networks than a rule may have.",
        cause: "There are more than 4,096 allowed and denied networks of a family together, or more than 1,024 source \
                and destination ports, or a single list has more than that.",
        remedy: "Write wider networks and ranges of ports, or fewer.",
    },
    CodeEntry {
        code: "too-many-parts",
        level: ERROR,
        sentence: "An item of a list of ports has more than one colon.",
        cause: "A range is written like `tcp:8000:9000`, or two items have no comma between them.",
        remedy: "Write a range as `tcp:8000-9000`, and other ports as items of their own.",
    },
    CodeEntry {
        code: "unknown-annotation",
        level: WARNING_OR_ERROR,
        sentence: "The Service has an annotation that begins like those of egress, and there is none of that name.",
        cause: "The name is misspelled. Beside `egress: \"true\"` it is an error, since the restriction that it asks \
                for would be lost; otherwise a warning.",
        remedy: "Write the name that the message gives, or remove the annotation.",
    },
    CodeEntry {
        code: "unknown-protocol",
        level: ERROR,
        sentence: "An item of a list of ports has a protocol other than `tcp`, `udp` and `sctp`.",
        cause: "The protocol has capitals, is another one, or stands behind the port, as in `443:tcp`.",
        remedy: "Write `tcp`, `udp` or `sctp` before the colon, as in `tcp:443`.",
    },
    CodeEntry {
        code: "without-egress",
        level: WARNING,
        sentence: "An annotation that restricts egress is set without `egress`, so it does nothing.",
        cause: "The annotation `egress` is missing or empty on this Service.",
        remedy: "Set `egress: \"true\"` too, or remove the annotation.",
    },
];
