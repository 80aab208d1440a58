//! Chains and their rules.

use std::collections::BTreeMap;

use egressd_core::{
    diff::Verb,
    ruleset::{Chain, Hook, Name, Rule},
};
use rustables::sys;

use super::{Reading, expression, rule};
use crate::kernel::nft::{
    attributes::Attributes,
    socket::{DumpError, Socket},
};

/// Reads the chains of a table with their rules.
pub(super) fn read(socket: &mut Socket, reading: &mut Reading) -> Result<(), DumpError> {
    let mut rules = read_rules(socket, reading)?;
    let mut strangers = Vec::new();
    let mut chains = BTreeMap::new();
    reading.dump(
        socket,
        (sys::NFT_MSG_GETCHAIN, sys::NFTA_CHAIN_TABLE),
        |_| {},
        |message| {
            let text = message.attributes().text(sys::NFTA_CHAIN_NAME).unwrap_or_default();
            match (Name::new(text), hook(message.attributes())) {
                (Ok(name), Some(hook)) => drop(chains.insert(name, hook)),
                (name, _) => strangers.push((text.to_owned(), name.ok())),
            }
        },
    )?;
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

/// The rules by chain, in order; none for a rule that is not ours.
type Rules = BTreeMap<String, Vec<Option<Rule>>>;

fn read_rules(socket: &mut Socket, reading: &Reading) -> Result<Rules, DumpError> {
    let mut rules = Rules::new();
    reading.dump(
        socket,
        (sys::NFT_MSG_GETRULE, sys::NFTA_RULE_TABLE),
        |_| {},
        |message| {
            let attributes = message.attributes();
            let chain = attributes.text(sys::NFTA_RULE_CHAIN).unwrap_or_default();
            let expressions = expression::decode_all(attributes.nest(sys::NFTA_RULE_EXPRESSIONS));
            let decoded = expressions.and_then(|expressions| rule::decode(reading.family(), &expressions));
            rules.entry(chain.to_owned()).or_default().push(decoded);
        },
    )?;
    Ok(rules)
}

/// One rule that is not ours, and the whole chain has to be filled anew.
fn decode_rules(reading: &mut Reading, chain: &Name, rules: Vec<Option<Rule>>) -> Vec<Rule> {
    for (index, _) in rules.iter().enumerate().filter(|(_, rule)| rule.is_none()) {
        let what = format_args!("rule {} of chain {chain}", index + 1).to_string();
        reading.foreign(what, [Verb::FlushRules(chain.clone())]);
    }
    rules.into_iter().collect::<Option<_>>().unwrap_or_default()
}

/// A chain's place, if our vocabulary has it: none, or nat at postrouting with policy accept.
fn hook(chain: Attributes<'_>) -> Option<Option<Hook>> {
    let flags = chain.number(sys::NFTA_CHAIN_FLAGS).unwrap_or_default();
    if chain.get(sys::NFTA_CHAIN_HOOK).is_none() {
        return (flags == 0).then_some(None);
    }
    let hook = chain.nest(sys::NFTA_CHAIN_HOOK);
    let postrouting = hook.number(sys::NFTA_HOOK_HOOKNUM) == Some(libc::NF_INET_POST_ROUTING.cast_unsigned());
    let accepts = chain.number(sys::NFTA_CHAIN_POLICY) == Some(libc::NF_ACCEPT.cast_unsigned());
    let nat = chain.text(sys::NFTA_CHAIN_TYPE) == Some("nat");
    let plain = flags & !sys::NFT_CHAIN_BASE == 0;
    let priority = hook.number(sys::NFTA_HOOK_PRIORITY)?.cast_signed();
    (nat && postrouting && accepts && plain).then_some(Some(Hook { priority }))
}
