//! The changes of one set: additions first, deletions last.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Verb;
use crate::net::{AddressRange, are_merged, differing, merge_ranges, without};
use crate::ruleset::{Name, Set, SetKey, SetKeyKind};

/// What leads from one content of a set to another.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Additions, before all other changes.
    pub(super) widen: Vec<Verb>,
    /// Deletions, after all other changes.
    pub(super) narrow: Vec<Verb>,
}

impl Steps {
    /// Of the set of this name. Both contents are of one kind; else there is nothing that could be done in place.
    pub(super) fn between(name: &Name, old: &Set, new: &Set) -> Self {
        match (old, new) {
            (Set::Ranges(_, old), Set::Ranges(_, new)) => ranges(name, old, new),
            (Set::Addresses(_, old), Set::Addresses(_, new)) => addresses(name, old, new),
            (Set::Keys(kind, old), Set::Keys(other, new)) if kind == other => keys(name, *kind, old, new),
            (Set::Ranges(..) | Set::Addresses(..) | Set::Keys(..) | Set::Timed(_), _) => Self::default(),
        }
    }
}

/// What fills a set that was made just now.
pub(super) fn fill(name: &Name, set: &Set) -> Option<Verb> {
    match set {
        Set::Ranges(_, ranges) => Some(Verb::RefillSet(name.clone(), ranges.clone())),
        Set::Addresses(_, addresses) => {
            members(addresses.iter().copied()).map(|all| Verb::AddMembers(name.clone(), all))
        }
        Set::Keys(kind, keys) => members(keys.iter().copied()).map(|all| Verb::AddKeys(name.clone(), *kind, all)),
        Set::Timed(_) => None,
    }
}

/// Old and new are one content after the other, and both at once in between.
fn ranges(name: &Name, old: &[AddressRange], new: &[AddressRange]) -> Steps {
    if old == new {
        return Steps::default();
    }
    // Ranges that touch are not ours. Where others have written, which elements the kernel has is not known for sure,
    // and it would refuse to delete what it has in another form.
    if !are_merged(old) {
        let refill = |ranges: &[AddressRange]| Verb::RefillSet(name.clone(), ranges.to_vec());
        let both = merge_ranges(old.iter().chain(new).copied());
        let narrow = (both != new).then(|| refill(new));
        return Steps { widen: vec![refill(&both)], narrow: narrow.into_iter().collect() };
    }
    // What is the same before and behind touches nothing in between, since it is there beside both.
    let (go, come) = differing(old, new);
    let both = merge_ranges(go.iter().chain(come).copied());
    let most = old.len().max(new.len());
    let widen = exchange(name, go, &both, most);
    let narrow = exchange(name, &both, come, most);
    let all_of_both = || merge_ranges(old.iter().chain(new).copied());
    let refill = |ranges| vec![Verb::RefillSet(name.clone(), ranges)];
    Steps {
        widen: widen.unwrap_or_else(|| refill(all_of_both())),
        narrow: narrow.unwrap_or_else(|| refill(new.to_vec())),
    }
}

/// Replaces ranges by others, of which some may be the same: by those that differ, in one batch. What grows or shrinks
/// goes before it comes, since the kernel takes no range that overlaps another. None where that is more than `most`.
fn exchange(name: &Name, old: &[AddressRange], new: &[AddressRange], most: usize) -> Option<Vec<Verb>> {
    let [go, come] = [(old, new), (new, old)].map(|(these, those)| without(these, those).copied().collect::<Vec<_>>());
    if go.len() + come.len() > most {
        return None;
    }
    let go = (!go.is_empty()).then(|| Verb::DeleteRanges(name.clone(), go));
    let come = (!come.is_empty()).then(|| Verb::AddRanges(name.clone(), come));
    Some(go.into_iter().chain(come).collect())
}

fn addresses(name: &Name, old: &BTreeSet<IpAddr>, new: &BTreeSet<IpAddr>) -> Steps {
    let come = members(new.difference(old).copied());
    let go = members(old.difference(new).copied());
    Steps {
        widen: come.map(|come| Verb::AddMembers(name.clone(), come)).into_iter().collect(),
        narrow: go.map(|go| Verb::DeleteMembers(name.clone(), go)).into_iter().collect(),
    }
}

