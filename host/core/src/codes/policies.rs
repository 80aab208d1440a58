//! Policies.

use super::entry::{CodeEntry, ERROR, INFO, WARNING, WARNING_OR_ERROR};

pub(super) const ENTRIES: &[CodeEntry] = &[
    CodeEntry {
        code: "answer-refused",
        level: ERROR,
        sentence: "The answer of the policies is refused, and what was in force before stays.",
        cause: "The answer has a pod or an address that is not the Service's own, too many rules, or a rule that \
                cannot be.",
        remedy: "Correct the policy; the message names what is refused. Until then its last good rules stay in \
                 force.",
    },
    CodeEntry {
        code: "bad-policy-annotation",
        level: ERROR,
        sentence: "An annotation of a policy's ConfigMap has a value that cannot be read, so the policy is refused.",
        cause: "The value is not one of those that the message lists, or contradicts another annotation.",
        remedy: "Correct the annotation. A good policy of the same name stays in force until then.",
    },
    CodeEntry {
        code: "bad-policy-name",
        level: ERROR,
        sentence: "The name of a policy's ConfigMap is not a valid lowercase DNS name, so the policy is refused.",
        cause: "The name becomes the name of a file and a label of metrics.",
        remedy: "Use a name like `my-policy`.",
    },
    CodeEntry {
        code: "draft-not-supported",
        level: ERROR,
        sentence: "A policy cannot be shown what an earlier policy answered, so the Service is denied.",
        cause: "The policy is a component of contract 0.1.0, which has no form for a field of that answer; the \
                message names rule and field.",
        remedy: "Rebuild the policy with contract 0.2.0, or leave the field out of the answer.",
    },
    CodeEntry {
        code: "kernel-rules-kept",
        level: INFO,
        sentence: "The last accepted configuration is unknown to this egressd, so the rules that the kernel has for \
                   this Service stay.",
        cause: "The state is in a file that a newer egressd wrote or that cannot be read, and the newest input is \
                invalid or a policy failed.",
        remedy: "Correct the Service's annotations, or run the newer egressd again (docs/upgrade.md).",
    },
    CodeEntry {
        code: "last-good-in-force",
        level: INFO,
        sentence: "The newest input is not in force; what was accepted last, or the last good rules, stay in force \
                   for the current endpoints.",
        cause: "The annotations are invalid, or a policy failed.",
        remedy: "Correct what the other findings on this Service name.",
    },
    CodeEntry {
        code: "no-policy-module",
        level: ERROR,
        sentence: "The ConfigMap of a policy has no component, or two, so the policy is refused.",
        cause: "`binaryData` has neither `policy.wasm` nor `policy.wasm.gz`, or both.",
        remedy: "Write the ConfigMap with `egressd policy pack`.",
    },
    CodeEntry {
        code: "nothing-in-force",
        level: INFO,
        sentence: "Nothing was accepted before, so nothing is translated for this Service.",
        cause: "The first annotations of the Service are invalid, or a policy failed before it answered once.",
        remedy: "Correct what the other findings on this Service name.",
    },
    CodeEntry {
        code: "policy-elsewhere",
        level: WARNING,
        sentence: "A manifest has a policy of another namespace than that of egressd, and it is not used.",
        cause: "Policies are taken from the namespace of `--namespace` (`EGRESSD_NAMESPACE`) only.",
        remedy: "Put the ConfigMap into that namespace, or set `--namespace` (`EGRESSD_NAMESPACE`).",
    },
    CodeEntry {
        code: "policy-failed",
        level: WARNING_OR_ERROR,
        sentence: "A policy could not answer about this Service.",
        cause: "The component ended with an error, used more time, fuel or memory than it may, or gave an invalid \
                answer. It is a warning where `egressd.io/on-failure` is `skip`.",
        remedy: "See the reason in the message; correct the policy, or raise the limit that it names. `egressd \
                 policy run` shows the same offline.",
    },
    CodeEntry {
        code: "policy-refused",
        level: ERROR,
        sentence: "A policy is not loaded.",
        cause: "Its ConfigMap, its settings or its component cannot be used, or it exceeds the limits of all policies \
                together. `plan` reports this code; `status` has the sentence under the policy.",
        remedy: "Correct what the message names. A good policy of the same name stays in force until then.",
    },
    CodeEntry {
        code: "policy-throttled",
        level: WARNING,
        sentence: "A policy is evaluated once per second only, and this Service waits; its rules stay in force.",
        cause: "The failures of the policy used 30 % of the last minute.",
        remedy: "Correct the policy; each Service has its turn meanwhile.",
    },
    CodeEntry {
        code: "subject-not-supported",
        level: ERROR,
        sentence: "A policy cannot be shown an object of this kind, so the object is denied.",
        cause: "The object is in the scope of the policy, and the kind is not among those that its component \
                handles.",
        remedy: "Rebuild the policy with this kind in its subject kinds, or take the object out of its scope.",
    },
    CodeEntry {
        code: "unknown-policy-annotation",
        level: ERROR,
        sentence: "The ConfigMap of a policy has an annotation or label of egressd that is not known, so the policy \
                   is refused.",
        cause: "The name is misspelled, or a label stands where an annotation should.",
        remedy: "Write the annotation that the message names.",
    },
];
