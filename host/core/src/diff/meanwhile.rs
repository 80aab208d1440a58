//! The rules of a chain from the time on when all that they lead to is there until sets are narrowed and nothing is left
//! in what goes: where neither the old rules nor the new ones are right.

use std::borrow::Cow;

use crate::ruleset::{Chain, Match, Name, Rule, Statement, Table};

/// Those of a chain that is there and stays.
pub(super) fn rules<'a>(old: &Table, known: &'a Chain, new: &Table, chain: &'a Chain) -> Cow<'a, [Rule]> {
    let goes = |set: &Name| old.sets.contains_key(set) && !new.sets.contains_key(set);
    let comes = |set: &Name| new.sets.contains_key(set) && !old.sets.contains_key(set);
    match known.looks_into_any(goes) {
        true => with_returns(&known.rules, &chain.rules, comes),
        false => with_first(&known.rules, &chain.rules),
    }
}

/// The rules before: without a set, rules would no longer return for what is in it, or drop what was held back. But what is
/// in a set that comes may be in no other one as soon as sets are narrowed, so rules that return for that are there before.
/// And what goes through a tunnel that comes does so before sets are narrowed.
fn with_returns<'a>(before: &'a [Rule], after: &[Rule], comes: impl Fn(&Name) -> bool) -> Cow<'a, [Rule]> {
    let looks = |one: &Match| if let Match::In(_, set) = one { comes(set) } else { false };
    let is_new = |rule: &Rule| is_of_tunnel(rule) && !before.contains(rule);
    let more = |rule: &&Rule| returns(rule) && (rule.matches.iter().any(looks) || is_new(rule));
    match after.iter().filter(more).cloned().collect::<Vec<_>>() {
        more if more.is_empty() => Cow::Borrowed(before),
        more => before_drops(before, more).into(),
    }
}

/// The rules after, and with them those that let pass what goes through the tunnel, if they are to go: something may be
/// diverted as long as elements say so. The one that leaves it as it is comes first.
fn with_first<'a>(before: &[Rule], after: &'a [Rule]) -> Cow<'a, [Rule]> {
    let leaves_alone = |rule: &&Rule| rule.statements.iter().any(|one| matches!(one, Statement::SnatTo(_)));
    let first = before.first().filter(leaves_alone).filter(|first| after.first() != Some(*first));
    let passes = |rule: &&Rule| returns(rule) && is_of_tunnel(rule) && !after.contains(rule);
    match before.iter().filter(passes).cloned().collect::<Vec<_>>() {
        passing if passing.is_empty() && first.is_none() => Cow::Borrowed(after),
        passing => first.cloned().into_iter().chain(before_drops(after, passing)).collect(),
    }
}

fn returns(rule: &Rule) -> bool {
    rule.statements.contains(&Statement::Return)
}

/// Only the tunnel's device has rules of its own.
fn is_of_tunnel(rule: &Rule) -> bool {
    rule.matches.iter().any(|one| matches!(one, Match::Interface(..)))
}

/// Rules with others before the first that drops. What returns earlier than that returns for the same packets.
fn before_drops(rules: &[Rule], more: Vec<Rule>) -> Vec<Rule> {
    let drops = |rule: &Rule| rule.statements.contains(&Statement::Drop);
    let (passing, rest) = rules.split_at(rules.iter().position(drops).unwrap_or(rules.len()));
    passing.iter().cloned().chain(more).chain(rest.iter().cloned()).collect()
}
