//! Names that are almost right: the nearest known one, and names that have the same terms.

use std::collections::BTreeSet;

/// How many letters may be wrong, missing or too many. Three would take `egress-ip` for `egress-ipv6`, and more.
pub const MOST_EDITS: usize = 2;

/// How many letters lie between two names; more than [`MOST_EDITS`] where their lengths say so already.
pub fn edits(name: &str, known: &str) -> usize {
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

/// The one of these that is nearest to a name, whatever the case, if it is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let name = name.to_ascii_lowercase();
    let all = known.into_iter().map(|known| (edits(&name, &known.to_ascii_lowercase()), known));
    all.filter(|(edits, _)| *edits <= MOST_EDITS).min()
}

/// The longest name that Kubernetes takes, without its domain.
const LONGEST_NAME: usize = 63;

/// The terms that names are made of, each with others that people write for it, without the `s` of a plural.
const TERMS: [(&str, &[&str]); 9] = [
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

/// Of terms so short a wrong letter makes another one.
const SHORTEST_WITH_A_SLIP: usize = 6;

/// The first of some names that has the terms of this one, in whatever order. `egress` may be missing, and may be too
/// much, where two terms are left.
pub fn same_terms<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = terms(name);
    if name.len() < 2 {
        return None;
    }
    let meant = |known: &str| known.contains('-') && without_egress(terms(known)) == without_egress(name.clone());
    known.into_iter().find(|known| meant(known))
}

fn without_egress(mut terms: BTreeSet<String>) -> BTreeSet<String> {
    terms.remove("egress");
    terms
}

/// The terms of a name, each as it is called here; of a name that nothing can have, none.
pub fn terms(name: &str) -> BTreeSet<String> {
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
    parts.iter().filter(|part| !part.is_empty()).map(|part| term(part)).collect()
}

fn term(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    let singular = if lower.ends_with("ss") { &lower } else { lower.strip_suffix('s').unwrap_or(&lower) };
    let called = |(term, others): &&(&str, &[&str])| singular == *term || others.contains(&singular);
    let slipped =
        |(term, _): &&(&str, &[&str])| term.len() >= SHORTEST_WITH_A_SLIP && edits(singular, term) < MOST_EDITS;
    let known = TERMS.iter().find(called).or_else(|| TERMS.iter().find(slipped));
    known.map_or(singular, |(term, _)| term).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_wrong_letters_are_recognised_and_three_are_not() {
        for (name, known, near) in [
            ("egress", "egress", true),
            ("egres", "egress", true),
            ("egerss", "egress", true),
            ("EGRESS", "egress", true),
            ("egr", "egress", false),
            ("egressing", "egress", false),
            ("egress-ip", "egress-ipv6", true),
            ("egress-owner", "egress-ipv6", false),
            ("", "ab", true),
            ("ä", "a", true),
        ] {
            assert_eq!(nearest(name, [known]).is_some(), near, "{name} {known}");
        }
    }

    #[test]
    fn names_of_the_same_terms_are_one_name_whatever_their_order_and_number() {
        let known = ["egress", "egress-ipv6", "egress-allowed-networks", "egress-destination-ports", "flush-conntrack"];
        for (name, right) in [
            ("allowed-networks", "egress-allowed-networks"),
            ("networks-allowed", "egress-allowed-networks"),
            ("allowedCIDRs", "egress-allowed-networks"),
            ("egress_allow_ips", "egress-allowed-networks"),
            ("Destination-Egress-Port", "egress-destination-ports"),
            ("egress-dst-ports", "egress-destination-ports"),
            ("destinaton-ports", "egress-destination-ports"),
            ("ipv6-egress", "egress-ipv6"),
            ("egressV6", "egress-ipv6"),
            ("conntrack-flush", "flush-conntrack"),
            ("egress-flush-conntrack", "flush-conntrack"),
        ] {
            assert_eq!(same_terms(name, known), Some(right), "{name}");
        }
        for name in ["", "-", "egress", "ipv6", "ports", "allowed-ports", "ingress-destination-ports", "egress-egress"]
        {
            assert_eq!(same_terms(name, known), None, "{name}");
        }
        assert!(terms(&"egress-".repeat(20)).is_empty());
    }

    #[test]
    fn the_nearest_of_several_is_taken_and_of_equals_the_first_by_name() {
        assert_eq!(nearest("egress-ipv", ["egress", "egress-ipv6", "egress-ipv4"]), Some((1, "egress-ipv4")));
        assert_eq!(nearest("LOADBALANCERIPS", ["loadbalancerIPs"]), Some((0, "loadbalancerIPs")));
    }
}
