//! Names that are almost right.

use egressd_policy_sdk::spelling::{nearest, same_terms, terms};

use crate::annotations::{Annotation, BESIDE_EGRESS, EGRESS};

/// What to write instead of a name that is not known: the nearest by its full name, or which there are. `egress` itself
/// is what asks for IPv4, and no other letter away from `egress-ipv6`.
pub(crate) fn right_names(annotation: &Annotation<'_>) -> String {
    let prefix = annotation.full_name.strip_suffix(annotation.name).unwrap_or_default();
    if terms(annotation.name).iter().eq(["egress", "ipv4"]) {
        return format!("write {prefix}{EGRESS}, which covers IPv4");
    }
    let all = BESIDE_EGRESS.into_iter().chain([EGRESS]);
    let known = nearest(annotation.name, all).map(|(_, known)| known);
    let known = known.or_else(|| same_terms(annotation.name, BESIDE_EGRESS));
    known.map_or_else(|| format!("write one of {}", BESIDE_EGRESS.join(", ")), |known| format!("write {prefix}{known}"))
}

#[cfg(test)]
mod tests {
    use super::{Annotation, BESIDE_EGRESS, right_names};

    fn right(name: &str) -> String {
        right_names(&Annotation { full_name: &format!("example.org/{name}"), name, value: "" })
    }

    #[test]
    fn two_wrong_letters_are_recognised_and_three_are_not() {
        for (name, known) in [
            ("egresss", "egress"),
            ("egress-destination-port", "egress-destination-ports"),
            ("egress-Destination-Ports", "egress-destination-ports"),
            ("egress-allow-networks", "egress-allowed-networks"),
            ("egress-deniednetworks", "egress-denied-networks"),
            ("egress-networks-allowed", "egress-allowed-networks"),
            ("egress-allowed-cidrs", "egress-allowed-networks"),
            ("egressDeniedIPs", "egress-denied-networks"),
            ("egress-dst-port", "egress-destination-ports"),
            ("egress-flush-conntrack", "flush-conntrack"),
            ("egress-v6", "egress-ipv6"),
        ] {
            assert_eq!(right(name), format!("write example.org/{known}"));
        }
        for name in ["egress-ipv4", "egress-IPv4", "egressV4"] {
            assert_eq!(right(name), "write example.org/egress, which covers IPv4");
        }
        for name in ["egress-ports", "egress-ipv4-networks", "egress-owner", "egress-destination"] {
            assert_eq!(right(name), format!("write one of {}", BESIDE_EGRESS.join(", ")), "{name}");
        }
    }
}
