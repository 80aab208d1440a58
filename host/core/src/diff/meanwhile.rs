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
fn with_returns<'a>(before: &'a [Rule], after: &[Rule], comes: impl Fn(&Name) -> bool) -> Cow<'a, [Rule]> {
    let looks = |one: &Match| if let Match::In(_, set) = one { comes(set) } else { false };
    let returns = |rule: &&Rule| rule.statements.contains(&Statement::Return) && rule.matches.iter().any(looks);
    let more: Vec<Rule> = after.iter().filter(returns).cloned().collect();
    if more.is_empty() {
        return Cow::Borrowed(before);
    }
    let drops = |rule: &Rule| rule.statements.contains(&Statement::Drop);
    let (passing, rest) = before.split_at(before.iter().position(drops).unwrap_or(before.len()));
    passing.iter().cloned().chain(more).chain(rest.iter().cloned()).collect()
}

/// The rules after, and before them the one that leaves alone what leaves through the tunnel, if it is to go: something
/// may be diverted as long as elements say so.
fn with_first<'a>(before: &'a [Rule], after: &'a [Rule]) -> Cow<'a, [Rule]> {
    let leaves_alone = |rule: &&Rule| rule.statements.iter().any(|one| matches!(one, Statement::SnatTo(_)));
    match before.first().filter(leaves_alone).filter(|first| after.first() != Some(*first)) {
        Some(first) => std::iter::once(first).chain(after).cloned().collect(),
        None => Cow::Borrowed(after),
    }
}
