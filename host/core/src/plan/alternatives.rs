//! The address of a rule that this node uses where there are several: the first that it holds. It follows from the
//! holders of addresses, so no policy is asked again when an address moves.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::decision::Rule;

/// The rules with one address each. Where none of several is usable, it is the first: what hinders it is reported.
pub(super) fn chosen(rules: Cow<'_, [Rule]>, usable: impl Fn(IpAddr) -> bool) -> Cow<'_, [Rule]> {
    if rules.iter().all(|rule| rule.alternatives().is_empty()) {
        return rules;
    }
    let mut rules = rules.into_owned();
    for rule in &mut rules {
        let chosen = rule.addresses().find(|address| usable(*address)).unwrap_or(rule.address());
        rule.replace_addresses(|address| (address == chosen).then_some(address));
    }
    Cow::Owned(rules)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use super::*;
    use crate::testkit::{a, rule};

    #[test]
    fn the_first_address_that_is_usable_is_left_and_where_none_is_the_first() {
        let several = rule([a("10.0.0.1")], a("11.0.0.1"));
        let several = several.with_addresses(["11.0.0.1", "11.0.0.2", "11.0.0.3"].map(a)).expect("one family");
        for (held, expected) in [
            (&["11.0.0.3", "11.0.0.2"][..], "11.0.0.2"),
            (&["11.0.0.1", "11.0.0.2"], "11.0.0.1"),
            (&["11.0.0.3"], "11.0.0.3"),
            (&[], "11.0.0.1"),
        ] {
            let left = chosen(vec![several.clone()].into(), |address| held.iter().any(|held| a(held) == address));
            let expected = [several.clone().with_address(a(expected)).expect("one family")];
            assert_eq!(&*left, expected, "{held:?}");
        }
    }

    #[test]
    fn rules_of_one_address_are_not_copied() {
        let rules = [rule([a("10.0.0.1")], a("11.0.0.1"))];
        assert!(matches!(chosen(Cow::Borrowed(&rules), |_| false), Cow::Borrowed(_)));
    }
}
