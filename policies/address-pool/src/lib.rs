//! A policy for Services with several addresses of a family: their pods are spread over all of them.
//!
//! Each rule that earlier policies left becomes one rule for each address, for the pods that fall to it, and keeps
//! all else that it says. Which address a pod falls to depends on the pod and the addresses alone, so other pods may
//! come and go, and of a change of addresses only those pods see something that lose theirs or get a new one.

mod rendezvous;
mod settings;

use std::net::IpAddr;

use egressd_policy_sdk::{
    Context, Description, Draft, Endpoint, Outcome, Policy, Rule, RuleError, Subject, export_policy,
};

pub use crate::settings::{Key, Settings};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct AddressPool;

impl Policy for AddressPool {
    type Settings = Settings;

    fn describe(settings: &Settings) -> Description {
        Description {
            name: "address-pool".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Spreads pods over several addresses of their Service.".to_owned(),
            label_prefixes: settings.services.label_names().map(str::to_owned).collect(),
            ..Description::default()
        }
    }

    fn evaluate(settings: &Settings, _context: &Context, subject: &Subject, mut draft: Draft) -> Outcome {
        let chosen = settings.namespaces.selects(&subject.namespace.name, &subject.namespace.labels)
            && settings.services.selects(&subject.name, &subject.labels);
        if !chosen || !draft.rules().iter().any(|rule| pool(rule, subject).len() > 1) {
            return Outcome::pass();
        }
        let rules: Result<Vec<Vec<Rule>>, RuleError> =
            draft.take_rules().into_iter().map(|rule| spread(rule, settings.key, subject)).collect();
        match rules.and_then(|rules| draft.with_rules(rules.concat())) {
            Ok(draft) => Outcome::plan(draft),
            Err(error) => Outcome::deny(vec![error.into()]),
        }
    }
}

/// The addresses among which a rule's sources are spread: the Service's own of its family, each once; none for a rule
/// with an address from elsewhere, which is not ours to judge.
fn pool(rule: &Rule, subject: &Subject) -> Vec<IpAddr> {
    if !subject.addresses.contains(&rule.address()) {
        return Vec::new();
    }
    let mut pool = Vec::new();
    for address in rule.family().addresses(subject.addresses.iter().copied()) {
        if !pool.contains(&address) {
            pool.push(address);
        }
    }
    pool
}

/// A rule as one for each address that gets a source, in the order of the Service's addresses.
fn spread(rule: Rule, key: Key, subject: &Subject) -> Result<Vec<Rule>, RuleError> {
    let pool = pool(&rule, subject);
    if pool.len() < 2 || rule.sources().is_empty() {
        return Ok(vec![rule]);
    }
    let mut shares: Vec<(IpAddr, Vec<IpAddr>)> = pool.iter().map(|address| (*address, Vec::new())).collect();
    for source in rule.sources() {
        let choice = choose(*source, key, &pool, subject);
        let share = shares.iter_mut().find(|(address, _)| Some(*address) == choice);
        share.into_iter().for_each(|(_, sources)| sources.push(*source));
    }
    let used = shares.into_iter().filter(|(_, sources)| !sources.is_empty());
    used.map(|(address, sources)| share(&rule, address, sources)).collect()
}

/// The part of a rule that goes to one address. Its id is made of the address, so that it stays while others change.
fn share(rule: &Rule, address: IpAddr, sources: Vec<IpAddr>) -> Result<Rule, RuleError> {
    let id = if address == rule.address() { rule.id().to_owned() } else { format!("{}-{address}", rule.id()) };
    rule.clone().with_id(id).with_address(address)?.from(sources)
}

/// The address that a source falls to; none only of an empty pool.
fn choose(source: IpAddr, key: Key, pool: &[IpAddr], subject: &Subject) -> Option<IpAddr> {
    let pod = match key {
        Key::Pod => pod_of(source, subject).and_then(|endpoint| endpoint.pod.as_ref()),
        Key::Address => None,
    };
    match pod {
        Some(pod) => rendezvous::choose(&[pod.namespace.as_bytes(), b"/", pod.name.as_bytes()], pool),
        None => rendezvous::choose(&[&rendezvous::bytes(source)], pool),
    }
}

/// The host sends endpoints sorted by address.
fn pod_of(source: IpAddr, subject: &Subject) -> Option<&Endpoint> {
    let found = subject.endpoints.binary_search_by_key(&source, |endpoint| endpoint.address);
    found.ok().and_then(|at| subject.endpoints.get(at))
}

export_policy!(AddressPool);
