//! Names that are almost right.

use egressd_policy_sdk::quoted;

/// What is offered instead of a misspelled name: those that do something.
const KNOWN: [&str; 7] = [
    "egress",
    "egress-ipv6",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "flush-conntrack",
];

/// How many letters may be wrong, missing or too many. Three would take `egress-ip` for `egress-ipv6`, and more.
const MOST_EDITS: usize = 2;

/// What to write instead of `name`.
pub(crate) fn right_name(name: &str) -> String {
    let near = KNOWN.into_iter().map(|known| (edits(name, known), known)).min();
    match near {
        Some((edits, known)) if edits <= MOST_EDITS => format!("write {}", quoted(known)),
        Some(_) | None => "check its spelling".to_owned(),
    }
}

/// How many letters lie between two names; more than [`MOST_EDITS`] where their lengths say so already.
fn edits(name: &str, known: &str) -> usize {
    if name.len().abs_diff(known.len()) > MOST_EDITS {
        return name.len().abs_diff(known.len());
    }
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (line, letter) in name.bytes().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, other) in known.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[known.len()]
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, right_name};

    #[test]
    fn two_wrong_letters_are_recognised_and_three_are_not() {
        for (name, right) in [
            ("egress-destination-port", "write \"egress-destination-ports\""),
            ("egress-allow-networks", "write \"egress-allowed-networks\""),
            ("egress-deniednetworks", "write \"egress-denied-networks\""),
            ("egress-ipv4", "write \"egress-ipv6\""),
            ("egress-ports", "check its spelling"),
            ("egress-owner", "check its spelling"),
            ("egress-destination", "check its spelling"),
        ] {
            assert_eq!(right_name(name), right, "{name}");
        }
    }

    #[test]
    fn a_right_name_is_its_own_nearest() {
        for name in KNOWN {
            assert_eq!(right_name(name), format!("write {name:?}"));
        }
    }
}
