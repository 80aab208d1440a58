//! Event reasons.

use super::entry::{CodeEntry, EVENT_WARNING, NORMAL, NORMAL_OR_WARNING};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "Applied",
        level: NORMAL_OR_WARNING,
        sentence: "The Service is translated, or the policy is loaded.",
        cause: "A change of the object came into force. It is of type Warning where a finding of the Service is a \
                warning or an error.",
        remedy: "None is needed; as a Warning, see the finding in the note.",
    },
    CodeEntry {
        code: "Changed",
        level: NORMAL_OR_WARNING,
        sentence: "The Service is translated differently from what the Event before reports.",
        cause: "Endpoints, addresses or findings changed.",
        remedy: "None is needed; as a Warning, see the finding in the note.",
    },
    CodeEntry {
        code: "Denied",
        level: EVENT_WARNING,
        sentence: "A policy denies egress for the Service.",
        cause: "The policy that the note names denied it, or could not be shown the Service.",
        remedy: "See the message of the policy in the note.",
    },
    CodeEntry {
        code: "Invalid",
        level: EVENT_WARNING,
        sentence: "The annotations of the Service, or the ConfigMap of the policy, cannot be used.",
        cause: "The newest input is invalid; what was accepted last stays in force.",
        remedy: "Correct what the note names.",
    },
    CodeEntry {
        code: "NotApplied",
        level: NORMAL_OR_WARNING,
        sentence: "Nothing is translated for the Service on this node, or its newest change is not in force, or the \
                   policy is not loaded.",
        cause: "The note names the cause, as another node that has the address. It is of type Warning where that is \
                a warning or an error.",
        remedy: "None is needed where another node translates; otherwise see the finding in the note.",
    },
    CodeEntry {
        code: "OrphanedTable",
        level: EVENT_WARNING,
        sentence: "A table translates packets of pods, and the egressd that created it no longer runs. The Event \
                   is on the Node.",
        cause: "An instance was removed without `egressd clean`.",
        remedy: "Run the `egressd clean` command in the note.",
    },
    CodeEntry {
        code: "PolicyFailed",
        level: EVENT_WARNING,
        sentence: "A policy could not answer.",
        cause: "The component ended with an error, used more than it may, or gave an invalid answer.",
        remedy: "See the reason in the note; correct the policy.",
    },
    CodeEntry {
        code: "Removed",
        level: NORMAL,
        sentence: "Egress is no longer requested, and the SNAT rules of the Service are removed.",
        cause: "The annotations were removed, or the Service is no longer of type LoadBalancer.",
        remedy: "None is needed.",
    },
    CodeEntry {
        code: "TableChanged",
        level: EVENT_WARNING,
        sentence: "Another program changed a table of egressd, which undid it. The Event is on the Node, once until the \
                   table was left alone for ten minutes.",
        cause: "See the finding `table-changed`.",
        remedy: "Configure the program that the note names to change its own tables only.",
    },
];
