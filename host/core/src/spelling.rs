//! Names that are almost right. The built-in policy has the same `edits`: neither crate may depend on the other.

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
    fn the_nearest_of_several_is_taken_and_of_equals_the_first_by_name() {
        assert_eq!(nearest("egress-ipv", ["egress", "egress-ipv6", "egress-ipv4"]), Some((1, "egress-ipv4")));
        assert_eq!(nearest("LOADBALANCERIPS", ["loadbalancerIPs"]), Some((0, "loadbalancerIPs")));
    }
}
