//! Whether a Service translates less than before. A policy that only narrows, as a guard does, is never refused for the
//! elements that its restrictions need: the Service at its limit would continue without them.

use std::collections::BTreeSet;

use super::SubjectPlan;
use crate::decision::Rule;

/// Whether each of these rules is one of those before, or less than it.
pub(crate) fn narrows(newest: &SubjectPlan, before: &SubjectPlan) -> bool {
    newest.rules.iter().all(|rule| before.rules.iter().any(|other| is_less(rule, other)))
}

fn is_less(rule: &Rule, other: &Rule) -> bool {
    is_beginning(rule, other)
        && is_part(rule.sources(), other.sources())
        && is_filter(rule.include(), other.include())
        && is_part(other.exclude(), rule.exclude())
        && is_filter(rule.source_ports(), other.source_ports())
        && is_filter(rule.destination_ports(), other.destination_ports())
}

/// Of several addresses the first that a node holds is used: with the first ones of the other and no more, a rule
/// translates to the same one wherever it translates at all.
fn is_beginning(rule: &Rule, other: &Rule) -> bool {
    let mut others = other.addresses();
    rule.addresses().all(|address| others.next() == Some(address))
}

/// An empty filter lets everything pass.
fn is_filter<T: Ord>(these: &[T], those: &[T]) -> bool {
    those.is_empty() || !these.is_empty() && is_part(these, those)
}

fn is_part<T: Ord>(these: &[T], those: &[T]) -> bool {
    these == those || {
        let those: BTreeSet<&T> = those.iter().collect();
        these.iter().all(|one| those.contains(one))
    }
}

#[cfg(test)]
mod tests {
    use super::is_less;
    use crate::testkit::{RuleParts, a, n, rule};

    #[test]
    fn a_rule_is_less_with_more_denied_or_less_allowed_and_not_otherwise() {
        let plain = || rule(["10.0.0.1", "10.0.0.2"].map(a), a("192.0.2.1"));
        let (denied, allowed) = (vec![n("10.0.0.0/8")], vec![n("198.51.100.0/24")]);
        let guarded = RuleParts { exclude: denied.clone(), ..plain().into() }.rule();
        let narrowed = RuleParts { include: allowed, ..guarded.clone().into() }.rule();
        let of_one = RuleParts { sources: vec![a("10.0.0.2")], ..plain().into() }.rule();
        for (less, more) in [(&guarded, &plain()), (&narrowed, &plain()), (&narrowed, &guarded), (&of_one, &plain())] {
            assert!(is_less(less, more) && !is_less(more, less), "{less:?} {more:?}");
        }
        let of = |addresses: &[&str]| {
            let alternatives = addresses[1..].iter().map(|text| a(text)).collect();
            RuleParts { alternatives, address: a(addresses[0]), ..plain().into() }.rule()
        };
        let both = of(&["192.0.2.1", "192.0.2.2"]);
        assert!(is_less(&plain(), &both) && is_less(&both, &both) && !is_less(&both, &plain()));
        assert!(!is_less(&of(&["192.0.2.2"]), &both) && !is_less(&of(&["192.0.2.2", "192.0.2.1"]), &both));
        let elsewhere = RuleParts { address: a("192.0.2.2"), ..guarded.clone().into() }.rule();
        assert!(is_less(&plain(), &plain()) && !is_less(&elsewhere, &plain()) && !is_less(&of_one, &guarded));
    }
}
