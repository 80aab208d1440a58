//! What a request means for this Service, its addresses and its endpoints on this node.

use std::net::IpAddr;

use egressd_policy_sdk::{
    Context, Diagnostic, Draft, Family, IpNet, OnChange, Outcome, Rule, RuleError, ServiceType, Subject,
};

use crate::annotations::Annotations;
use crate::coverage::nothing_left;
use crate::request::{self, Allowed, Reading, Request};
use crate::settings::Settings;

/// The answer for one Service. Only annotations that cannot be read are invalid; what cannot be translated is a
/// finding.
pub(crate) fn decide(settings: &Settings, context: &Context, subject: &Subject, draft: Draft) -> Outcome {
    match request::read(&Annotations::of(subject, settings)) {
        Reading::Nothing(diagnostics) => Outcome::pass().with(diagnostics),
        Reading::Wrong(diagnostics) => Outcome::invalid(diagnostics),
        Reading::Asked(request) => plan(&request, context, subject, draft),
    }
}

/// The annotations are the whole will of the Service's owner, so rules of an earlier policy are replaced.
fn plan(request: &Request<'_>, context: &Context, subject: &Subject, mut draft: Draft) -> Outcome {
    // Without the annotation the host's default counts, and not what an earlier policy asked for.
    let earlier = draft.on_change.filter(|earlier| *earlier != OnChange::default()).map(|_| OnChange::default());
    draft.on_change = request.on_change.or(earlier);
    drop(draft.take_rules());
    let mut diagnostics = request.warnings.clone();
    if subject.service_type() != Some(ServiceType::LoadBalancer) {
        diagnostics.push(not_a_load_balancer(subject.service_type()));
        return Outcome::plan(draft).with(diagnostics);
    }
    for family in families(request, subject) {
        match rule(family, request, context, subject) {
            Ok(rule) => {
                diagnostics.extend(nothing_left(&rule));
                diagnostics.extend(draft.push(rule).err().map(Diagnostic::from));
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    Outcome::plan(draft).with(diagnostics)
}

/// `egress` alone means IPv4, as in kube-vip, but on an IPv6-only Service it means IPv6: nothing else can.
fn families(request: &Request<'_>, subject: &Subject) -> Vec<Family> {
    match (is_ipv6_only(subject), request.ipv6) {
        (true, _) => vec![Family::Ipv6],
        (false, true) => vec![Family::Ipv4, Family::Ipv6],
        (false, false) => vec![Family::Ipv4],
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

/// The rule of one family, or why there is none.
fn rule(family: Family, request: &Request<'_>, context: &Context, subject: &Subject) -> Result<Rule, Diagnostic> {
    let own = subject.addresses.iter().copied().find(|address| Family::of(*address) == family);
    let address = own.ok_or_else(|| no_address(family, subject))?;
    let allowed = request.allowed.as_ref().map(|allowed| included(family, allowed)).transpose()?;
    let local = subject.local_endpoints().map(|endpoint| endpoint.address);
    // Whatever ready, serving and terminating say: a draining pod still talks, and readiness may need egress.
    let sources: Vec<IpAddr> = family.addresses(local).collect();
    if sources.is_empty() {
        return Err(no_local_endpoint(family, context, subject));
    }
    let rule = Rule::new(id(family), address).from(sources)?;
    Ok(narrowed(rule, allowed, request)?)
}

/// The rule with the filters that there are.
fn narrowed(rule: Rule, allowed: Option<Vec<IpNet>>, request: &Request<'_>) -> Result<Rule, RuleError> {
    let denied = rule.family().networks(request.denied.iter().copied());
    let mut rule = rule.except(denied)?;
    if let Some(allowed) = allowed {
        rule = rule.to(allowed)?;
    }
    if !request.source_ports.is_empty() {
        rule = rule.with_source_ports(request.source_ports.iter().copied())?;
    }
    if !request.destination_ports.is_empty() {
        rule = rule.with_destination_ports(request.destination_ports.iter().copied())?;
    }
    Ok(rule)
}

/// A list without networks of the family allows nothing of it; an empty `include` would allow everything.
fn included(family: Family, allowed: &Allowed<'_>) -> Result<Vec<IpNet>, Diagnostic> {
    let networks: Vec<IpNet> = family.networks(allowed.networks.iter().copied()).collect();
    if networks.is_empty() {
        return Err(allowed.annotation.warning("no-allowed-network", &nothing_allowed(family)));
    }
    Ok(networks)
}

/// Rules keep their ids from one evaluation to the next.
fn id(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn nothing_allowed(family: Family) -> String {
    let everything = match family {
        Family::Ipv4 => "0.0.0.0/0",
        Family::Ipv6 => "::/0",
    };
    format!(
        "names no {family} network, so no {family} traffic is translated; add one, or {everything} for all of {family}"
    )
}

fn not_a_load_balancer(service_type: Option<ServiceType>) -> Diagnostic {
    let service_type = service_type.unwrap_or_default();
    let message = format!(
        "the Service is of type {service_type}, which has no address of its own; egress needs type LoadBalancer"
    );
    Diagnostic::error("not-a-load-balancer", message)
}

/// One that waits for its first address is as it should be, and as it stands in a repository.
fn no_address(family: Family, subject: &Subject) -> Diagnostic {
    if subject.addresses.is_empty() {
        let message = format!(
            "the Service has no address yet, so no {family} traffic is translated; kube-vip or another load balancer \
             writes one into status.loadBalancer.ingress"
        );
        return Diagnostic::warning("no-address", message);
    }
    let message = format!(
        "the Service has no {family} address of its own, so no {family} traffic is translated; it needs one in \
         status.loadBalancer.ingress, which kube-vip or another load balancer writes"
    );
    Diagnostic::error("no-address", message)
}

fn no_local_endpoint(family: Family, context: &Context, subject: &Subject) -> Diagnostic {
    let here = subject.local_endpoints().count();
    let (node, nothing) = (&context.node_name, "so there is nothing to translate");
    let message = match (here, subject.endpoints_elsewhere()) {
        (0, 0) => format!(
            "the Service has no {family} endpoint on any node, {nothing}; check its selector, and that its pods run in its namespace"
        ),
        (_, 0) => {
            format!("the Service has no {family} endpoint on any node, {nothing}; check the families of its pods")
        }
        (_, 1) => format!("no {family} endpoint of the Service runs on {node} (1 runs on another node), {nothing}"),
        (_, elsewhere) => {
            format!("no {family} endpoint of the Service runs on {node} ({elsewhere} run on other nodes), {nothing}")
        }
    };
    Diagnostic::info("no-local-endpoint", message)
}
