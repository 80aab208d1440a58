//! The addresses that are a Service's own (P1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{AnnotationPrefix, Service};
use crate::finding::{Finding, Severity, Span};
use crate::text::quoted;

/// kube-vip's annotation that asks for addresses and orders them (kube-vip: `pkg/kubevip/annotations.go`).
const LOAD_BALANCER_IPS: &str = "loadbalancerIPs";

/// Most items of it that are read: kube-vip takes two, and whoever writes it is not trusted with the time of every
/// node.
const MOST_ITEMS: usize = 64;

/// Who may give a Service its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressTrust {
    /// `status.loadBalancer.ingress` alone: tenants cannot write it. The annotation selects and orders.
    Status,
    /// Where the status is empty, the annotation, then `spec.loadBalancerIP`: for manifests, whose author is
    /// trusted anyway.
    Annotation,
}

/// The Service's own addresses in the order of preference, and what is wrong with what was asked for.
pub(super) fn own_addresses(
    service: &Service,
    trust: AddressTrust,
    prefix: &AnnotationPrefix,
) -> (Vec<IpAddr>, Vec<Finding>) {
    let mut findings = Vec::new();
    findings.extend(hostnames_only(service));
    let requested = requested_addresses(service, prefix, &mut findings);
    let status = &service.status_addresses;
    let given: BTreeSet<&IpAddr> = status.iter().collect();
    // Also where what was asked for is not given yet: then nothing is chosen, and not everything.
    let is_chosen = !requested.is_empty();
    let requested = resolved(requested, status, &mut findings);
    if status.is_empty() && trust == AddressTrust::Annotation {
        let spec = service.spec_address.iter().filter_map(|text| text.trim().parse().ok());
        let spec = spec.filter(|address: &IpAddr| !address.is_unspecified());
        let addresses = if is_chosen { requested.into_iter().map(|(a, _)| a).collect() } else { spec.collect() };
        return (addresses, findings);
    }
    if !is_chosen {
        return (status.clone(), findings);
    }
    let mut selected = Vec::new();
    for (address, span) in requested {
        match (given.contains(&address), trust) {
            (true, _) => selected.push(address),
            (false, AddressTrust::Annotation) => {
                findings.push(not_in_status(address, span));
                selected.push(address);
            }
            (false, AddressTrust::Status) => findings.push(borrowed(address, span)),
        }
    }
    (selected, findings)
}

/// The same addresses without findings.
pub(crate) fn preferred_addresses(service: &Service, trust: AddressTrust, prefix: &AnnotationPrefix) -> Vec<IpAddr> {
    own_addresses(service, trust, prefix).0
}

/// kube-vip's `0.0.0.0` and `::` ask for an address by DHCP, which is then in the status: they stand for all of their
/// family that are there. Where no address is named beside them, none of the other family is chosen against, so what
/// the status has of it comes behind.
fn resolved(requested: Vec<(IpAddr, Span)>, status: &[IpAddr], findings: &mut Vec<Finding>) -> Vec<(IpAddr, Span)> {
    let mut resolved: Vec<(IpAddr, Span)> = Vec::new();
    for (address, span) in &requested {
        if !address.is_unspecified() {
            resolved.push((*address, span.clone()));
            continue;
        }
        let given: Vec<IpAddr> = status.iter().copied().filter(|given| given.is_ipv4() == address.is_ipv4()).collect();
        if given.is_empty() {
            findings.push(not_given_yet(*address, span.clone()));
        }
        resolved.extend(given.into_iter().map(|given| (given, span.clone())));
    }
    resolved.extend(of_no_choice(&requested, status));
    let mut seen = BTreeSet::new();
    resolved.retain(|(address, _)| seen.insert(*address));
    resolved
}

/// All of the status, where nothing but addresses by DHCP is asked for.
fn of_no_choice(requested: &[(IpAddr, Span)], status: &[IpAddr]) -> Vec<(IpAddr, Span)> {
    match requested {
        [(_, span), ..] if requested.iter().all(|(address, _)| address.is_unspecified()) => {
            status.iter().map(|given| (*given, span.clone())).collect()
        }
        _ => Vec::new(),
    }
}

fn not_given_yet(address: IpAddr, span: Span) -> Finding {
    let message = format!(
        "loadbalancerIPs: {address} requests an address by DHCP, and status.loadBalancer.ingress has no address of \
         this family yet"
    );
    Finding { span: Some(span), ..Finding::new(Severity::Info, "address-by-dhcp", message) }
}

/// The first addresses of the annotation with their places in it; what is no address is a finding.
fn requested_addresses(
    service: &Service,
    prefix: &AnnotationPrefix,
    findings: &mut Vec<Finding>,
) -> Vec<(IpAddr, Span)> {
    let Some((annotation, value)) = prefix.of_load_balancer(&service.annotations, LOAD_BALANCER_IPS) else {
        return Vec::new();
    };
    let (mut requested, mut seen) = (Vec::new(), BTreeSet::new());
    let mut read = 0;
    for (offset, text) in items(value).take(MOST_ITEMS) {
        read = offset + text.len();
        let span = Span { annotation: annotation.clone(), offset, length: text.len() };
        match text.parse::<IpAddr>() {
            Ok(address) if seen.insert(address) => requested.push((address, span)),
            Ok(_) => {}
            Err(_) => findings.push(not_an_address(text, span)),
        }
    }
    findings.extend(too_many(count(&value[read..])));
    requested
}

