//! Annotations → the built-in policy's answer. A line of the input is one annotation, `name=value`; `\r` stands for a
//! line feed in a value.

use std::collections::BTreeSet;
use std::fmt::Display;

use egressd_policy_annotations::Annotations;
use egressd_policy_sdk::testkit::{evaluate, load_balancer};
use egressd_policy_sdk::{Decision, Diagnostic, Draft, Family, IpNet, MOST_DIAGNOSTICS, OnChange, Outcome, Subject};

use super::{InputResult, lossy};

/// The longest sentence, in bytes: 64 of the tenant's text at most, escaped, and the message about them.
const MAX_ANNOTATION_MESSAGE: usize = 1_000;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let service = written(&lossy(bytes));
    let outcome = asked(&service);
    assert!(outcome.diagnostics.len() <= MOST_DIAGNOSTICS, "{} diagnostics", outcome.diagnostics.len());
    outcome.diagnostics.iter().for_each(|diagnostic| is_fit(diagnostic, &service));
    match &outcome.decision {
        Decision::Plan(draft) => {
            reads_the_same_in_canonical_form(draft);
            InputResult::Taken
        }
        Decision::Invalid => {
            assert!(!outcome.diagnostics.is_empty(), "invalid without a reason");
            InputResult::Refused
        }
        Decision::Pass | Decision::Deny => InputResult::Refused,
    }
}

fn asked(service: &Subject) -> Outcome {
    evaluate::<Annotations>("{}", service, Draft::default())
}

/// A Service with an address and a pod of each family.
fn written(text: &str) -> Subject {
    let builder = load_balancer("shop", "web").address("192.0.2.10").address("2001:db8::10");
    let mut service = builder.local_endpoint("10.244.1.7").local_endpoint("fd00:10:244:1::7").build();
    for (name, value) in text.split('\n').filter_map(|line| line.split_once('=')) {
        service.annotations.insert(format!("kube-vip.io/{name}"), value.replace('\r', "\n"));
    }
    service
}

fn is_fit(diagnostic: &Diagnostic, service: &Subject) {
    let kebab =
        |code: &str| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    assert!(kebab(&diagnostic.code), "{:?}", diagnostic.code);
    assert!(diagnostic.message.len() < MAX_ANNOTATION_MESSAGE, "a sentence of {} bytes", diagnostic.message.len());
    let Some(span) = &diagnostic.span else { return };
    let value =
        service.annotations.get(&span.annotation).unwrap_or_else(|| panic!("no annotation {}", span.annotation));
    let part = span.offset.checked_add(span.length).and_then(|end| value.get(span.offset..end));
    assert!(part.is_some(), "{span:?} is outside {value:?}");
}

/// What was understood, in its canonical form, means the same.
fn reads_the_same_in_canonical_form(draft: &Draft) {
    let Some(first) = draft.rules().first() else { return };
    let networks =
        |of: fn(&egressd_policy_sdk::Rule) -> &[IpNet]| draft.rules().iter().flat_map(of).collect::<BTreeSet<_>>();
    let mut lines = vec!["egress=true".to_owned()];
    let mut list = |name: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("{name}={}", items.join(",")));
        }
    };
    list("egress-allowed-networks", texts(networks(|rule| rule.include())));
    list("egress-denied-networks", texts(networks(|rule| rule.exclude())));
    list("egress-source-ports", texts(first.source_ports()));
    list("egress-destination-ports", texts(first.destination_ports()));
    let ipv6 = draft.rules().iter().any(|rule| rule.family() == Family::Ipv6);
    list("egress-ipv6", texts([ipv6]));
    list("flush-conntrack", texts([draft.on_change == Some(OnChange::Sever)]));
    let again = asked(&written(&lines.join("\n")));
    assert_eq!(again.draft().map(meaning), Some(meaning(draft)), "{lines:?}: {:?}", again.diagnostics);
}

fn texts(items: impl IntoIterator<Item: Display>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// All of it but the order in which networks were written.
fn meaning(draft: &Draft) -> (Vec<String>, OnChange) {
    let sorted = |networks: &[IpNet]| networks.iter().copied().collect::<BTreeSet<_>>();
    let rule = |rule: &egressd_policy_sdk::Rule| {
        let (include, exclude) = (sorted(rule.include()), sorted(rule.exclude()));
        let ports = (rule.source_ports(), rule.destination_ports());
        format!("{} {:?} {include:?} {exclude:?} {ports:?} {}", rule.id(), rule.sources(), rule.address())
    };
    (draft.rules().iter().map(rule).collect(), draft.on_change.unwrap_or_default())
}
