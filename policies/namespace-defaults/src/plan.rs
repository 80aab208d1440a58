//! The rules of a Service that inherits egress: the same as the annotations would give it.

use std::net::IpAddr;

use egressd_policy_sdk::{Context, Diagnostic, Draft, Family, IpNet, Network, Outcome, Rule, RuleError, Subject};

use crate::settings::{Egress, Families};

/// A rule for each family, or why there is none.
pub(crate) fn plan(egress: &Egress, context: &Context, subject: &Subject, mut draft: Draft) -> Outcome {
    if draft.on_change.unwrap_or_default() != egress.on_change.into() {
        draft.on_change = Some(egress.on_change.into());
    }
    if draft.on_unavailable.unwrap_or_default() != egress.on_unavailable.into() {
        draft.on_unavailable = Some(egress.on_unavailable.into());
    }
    let mut diagnostics = Vec::new();
    for family in families(egress, subject) {
        let pushed = rule(family, egress, context, subject).and_then(|rule| Ok(draft.push(rule)?));
        diagnostics.extend(pushed.err());
    }
    Outcome::plan(draft).with(diagnostics)
}

fn families(egress: &Egress, subject: &Subject) -> Vec<Family> {
    match (is_ipv6_only(subject), egress.families) {
        (true, Families::Ipv4 | Families::Both) => vec![Family::Ipv6],
        (false, Families::Ipv4) => vec![Family::Ipv4],
        (false, Families::Both) => vec![Family::Ipv4, Family::Ipv6],
    }
}

/// As the spec says; where it says nothing, as the addresses are.
fn is_ipv6_only(subject: &Subject) -> bool {
    let families: Vec<Family> = match subject.families() {
        [] => subject.addresses.iter().copied().map(Family::of).collect(),
        known => known.to_vec(),
    };
    !families.is_empty() && families.iter().all(|family| *family == Family::Ipv6)
}

/// The rule of one family. That there is none is no mistake of the Service's owner, who asked for nothing.
fn rule(family: Family, egress: &Egress, context: &Context, subject: &Subject) -> Result<Rule, Diagnostic> {
    let own = family.addresses(subject.addresses.iter().copied()).next();
    let address = own.ok_or_else(|| no_address(family))?;
    let local = subject.local_endpoints().map(|endpoint| endpoint.address);
    let sources: Vec<IpAddr> = family.addresses(local).collect();
    if sources.is_empty() {
        return Err(no_local_endpoint(family, context));
    }
    let allowed = egress.allowed_networks.as_deref().map(|networks| of_family(family, networks));
    if allowed.as_ref().is_some_and(Vec::is_empty) {
        return Err(nothing_allowed(family));
    }
    Ok(narrowed(Rule::new(id(family), address).from(sources)?, allowed, egress)?)
}

fn narrowed(rule: Rule, allowed: Option<Vec<IpNet>>, egress: &Egress) -> Result<Rule, RuleError> {
    let denied = of_family(rule.family(), egress.denied_networks.as_deref().unwrap_or_default());
    let mut rule = rule.except(denied)?;
    if let Some(allowed) = allowed {
        rule = rule.to(allowed)?;
    }
    if let Some(ports) = &egress.source_ports {
        rule = rule.with_source_ports(ports.iter().copied())?;
    }
    if let Some(ports) = &egress.destination_ports {
        rule = rule.with_destination_ports(ports.iter().copied())?;
    }
    Ok(rule)
}

fn of_family(family: Family, networks: &[Network]) -> Vec<IpNet> {
    family.networks(networks.iter().map(|network| (*network).into())).collect()
}

/// The ids that the built-in policy gives.
fn id(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn no_address(family: Family) -> Diagnostic {
    let message = format!(
        "the Service has no {family} address of its own, so the egress of its namespace does nothing for {family}; it needs one in status.loadBalancer.ingress"
    );
    Diagnostic::info("no-address", message)
}

fn no_local_endpoint(family: Family, context: &Context) -> Diagnostic {
    let message =
        format!("no {family} endpoint of the Service runs on {}, so there is nothing to translate", context.node_name);
    Diagnostic::info("no-local-endpoint", message)
}

fn nothing_allowed(family: Family) -> Diagnostic {
    let message = format!(
        "the egress of the Service's namespace allows no {family} network, so no {family} traffic is translated; the \
         operator can add one to allowed-networks"
    );
    Diagnostic::info("no-allowed-network", message)
}