/// The items of a list between commas with their places, without blanks around them and without empty ones.
fn items(value: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    let all = value.split(',').map(move |item| {
        let start = offset + item.len() - item.trim_start().len();
        offset += item.len() + 1;
        (start, item.trim())
    });
    all.filter(|(_, text)| !text.is_empty())
}

/// How many items there are, without a look at them.
fn count(list: &str) -> usize {
    list.split(',').filter(|item| item.bytes().any(|byte| !byte.is_ascii_whitespace())).count()
}

/// A load balancer that is known by name (as clouds have them) gives nothing that packets could come from.
fn hostnames_only(service: &Service) -> Option<Finding> {
    let hostname = service.status_hostnames.first().filter(|_| service.status_addresses.is_empty())?;
    let hostname = quoted(hostname);
    let message = format!(
        "status.loadBalancer.ingress has the hostname {hostname} and no address; egress needs an address like \
         192.0.2.10"
    );
    Some(Finding::error("hostname-only", message))
}

fn not_an_address(text: &str, span: Span) -> Finding {
    let text = quoted(text);
    let message =
        format!("loadbalancerIPs: {text} is not an address; egress needs one like 192.0.2.10 or 2001:db8::10");
    Finding { span: Some(span), ..Finding::warning("address-not-an-ip", message) }
}

fn too_many(more: usize) -> Option<Finding> {
    let message = format!(
        "loadbalancerIPs: the first {MOST_ITEMS} items are read, and {more} more are not; write the addresses that \
         egress needs first"
    );
    (more > 0).then(|| Finding::warning("too-many-addresses", message))
}

/// Trusted all the same, but mostly a slip: answers come to whoever holds the address.
fn not_in_status(address: IpAddr, span: Span) -> Finding {
    let message = format!(
        "loadbalancerIPs: {address} is not in the Service's status.loadBalancer.ingress; it is used, because \
         manifests are trusted, but check that the node has it"
    );
    Finding { span: Some(span), ..Finding::warning("address-not-in-status", message) }
}

fn borrowed(address: IpAddr, span: Span) -> Finding {
    let message = format!(
        "loadbalancerIPs: {address} is not in the Service's status.loadBalancer.ingress, so it is not used; have the \
         load balancer assign it, or remove it from the annotation"
    );
    Finding { span: Some(span), ..Finding::warning("address-not-owned", message) }
}

#[cfg(test)]
mod tests {
    use super::{AddressTrust, LOAD_BALANCER_IPS, items, own_addresses};
    use crate::model::AnnotationPrefix;
    use crate::testkit::service;

    fn chosen(asked: &str, status: &[&str], trust: AddressTrust) -> (Vec<String>, Vec<String>) {
        let prefix = AnnotationPrefix::default();
        let mut service = service("web", status);
        service.annotations.insert(prefix.name(LOAD_BALANCER_IPS), asked.to_owned());
        let (addresses, findings) = own_addresses(&service, trust, &prefix);
        let codes = findings.iter().map(|finding| finding.code.to_string()).collect();
        (addresses.iter().map(ToString::to_string).collect(), codes)
    }

    #[test]
    fn an_address_by_dhcp_is_the_one_in_the_status_whoever_is_trusted() {
        for trust in [AddressTrust::Status, AddressTrust::Annotation] {
            for (asked, status, addresses, codes) in [
                ("0.0.0.0", &["192.0.2.5"][..], &["192.0.2.5"][..], &[][..]),
                ("::", &["192.0.2.5", "2001:db8::5"], &["2001:db8::5", "192.0.2.5"], &[]),
                ("::", &["192.0.2.5"], &["192.0.2.5"], &["address-by-dhcp"]),
                ("192.0.2.6,::", &["192.0.2.5", "192.0.2.6"], &["192.0.2.6"], &["address-by-dhcp"]),
                ("::, 0.0.0.0", &["192.0.2.5", "2001:db8::5"], &["2001:db8::5", "192.0.2.5"], &[]),
                ("192.0.2.6,0.0.0.0", &["192.0.2.5", "192.0.2.6"], &["192.0.2.6", "192.0.2.5"], &[]),
                ("0.0.0.0", &["2001:db8::5"], &["2001:db8::5"], &["address-by-dhcp"]),
                ("0.0.0.0,::", &["2001:db8::5"], &["2001:db8::5"], &["address-by-dhcp"]),
                ("0.0.0.0", &[], &[], &["address-by-dhcp"]),
            ] {
                let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
                assert_eq!(chosen(asked, status, trust), (owned(addresses), owned(codes)), "{asked} {status:?}");
            }
        }
    }

    #[test]
    fn items_are_separated_by_commas_and_have_their_places() {
        let found: Vec<_> = items(" a,,b ,\t, \u{a0}c d\n,").collect();
        assert_eq!(found, [(1, "a"), (4, "b"), (12, "c d")]);
    }
}
