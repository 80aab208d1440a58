//! Names that are almost right. The host has the same `edits` and `words`: neither crate may depend on the other.

use std::collections::BTreeSet;

use crate::annotations::{Annotation, BESIDE_EGRESS, EGRESS};

/// How many letters may be wrong, missing or too many. Three would take `egress-ip` for `egress-ipv6`, and more.
const MOST_EDITS: usize = 2;

/// What to write instead of a name that is not known: the nearest by its full name, or which there are. `egress` itself is
/// what asks for IPv4, and no other letter away from `egress-ipv6`.
pub(crate) fn right_names(annotation: &Annotation<'_>) -> String {
    let prefix = annotation.full_name.strip_suffix(annotation.name).unwrap_or_default();
    if words(annotation.name).iter().eq(["egress", "ipv4"]) {
        return format!("{prefix}{EGRESS} is what translates IPv4; write that");
    }
    let known = nearest(annotation.name).or_else(|| same_words(annotation.name, BESIDE_EGRESS));
    known.map_or_else(|| format!("write one of {}", BESIDE_EGRESS.join(", ")), |known| format!("write {prefix}{known}"))
}

fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let known = BESIDE_EGRESS.into_iter().chain([EGRESS]);
    let all = known.map(|known| (edits(&name, known), known));
    all.filter(|(edits, _)| *edits <= MOST_EDITS).min().map(|(_, known)| known)
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

/// The longest name that Kubernetes takes, without its domain.
const LONGEST_NAME: usize = 63;

/// The words that names are made of, each with others that people write for it, without the `s` of a plural.
const WORDS: [(&str, &[&str]); 9] = [
    ("egress", &[]),
    ("source", &["src", "from"]),
    ("destination", &["dest", "dst", "target", "to"]),
    ("allowed", &["allow", "permitted", "permit"]),
    ("denied", &["deny", "block", "blocked", "forbidden", "disallowed"]),
    ("network", &["net", "subnet", "cidr", "ip", "addres", "addresse", "range"]),
    ("port", &[]),
    ("ipv4", &["ip4", "v4"]),
    ("ipv6", &["ip6", "v6"]),
];

/// Of words so short a wrong letter makes another one.
const SHORTEST_WITH_A_SLIP: usize = 6;

/// The first of some names that has the words of this one, in whatever order. `egress` may be missing, and may be too much,
/// where two words are left.
fn same_words<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = words(name);
    if name.len() < 2 {
        return None;
    }
    let meant = |known: &str| known.contains('-') && without_egress(words(known)) == without_egress(name.clone());
    known.into_iter().find(|known| meant(known))
}

fn without_egress(mut words: BTreeSet<String>) -> BTreeSet<String> {
    words.remove("egress");
    words
}

/// The words of a name, each as it is called here; of a name that nothing can have, none.
fn words(name: &str) -> BTreeSet<String> {
    if name.len() > LONGEST_NAME {
        return BTreeSet::new();
    }
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() || was_small && letter.is_ascii_uppercase() {
            parts.push(String::new());
        }
        was_small = letter.is_ascii_lowercase();
        parts.last_mut().into_iter().filter(|_| letter.is_ascii_alphanumeric()).for_each(|part| part.push(letter));
    }
    parts.iter().filter(|part| !part.is_empty()).map(|part| word(part)).collect()
}

fn word(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    let singular = if lower.ends_with("ss") { &lower } else { lower.strip_suffix('s').unwrap_or(&lower) };
    let called = |(word, others): &&(&str, &[&str])| singular == *word || others.contains(&singular);
    let slipped =
        |(word, _): &&(&str, &[&str])| word.len() >= SHORTEST_WITH_A_SLIP && edits(singular, word) < MOST_EDITS;
    let known = WORDS.iter().find(called).or_else(|| WORDS.iter().find(slipped));
    known.map_or(singular, |(word, _)| word).to_owned()
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
            assert_eq!(right(name), "example.org/egress is what translates IPv4; write that");
        }
        for name in ["egress-ports", "egress-ipv4-networks", "egress-owner", "egress-destination"] {
            assert_eq!(right(name), format!("write one of {}", BESIDE_EGRESS.join(", ")), "{name}");
        }
    }
}
