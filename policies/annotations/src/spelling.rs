//! Names that are almost right. The host has the same `edits`: neither crate may depend on the other.

use crate::annotations::{Annotation, BESIDE_EGRESS, EGRESS};

/// How many letters may be wrong, missing or too many. Three would take `egress-ip` for `egress-ipv6`, and more.
const MOST_EDITS: usize = 2;

/// What to write instead of a name that is not known: the nearest by its full name, or which there are.
pub(crate) fn right_names(annotation: &Annotation<'_>) -> String {
    let name = annotation.name.to_ascii_lowercase();
    let known = BESIDE_EGRESS.into_iter().chain([EGRESS]);
    match known.map(|known| (edits(&name, known), known)).min() {
        Some((edits, known)) if edits <= MOST_EDITS => {
            let prefix = annotation.full_name.strip_suffix(annotation.name).unwrap_or_default();
            format!("write {prefix}{known}")
        }
        Some(_) | None => format!("write one of {}", BESIDE_EGRESS.join(", ")),
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
            ("egress-ipv4", "egress-ipv6"),
        ] {
            assert_eq!(right(name), format!("write example.org/{known}"));
        }
        for name in ["egress-ports", "egress-owner", "egress-destination"] {
            assert_eq!(right(name), format!("write one of {}", BESIDE_EGRESS.join(", ")), "{name}");
        }
    }
}
