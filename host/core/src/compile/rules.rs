//! The rules of one Service's chain.

use super::Chains;
use super::names::sub_chain;
use super::stage::StageRules;
use crate::decision;
use crate::net::{AddressRange, merge_ranges};
use crate::ruleset::{Chain, Match, Name, Rule, Statement};

/// In order. What is excluded returns first; where rules exclude different networks, each gets a chain of its
/// own, so that `return` leads to the next rule.
pub(super) fn service_rules(
    chains: &mut Chains,
    chain: &Name,
    rules: &[&decision::Rule],
    stage: StageRules<'_>,
) -> Vec<Rule> {
    let mut numbers = 0..;
    let mut sub_chain = || sub_chain(chain, numbers.next().unwrap_or_default());
    let excluded = rules.first().map_or(&[][..], |rule| rule.exclude());
    if rules.iter().all(|rule| rule.exclude() == excluded) {
        let bodies = rules.iter().flat_map(|rule| body(chains, &mut sub_chain, rule, stage)).collect::<Vec<_>>();
        return returns(merged(excluded)).into_iter().chain(bodies).collect();
    }
    let mut all = Vec::new();
    for rule in rules {
        let body = body(chains, &mut sub_chain, rule, stage);
        if rule.exclude().is_empty() {
            all.extend(body);
            continue;
        }
        let name = sub_chain();
        let rules = returns(merged(rule.exclude())).into_iter().chain(body).collect();
        chains.insert(name.clone(), Chain::with(rules));
        all.push(Rule::always(Statement::Jump(name)));
    }
    all
}

/// The ranges that networks are, merged.
fn merged(networks: &[ipnet::IpNet]) -> Vec<AddressRange> {
    merge_ranges(networks.iter().copied().map(AddressRange::from))
}

/// A rule for each range, which leads back.
pub(super) fn returns(ranges: Vec<AddressRange>) -> Vec<Rule> {
    let rule = |range| Rule::when(Match::Destination(range), Statement::Return);
    ranges.into_iter().map(rule).collect()
}

/// Every included network with every source port with every destination port.
fn body(
    chains: &mut Chains,
    sub_chain: &mut dyn FnMut() -> Name,
    rule: &decision::Rule,
    stage: StageRules<'_>,
) -> Vec<Rule> {
    let networks = merged(rule.include());
    let levels = [
        networks.into_iter().map(Match::Destination).collect::<Vec<_>>(),
        rule.source_ports().iter().copied().map(Match::SourcePort).collect(),
        rule.destination_ports().iter().copied().map(Match::DestinationPort).collect(),
    ];
    let levels: Vec<Vec<Match>> = levels.into_iter().filter(|level| !level.is_empty()).collect();
    expand(chains, sub_chain, &levels, &stage.statements(rule))
}

/// Rules for all combinations of one match of each level. Two levels with several matches each would multiply,
/// so the second becomes a chain to jump to, and they add up.
fn expand(
    chains: &mut Chains,
    sub_chain: &mut dyn FnMut() -> Name,
    levels: &[Vec<Match>],
    statements: &[Statement],
) -> Vec<Rule> {
    let Some((first, rest)) = levels.split_first() else {
        return vec![Rule::new([], statements)];
    };
    let several = |level: &Vec<Match>| level.len() > 1;
    let rest = expand(chains, sub_chain, rest, statements);
    let rule = |matches: &[&[Match]], statements: &[Statement]| Rule::new(matches.concat(), statements);
    if !several(first) || rest.len() <= 1 {
        let pairs = first.iter().flat_map(|head| rest.iter().map(move |tail| (head, tail)));
        return pairs
            .filter(|(head, tail)| compatible(head, &tail.matches))
            .map(|(head, tail)| rule(&[std::slice::from_ref(head), &tail.matches], &tail.statements))
            .collect();
    }
    let name = sub_chain();
    chains.insert(name.clone(), Chain::with(rest));
    first.iter().map(|head| rule(&[std::slice::from_ref(head)], &[Statement::Jump(name.clone())])).collect()
}

/// No packet has two protocols, and nft does not load a rule that asks for two.
fn compatible(head: &Match, tail: &[Match]) -> bool {
    let protocol = |part: &Match| match part {
        Match::SourcePort(ports) | Match::DestinationPort(ports) => Some(ports.protocol()),
        Match::In(..)
        | Match::NotIn(..)
        | Match::Destination(_)
        | Match::Protocol(_)
        | Match::Interface(..)
        | Match::Mark(..)
        | Match::State(_)
        | Match::Direction(_)
        | Match::SourceTranslated
        | Match::SourceOfOthers
        | Match::SourceNotBehindDevice
        | Match::ToThisNode
        | Match::TcpFlags(_)
        | Match::NeighbourAdvertisement
        | Match::Tunnel(_) => None,
    };
    let Some(mine) = protocol(head) else { return true };
    tail.iter().filter_map(protocol).all(|other| other == mine)
}
