//! Requests and limits.

use super::entry::{ANY, CodeEntry, ERROR, INFO, WARNING, WARNING_OR_ERROR};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "bad-on-unavailable",
        level: ERROR,
        sentence: "The annotation `egressd.io/on-unavailable` has a value that is neither `drop` nor `pass`, or its name \
                   is misspelled.",
        cause: "The value or the name is misspelled. It counts as `drop`, since `pass` is the default and needs no \
                annotation.",
        remedy: "Correct the name, write `drop` or `pass`, or remove the annotation (docs/fail-closed.md).",
    },
    CodeEntry {
        code: "change-under-way",
        level: INFO,
        sentence: "A large change is carried out in parts: some endpoints have it, and the others are as before.",
        cause: "A change of many elements is committed in slices, so that small changes do not wait for it.",
        remedy: "None is needed; the finding goes when the change is complete.",
    },
    CodeEntry {
        code: "kube-vip-egress",
        level: WARNING,
        sentence: "kube-vip's own egress acts, or acted, on the same Service.",
        cause: "kube-vip wrote its annotation on the Service, or a table of its name is on this node.",
        remedy: "Give egressd another annotation prefix and `--instance-name` (`EGRESSD_INSTANCE_NAME`), or turn kube-vip's egress off and \
                 remove what it left (docs/beside.md).",
    },
    CodeEntry {
        code: "misspelled-name",
        level: WARNING_OR_ERROR,
        sentence: "An annotation or label that is not read looks like one of egress.",
        cause: "The name is misspelled, has the wrong case or domain, or is a label instead of an annotation. It is \
                an error where a restriction that was asked for would be lost; what was accepted last stays in force \
                then.",
        remedy: "Write the name that the message gives, or remove the annotation or label.",
    },
    CodeEntry {
        code: "more-findings",
        level: ANY,
        sentence: "There are more findings of this kind than are listed.",
        cause: "Of many findings the 16 worst are kept. The severity is the worst of those that are left out.",
        remedy: "Correct the findings that are listed and look again.",
    },
    CodeEntry {
        code: "namespace-limit",
        level: ERROR,
        sentence: "The change would exceed a limit of the namespace on this node, so it is not in force.",
        cause: "The Services of the namespace have too many elements, networks or pods with a chain of rules; the \
                message has the number, the limit and the option.",
        remedy: "Name fewer ports or networks or wider networks, or translate fewer pods; an administrator can raise \
                 the limit (`--limit-namespace-...`).",
    },
    CodeEntry {
        code: "no-effect",
        level: WARNING,
        sentence: "A setting has no effect.",
        cause: "`egress_withnftables` is `false`, and egressd uses nftables only. The policy `annotations` reports \
                annotations without effect by the same code.",
        remedy: "Remove the setting.",
    },
    CodeEntry {
        code: "node-limit",
        level: ERROR,
        sentence: "The change would exceed a limit of the node, so it is not in force.",
        cause: "All namespaces together have too many elements, networks or pods with a chain of rules, and this \
                namespace has a larger share than others.",
        remedy: "Name fewer ports or networks, or translate fewer pods; an administrator can raise the limit \
                 (`--limit-node-...`).",
    },
    CodeEntry {
        code: "not-in-force",
        level: ERROR,
        sentence: "A change of the Service is not in force; what was in force before stays.",
        cause: "The kernel refused the change, or its state could not be read. The change is tried again after 0.1 \
                s, then after twice as long each time, up to 10 s.",
        remedy: "See the reason in the message and the log of egressd on this node.",
    },
    CodeEntry {
        code: "service-limit",
        level: ERROR,
        sentence: "The change would exceed a limit of one Service on this node, so it is not in force.",
        cause: "The Service has too many rules or networks; the message has the number, the limit and the option.",
        remedy: "Ask for fewer rules, or name fewer or wider networks; an administrator can raise the limit \
                 (`--limit-service-...`).",
    },
    CodeEntry {
        code: "service-limit-endpoints",
        level: ERROR,
        sentence: "The Service has more endpoints than one may have, and no further endpoint is translated.",
        cause: "The number of endpoints exceeds `--limit-service-endpoints`. Those that are translated already stay \
                so.",
        remedy: "Divide the pods among several Services, or raise the limit.",
    },
    CodeEntry {
        code: "service-unreadable",
        level: ERROR,
        sentence: "The Service cannot be read; the rules that it had before egressd started stay in force for its \
                   current endpoints.",
        cause: "A field of the object has another type than it should; the message names it.",
        remedy: "Correct the field.",
    },
];