fn keys(name: &Name, kind: SetKeyKind, old: &BTreeSet<SetKey>, new: &BTreeSet<SetKey>) -> Steps {
    let come = members(new.difference(old).copied());
    let go = members(old.difference(new).copied());
    Steps {
        widen: come.map(|come| Verb::AddKeys(name.clone(), kind, come)).into_iter().collect(),
        narrow: go.map(|go| Verb::DeleteKeys(name.clone(), kind, go)).into_iter().collect(),
    }
}

fn members<T>(members: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let all: Vec<T> = members.collect();
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testkit::n;

    /// As nft prints what leads from one to the other, beside ranges that stay: what is added at first, and what is
    /// taken away at last.
    fn steps(old: &[&str], new: &[&str]) -> [Vec<String>; 2] {
        let stay = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"];
        let all = |ranges: &[&str]| {
            let mut all: Vec<AddressRange> = ranges.iter().chain(&stay).map(|text| n(text).into()).collect();
            all.sort();
            all
        };
        let Steps { widen, narrow } = ranges(&Name::new("s").unwrap(), &all(old), &all(new));
        let texts = |ranges: &[AddressRange]| ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let text = |verb: &Verb| {
            if let Verb::AddRanges(_, ranges) = verb {
                return format!("+ {}", texts(ranges));
            }
            if let Verb::DeleteRanges(_, ranges) = verb {
                return format!("- {}", texts(ranges));
            }
            assert!(matches!(verb, Verb::RefillSet(..)), "{verb:?}");
            "RefillSet".to_owned()
        };
        [widen, narrow].map(|verbs| verbs.iter().map(text).collect())
    }

    fn are(steps: [Vec<String>; 2], widen: &[&str], narrow: &[&str]) {
        assert_eq!(steps, [widen, narrow].map(|texts| texts.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }

    #[test]
    fn a_range_more_or_less_is_one_element() {
        are(steps(&["10.0.0.0/24"], &["10.0.0.0/24", "10.0.2.0/24"]), &["+ 10.0.2.0/24"], &[]);
        are(steps(&["10.0.0.0/24", "10.0.2.0/24"], &["10.0.2.0/24"]), &[], &["- 10.0.0.0/24"]);
        are(steps(&["10.0.0.0/24"], &["10.0.2.0/24"]), &["+ 10.0.2.0/24"], &["- 10.0.0.0/24"]);
        are(steps(&["10.0.0.0/24"], &["10.0.0.0/24"]), &[], &[]);
    }

    #[test]
    fn a_range_of_another_size_goes_before_it_comes() {
        are(steps(&["10.0.0.0/24"], &["10.0.0.0/23"]), &["- 10.0.0.0/24", "+ 10.0.0.0/23"], &[]);
        are(steps(&["10.0.0.0/23"], &["10.0.1.0/24"]), &[], &["- 10.0.0.0/23", "+ 10.0.1.0/24"]);
        let (wide, moved) = (["- 10.0.0.0/24", "+ 10.0.0.0/23"], ["- 10.0.0.0/23", "+ 10.0.1.0/24"]);
        are(steps(&["10.0.0.0/24"], &["10.0.1.0/24"]), &wide, &moved);
    }

    #[test]
    fn what_others_divided_is_written_anew_and_so_is_what_nearly_all_changes() {
        are(steps(&["10.0.0.0/25", "10.0.0.128/25"], &["10.0.0.0/24"]), &["RefillSet"], &[]);
        let old = ["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24", "10.0.6.0/24", "10.0.8.0/24"];
        let new = ["10.0.0.0/25", "10.0.2.0/25", "10.0.4.0/25", "10.0.6.0/25", "10.0.8.0/25"];
        are(steps(&old, &new), &[], &["RefillSet"]);
        are(steps(&new, &old), &["RefillSet"], &[]);
    }
}
