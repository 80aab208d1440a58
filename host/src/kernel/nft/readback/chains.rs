//! Chains and their rules.

use std::collections::{BTreeMap, BTreeSet};

use egressd_core::{
    diff::Verb,
    ruleset::{Chain, Hook, Interface, Match, Name, Point, Policy, Rule, Statement, TableFamily, Tag},
};
use rustables::sys;

use super::{Dumped, Patience, Reading, expression, rule};
use crate::kernel::nft::{
    attributes::{Attributes, text},
    elements::userdata,
    objects::{chain_kind, hook_number, policy_number},
    socket::{DumpError, Socket},
};

/// Reads the chains of a table with their rules.
pub(super) fn read(socket: &mut Socket, reading: &mut Reading, patience: &mut Patience) -> Result<(), DumpError> {
    let mut rules = patience.any(|rules| read_rules(socket, reading, rules))?;
    let Found { chains, strangers } = patience.any(|found| read_chains(socket, reading, found))?;
    for (name, hook) in chains {
        let rules = decode_rules(reading, &name, rules.remove(name.as_str()).unwrap_or_default());
        reading.table.chains.insert(name, Chain { hook, rules });
    }
    for (text, name) in strangers {
        let removal = name.into_iter().flat_map(|name| [Verb::FlushRules(name.clone()), Verb::DeleteChain(name)]);
        reading.foreign(format_args!("chain {text}"), removal);
    }
    Ok(())
}

/// The chains of a table.
#[derive(Default)]
struct Found {
    chains: BTreeMap<Name, Option<Hook>>,
    /// Those that are not ours, also by name where we could have given it.
    strangers: Vec<(String, Option<Name>)>,
}

fn read_chains(socket: &mut Socket, reading: &Reading, found: &mut Found) -> Result<(), DumpError> {
    reading.dump(
        socket,
        Dumped::Chains,
        |_| {},
        |message| {
            let text = message.attributes().text(sys::NFTA_CHAIN_NAME).unwrap_or_default();
            match (Name::new(text), hook(reading.family(), message.attributes())) {
                (Ok(name), Some(hook)) => drop(found.chains.insert(name, hook)),
                (name, _) => found.strangers.push((text.to_owned(), name.ok())),
            }
        },
    )
}

/// The rules by chain, in order; none for a rule that is not ours.
type Rules = BTreeMap<String, Vec<Option<Rule>>>;

fn read_rules(socket: &mut Socket, reading: &Reading, rules: &mut Rules) -> Result<(), DumpError> {
    reading.dump(
        socket,
        Dumped::Rules,
        |_| {},
        |message| {
            let attributes = message.attributes();
            let chain = attributes.text(sys::NFTA_RULE_CHAIN).unwrap_or_default();
            let expressions = expression::decode_all(attributes.nest(sys::NFTA_RULE_EXPRESSIONS));
            let decoded = expressions.and_then(|expressions| rule::decode(reading.family(), &expressions));
            let comment = attributes.get(sys::NFTA_RULE_USERDATA).and_then(userdata::read_comment);
            let decoded = decoded.map(|rule| Rule { tag: comment.and_then(Tag::of_comment), ..rule });
            rules.entry(chain.to_owned()).or_default().push(decoded);
        },
    )
}

/// What names a set or counter that is not ours is not ours either, and holds it in its place.
pub(super) fn sift(reading: &mut Reading) {
    let table = &reading.table;
    let is_there = |rule: &Rule| {
        let sets = rule.matches.iter().filter_map(Match::set).chain(rule.statements.iter().filter_map(Statement::map));
        let mut counters = rule.statements.iter().filter_map(Statement::counter);
        sets.into_iter().all(|name| table.sets.contains_key(name) || table.maps.contains_key(name))
            && counters.all(|name| table.counters.contains(name))
    };
    let mut strange = Vec::new();
    for (name, chain) in &table.chains {
        let rules = chain.rules.iter().enumerate().filter(|(_, rule)| !is_there(rule));
        strange.extend(rules.map(|(index, _)| (name.clone(), index)));
    }
    let found = std::mem::take(&mut reading.foreign);
    for (chain, index) in strange {
        let what = format_args!("rule {} of chain {chain}", index + 1).to_string();
        reading.foreign(what, [Verb::FlushRules(chain.clone())]);
        if let Some(chain) = reading.table.chains.get_mut(&chain) {
            chain.rules.clear();
        }
    }
    reading.foreign.extend(found);
}

/// One rule that is not ours, and the whole chain has to be filled anew.
fn decode_rules(reading: &mut Reading, chain: &Name, rules: Vec<Option<Rule>>) -> Vec<Rule> {
    for (index, _) in rules.iter().enumerate().filter(|(_, rule)| rule.is_none()) {
        let what = format_args!("rule {} of chain {chain}", index + 1).to_string();
        reading.foreign(what, [Verb::FlushRules(chain.clone())]);
    }
    rules.into_iter().collect::<Option<_>>().unwrap_or_default()
}

/// A chain's place: none for one that is only jumped to. None at all where our vocabulary has no such place.
fn hook(family: TableFamily, chain: Attributes<'_>) -> Option<Option<Hook>> {
    let flags = chain.number(sys::NFTA_CHAIN_FLAGS).unwrap_or_default();
    if chain.get(sys::NFTA_CHAIN_HOOK).is_none() {
        return (flags == 0).then_some(None);
    }
    let plain = flags & !sys::NFT_CHAIN_BASE == 0;
    let hook = chain.nest(sys::NFTA_CHAIN_HOOK);
    let number = hook.number(sys::NFTA_HOOK_HOOKNUM)?;
    let policy = chain.number(sys::NFTA_CHAIN_POLICY)?;
    let hook = Hook {
        kind: chain_kind(chain.text(sys::NFTA_CHAIN_TYPE)?)?,
        point: Point::ALL.into_iter().find(|point| hook_number(family, *point) == Some(number))?,
        priority: hook.number(sys::NFTA_HOOK_PRIORITY)?.cast_signed(),
        policy: [Policy::Accept, Policy::Drop].into_iter().find(|known| policy_number(*known) == policy)?,
        devices: devices(hook)?,
    };
    (plain && hook.is_of(family)).then_some(Some(hook))
}

/// The kernel says one device twice: alone, and in a list.
fn devices(hook: Attributes<'_>) -> Option<BTreeSet<Interface>> {
    let listed = hook.nest(sys::NFTA_HOOK_DEVS).filter_map(|(_, name)| text(name));
    listed.chain(hook.text(sys::NFTA_HOOK_DEV)).map(|name| Interface::new(name).ok()).collect()
}
