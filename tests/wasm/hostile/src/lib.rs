//! A policy whose behaviour is `do` in its settings, or else the subject's name. It uses the contract's own types,
//! because the SDK's do not allow invalid answers.

mod misbehave;

use egressd_policy_sdk::bindings::egressd::policy::types::{
    Context, Decision, Description, Diagnostic, Draft, EndpointScope, IpAddress, LabelOperator, LabelRequirement,
    LabelSelector, Mark, Network, Outcome, PortRange, PortSpan, Protocol, Rule, Severity, Subject,
};
use egressd_policy_sdk::bindings::exports::egressd::policy::evaluator::Guest;
use egressd_policy_sdk::export;

use misbehave::{diagnostic, endless, exhaust_memory, reported};

#[derive(Debug)]
pub struct Hostile;

impl Guest for Hostile {
    fn check_settings(settings: String) -> Vec<Diagnostic> {
        export::log_panics();
        assert!(settings != "panic", "no settings like these");
        let severity = if settings == "refuse" { Severity::Error } else { Severity::Warning };
        vec![diagnostic(severity, "settings", "not these", None), diagnostic(severity, "settings", "nor those", None)]
    }

    fn describe(settings: String) -> Description {
        export::log_panics();
        described(requested_behaviour(&settings).unwrap_or_default())
    }

    fn evaluate(context: Context, subject: Subject, _draft: Draft) -> Outcome {
        export::log_panics();
        let behaviour = requested_behaviour(&context.settings).unwrap_or(&subject.name);
        if let Some(diagnostics) = reported(behaviour, &subject) {
            return outcome(Decision::Pass, diagnostics);
        }
        match behaviour {
            "foreign-source" => foreign_source(&subject),
            name => outcome(Decision::Plan(nonsense(name)), Vec::new()),
        }
    }
}

#[cfg(target_family = "wasm")]
egressd_policy_sdk::bindings::export!(Hostile with_types_in egressd_policy_sdk::bindings);

/// The value of `do` in the settings, without a parser.
fn requested_behaviour(settings: &str) -> Option<&str> {
    settings.split_once("\"do\": \"")?.1.split('"').next()
}

/// Its description, with at most one error.
fn described(behaviour: &str) -> Description {
    let mut description = description();
    match behaviour {
        "describe-loop" => endless(),
        "describe-memory" => exhaust_memory(),
        "describe-panic" => panic!("nothing to say"),
        "describe-extra" => description.extra.push(("later".to_owned(), String::new())),
        "describe-no-kinds" => description.subject_kinds.clear(),
        "describe-huge" => description.summary = "x".repeat(2_000_000),
        "describe-wide" => description.summary = "x\n".repeat(200_000),
        "describe-many-kinds" => description.subject_kinds = vec![String::new(); 60_000],
        "describe-escape" => description.name = "a\u{1b}[2Jb\nc".to_owned(),
        _ => {}
    }
    description
}

fn description() -> Description {
    Description {
        name: "hostile".to_owned(),
        version: "1".to_owned(),
        summary: String::new(),
        settings_schema: String::new(),
        subject_kinds: vec!["Service".to_owned()],
        annotation_prefixes: vec![String::new()],
        label_prefixes: vec!["seen/".to_owned()],
        namespace_annotation_prefixes: Vec::new(),
        endpoints: EndpointScope::Here,
        extra: Vec::new(),
    }
}

/// Pods of others, with the Service's own address.
fn foreign_source(subject: &Subject) -> Outcome {
    let sources = (1..=3).map(|last| IpAddress::Ipv4((10, 0, 0, last))).collect();
    let address = subject.addresses.first().copied().unwrap_or(IpAddress::Ipv4((11, 0, 0, 2)));
    let rules = vec![Rule { sources, addresses: vec![address], ..rule() }];
    outcome(Decision::Plan(draft(rules)), Vec::new())
}

/// For an address that no node has.
fn rule() -> Rule {
    Rule {
        id: "one".to_owned(),
        sources: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        source_ports: Vec::new(),
        destination_ports: Vec::new(),
        addresses: vec![IpAddress::Ipv4((192, 0, 2, 1))],
        translated_ports: None,
        dscp: None,
        mark: None,
        extra: Vec::new(),
    }
}

fn draft(rules: Vec<Rule>) -> Draft {
    Draft { rules, on_change: None, on_unavailable: None, gateways: None, extra: Vec::new() }
}

/// A plan with one thing wrong; without, for a name that is not known.
fn nonsense(name: &str) -> Draft {
    let network = |address, prefix_length| Network { address, prefix_length };
    let ports = |first, last| PortRange { protocol: Protocol::Tcp, first, last };
    let (v4, v6) = (IpAddress::Ipv4((192, 0, 2, 1)), IpAddress::Ipv6((0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)));
    let mut rule = rule();
    match name {
        "prefix" => rule.include.push(network(v4, 33)),
        "prefix-ipv6" => rule.exclude.push(network(v6, 129)),
        "host-bits" => rule.exclude.push(network(v4, 24)),
        "network-family" => rule.include.push(network(v6, 128)),
        "source-family" => rule.sources.push(v6),
        "address-family" => rule.addresses.push(v6),
        "no-address" => rule.addresses.clear(),
        "many-addresses" => rule.addresses = addresses(50_000),
        "port-zero" => rule.destination_ports.push(ports(0, 80)),
        "backwards" => rule.source_ports.push(ports(90, 80)),
        "translated-backwards" => rule.translated_ports = Some(PortSpan { first: 90, last: 80 }),
        "dscp" => rule.dscp = Some(64),
        "empty-mark" => rule.mark = Some(Mark { value: 0, mask: 0 }),
        "mark" => rule.mark = Some(Mark { value: 2, mask: 1 }),
        "no-id" => rule.id.clear(),
        "long-id" => rule.id = "x".repeat(257),
        _ => {}
    }
    let rules = if name == "same-id" { vec![rule.clone(), rule] } else { vec![rule] };
    Draft { gateways: gateways(name), ..draft(rules) }
}

/// Different ones.
fn addresses(count: u32) -> Vec<IpAddress> {
    let address = |number: u32| {
        let [a, b, c, d] = (0x0b00_0000 + number).to_be_bytes();
        IpAddress::Ipv4((a, b, c, d))
    };
    (0..count).map(address).collect()
}

/// A selector of gateways with one error.
fn gateways(name: &str) -> Option<LabelSelector> {
    let (key, operator, values) = match name {
        "gateway-values" => ("team", LabelOperator::Exists, vec!["web".to_owned()]),
        "gateway-no-values" => ("team", LabelOperator::In, Vec::new()),
        "gateway-key" => ("-", LabelOperator::Exists, Vec::new()),
        _ => return None,
    };
    let requirement = LabelRequirement { key: key.to_owned(), operator, values };
    Some(LabelSelector { match_labels: Vec::new(), match_expressions: vec![requirement] })
}

fn outcome(decision: Decision, diagnostics: Vec<Diagnostic>) -> Outcome {
    Outcome { decision, diagnostics }
}
