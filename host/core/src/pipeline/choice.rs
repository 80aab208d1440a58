//! The address that this node uses where a subject has several of one family: the first that it holds. Policies are
//! shown that one first, so theirs is the final choice. It stays as long as the node holds it, so that another one that
//! appears and disappears moves no pod (P3, P6).

use std::net::IpAddr;

use crate::decision::{Draft, Rule};
use crate::finding::{Finding, Severity};
use crate::model::SubjectKind;
use crate::net::Family;

/// Whether there is something to choose.
pub(super) fn has_several(addresses: &[IpAddr]) -> bool {
    Family::ALL.into_iter().any(|family| of(family, addresses).nth(1).is_some())
}

/// These addresses, in their order of preference but for the chosen one of each family, which is the first of its
/// family; and where that is another one, what to report. `earlier` is what was chosen before, where the order is still
/// the same.
pub(super) fn chosen(
    kind: SubjectKind,
    addresses: &[IpAddr],
    earlier: impl Fn(Family) -> Option<IpAddr>,
    usable: impl Fn(IpAddr) -> bool,
) -> (Vec<IpAddr>, Vec<Finding>) {
    let (mut ordered, mut findings) = (addresses.to_vec(), Vec::new());
    for family in Family::ALL {
        let all: Vec<IpAddr> = of(family, addresses).collect();
        let earlier = earlier(family).filter(|address| all.contains(address));
        let kept = earlier.filter(|address| usable(*address));
        let held = kept.or_else(|| all.iter().copied().find(|address| usable(*address)));
        let Some((chosen, first)) = held.or(earlier).zip(all.first().copied()) else { continue };
        if chosen == first {
            continue;
        }
        let place = ordered.iter().position(|address| *address == first).unwrap_or_default();
        ordered.retain(|address| *address != chosen);
        ordered.insert(place, chosen);
        findings.extend(held.map(|held| another(kind, family, all.len(), held, first)));
    }
    (ordered, findings)
}

/// An earlier answer, where a rule's address is used here no more and the subject has another one that is: the policies
/// have not answered for it yet, and until then the pod would leave by an address that neither they nor the subject
/// named.
pub(super) fn moved(mut draft: Draft, addresses: &[IpAddr], usable: impl Fn(IpAddr) -> bool) -> Draft {
    for family in Family::ALL {
        let Some(only) = only(family, &draft) else { continue };
        let Some(first) = of(family, addresses).next().filter(|first| *first != only && usable(*first)) else {
            continue;
        };
        if !usable(only) && addresses.contains(&only) {
            draft.retain_rules(|rule| {
                rule.replace_addresses(|address| Some(if address == only { first } else { address }))
            });
        }
    }
    draft
}

/// The only address of each family that a draft translates to. A policy that uses several has chosen by itself.
pub(super) fn of_draft(draft: &Draft) -> Vec<IpAddr> {
    Family::ALL.into_iter().filter_map(|family| only(family, draft)).collect()
}

fn only(family: Family, draft: &Draft) -> Option<IpAddr> {
    let mut addresses = draft.rules().iter().flat_map(Rule::addresses).filter(|address| Family::of(*address) == family);
    let first = addresses.next()?;
    addresses.all(|address| address == first).then_some(first)
}

/// The first address of a family.
pub(super) fn first(family: Family, addresses: &[IpAddr]) -> Option<IpAddr> {
    of(family, addresses).next()
}

/// Whether two orders of addresses agree about those that are in both.
pub(super) fn is_same_order(one: &[IpAddr], other: &[IpAddr]) -> bool {
    let common = |these: &[IpAddr], those: &[IpAddr]| -> Vec<IpAddr> {
        these.iter().copied().filter(|address| those.contains(address)).collect()
    };
    common(one, other) == common(other, one)
}

fn of(family: Family, addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    addresses.iter().copied().filter(move |address| Family::of(*address) == family)
}

fn another(kind: SubjectKind, family: Family, count: usize, chosen: IpAddr, first: IpAddr) -> Finding {
    let message = format!(
        "this node uses {chosen}, which it holds, instead of {first}, the first of the {kind}'s {count} {family} addresses"
    );
    Finding::new(Severity::Info, "address-chosen", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{a, rule};

    fn all(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| a(text)).collect()
    }

    #[test]
    fn of_each_family_the_first_that_is_held_comes_first_and_an_earlier_one_as_long_as_it_is() {
        let own = ["11.0.0.1", "fd00::1", "11.0.0.2", "11.0.0.3"];
        for (held, earlier, expected, found) in [
            (&[][..], None, ["11.0.0.1", "fd00::1", "11.0.0.2", "11.0.0.3"], 0),
            (&["11.0.0.2"], None, ["11.0.0.2", "11.0.0.1", "fd00::1", "11.0.0.3"], 1),
            (&["11.0.0.3", "11.0.0.2"], None, ["11.0.0.2", "11.0.0.1", "fd00::1", "11.0.0.3"], 1),
            (&["11.0.0.1", "11.0.0.3"], Some("11.0.0.3"), ["11.0.0.3", "11.0.0.1", "fd00::1", "11.0.0.2"], 1),
            (&["11.0.0.1", "fd00::1"], Some("11.0.0.3"), ["11.0.0.1", "fd00::1", "11.0.0.2", "11.0.0.3"], 0),
            (&["11.0.0.2"], Some("11.0.0.9"), ["11.0.0.2", "11.0.0.1", "fd00::1", "11.0.0.3"], 1),
            // After a restart nothing is known of the interfaces at first.
            (&[], Some("11.0.0.2"), ["11.0.0.2", "11.0.0.1", "fd00::1", "11.0.0.3"], 0),
        ] {
            let held = all(held);
            let earlier = |family| earlier.map(a).filter(|address| Family::of(*address) == family);
            let (ordered, findings) =
                chosen(SubjectKind::Service, &all(&own), earlier, |address| held.contains(&address));
            assert_eq!((ordered, findings.len()), (all(&expected), found), "{held:?}");
        }
    }

    #[test]
    fn a_new_order_is_a_new_wish_and_a_new_address_is_none() {
        assert!(is_same_order(&all(&["11.0.0.1", "11.0.0.2"]), &all(&["11.0.0.1", "11.0.0.3", "11.0.0.2"])));
        assert!(!is_same_order(&all(&["11.0.0.1", "11.0.0.2"]), &all(&["11.0.0.2", "11.0.0.1"])));
    }

    #[test]
    fn an_earlier_answer_moves_to_what_is_used_now() {
        let draft = Draft::of(vec![rule([a("10.0.0.1")], a("11.0.0.2"))]);
        let own = all(&["11.0.0.1", "11.0.0.2"]);
        for (held, expected) in [("11.0.0.1", "11.0.0.1"), ("11.0.0.2", "11.0.0.2"), ("11.0.0.3", "11.0.0.2")] {
            let moved = moved(draft.clone(), &own, |address| address == a(held));
            assert_eq!(moved.rules()[0].address(), a(expected), "{held}");
        }
    }

    #[test]
    fn an_earlier_answer_with_several_addresses_has_chosen_by_itself() {
        let several = rule([a("10.0.0.1")], a("11.0.0.1")).with_addresses(["11.0.0.1", "11.0.0.2"].map(a));
        let draft = Draft::of(several.into_iter().collect());
        let own = all(&["11.0.0.3", "11.0.0.1", "11.0.0.2"]);
        let held = all(&["11.0.0.3", "11.0.0.2"]);
        assert_eq!(moved(draft.clone(), &own, |address| held.contains(&address)), draft);
        assert!(of_draft(&draft).is_empty());
    }
}
