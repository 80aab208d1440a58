//! A policy that does what `do` in its settings says, or else the subject's name. It speaks the contract's own types, because the SDK's do not
//! let anybody write nonsense.

use std::hint::black_box;

use egressd_policy_sdk::bindings::egressd::policy::types::{
    Context, Decision, Description, Diagnostic, Draft, EndpointScope, IpAddress, Network, Outcome, PortRange, Protocol,
    Rule, Severity, Span, Subject,
};
use egressd_policy_sdk::bindings::exports::egressd::policy::evaluator::Guest;
use egressd_policy_sdk::{export, log};

/// The policy.
#[derive(Debug)]
pub struct Hostile;

impl Guest for Hostile {
    fn check_settings(settings: String) -> Vec<Diagnostic> {
        export::log_panics();
        assert!(settings != "panic", "no settings like these");
        let severity = if settings == "refuse" { Severity::Error } else { Severity::Warning };
        vec![diagnostic(severity, "settings", "not these", None), diagnostic(severity, "settings", "nor those", None)]
    }

    fn describe(_settings: String) -> Description {
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

    fn evaluate(context: Context, subject: Subject, _draft: Draft) -> Outcome {
        export::log_panics();
        match wish(&context.settings).unwrap_or(&subject.name) {
            "foreign-source" => foreign_source(&subject),
            "loop" => endless(),
            "memory" => hoard(),
            "recursion" => told(&format!("{}", recurse(1))),
            "panic" => panic!("the sky is falling"),
            "last-words" => last_words(),
            "log-flood" => flood(),
            "log-storm" => storm(""),
            "log-wide" => storm(&"x".repeat(1_000_000)),
            "fill" => fill(),
            "aliased-answer" => aliased(),
            "huge-answer" => repeated(told(&"x".repeat(100_000)), 20),
            "escape" => told("a\u{1b}[2Jb\nc"),
            "many" => repeated(told("once more"), 1000),
            "long-code" => outcome(Decision::Pass, vec![diagnostic(Severity::Info, &"x".repeat(65), "", None)]),
            "code" => outcome(Decision::Pass, vec![diagnostic(Severity::Info, "Not Kebab", "", None)]),
            "span" => outcome(Decision::Pass, vec![diagnostic(Severity::Info, "span", "", Some(span(&subject)))]),
            "echo" => told(&echo(&subject)),
            name => nonsense(name),
        }
    }
}

#[cfg(target_family = "wasm")]
egressd_policy_sdk::bindings::export!(Hostile with_types_in egressd_policy_sdk::bindings);

/// What `{"do": "..."}` says, without a parser.
fn wish(settings: &str) -> Option<&str> {
    settings.split_once("\"do\": \"")?.1.split('"').next()
}

/// Other pods, for the Service's own address.
fn foreign_source(subject: &Subject) -> Outcome {
    let sources = (1..=3).map(|last| IpAddress::Ipv4((10, 0, 0, last))).collect();
    let address = subject.addresses.first().copied().unwrap_or(IpAddress::Ipv4((11, 0, 0, 2)));
    let rules = vec![Rule { sources, addresses: vec![address], ..rule() }];
    outcome(Decision::Plan(draft(rules)), Vec::new())
}

/// For an address that is nobody's.
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

/// The same diagnostic many times.
fn repeated(mut outcome: Outcome, times: usize) -> Outcome {
    outcome.diagnostics = outcome.diagnostics.into_iter().cycle().take(times).collect();
    outcome
}

fn endless() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

fn hoard() -> ! {
    let mut hoarded = Vec::new();
    loop {
        // Not filled: that would cost fuel.
        hoarded.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 { 0 } else { black_box(recurse(frame[63] + 1)) + frame[0] }
}

fn last_words() -> ! {
    log::info("first words");
    log::warn("I will loop now");
    endless()
}

fn flood() -> Outcome {
    for line in 0..1000 {
        log::info(&format!("line {line} {}", "ä".repeat(500)));
    }
    outcome(Decision::Pass, Vec::new())
}

fn storm(line: &str) -> ! {
    loop {
        log::info(line);
    }
}

/// One instruction moves megabytes.
fn fill() -> ! {
    let mut memory = vec![0_u8; 8 << 20];
    loop {
        black_box(memory.as_mut_slice()).fill(1);
    }
}

/// 2,000 diagnostics with one message of 4 MiB: 8 GB, for whoever reads all of them.
fn aliased() -> Outcome {
    let text = vec![0_u8; 4 << 20];
    let alias = || {
        let (start, length) = (text.as_ptr().cast_mut(), text.len());
        // SAFETY: all of them are the same string, so freeing them would corrupt this guest's own memory. It is as
        // hostile as that; the host gives up before.
        let message = unsafe { String::from_raw_parts(start, length, length) };
        Diagnostic { message, ..diagnostic(Severity::Info, "told", "", None) }
    };
    let told: Vec<Diagnostic> = std::iter::repeat_with(alias).take(2000).collect();
    std::mem::forget(text);
    outcome(Decision::Pass, told)
}

/// Everything that it sees.
fn echo(subject: &Subject) -> String {
    let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
    format!("annotations: {}; labels: {}", names(&subject.annotations), names(&subject.labels))
}

/// Half of a two-byte character.
fn span(subject: &Subject) -> Span {
    let annotation = subject.annotations.first().map(|(name, _)| name.clone()).unwrap_or_default();
    Span { annotation, offset: 1, length: 1 }
}

/// A plan with one thing wrong; without, for a name that is not known.
fn nonsense(name: &str) -> Outcome {
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
        "port-zero" => rule.destination_ports.push(ports(0, 80)),
        "backwards" => rule.source_ports.push(ports(90, 80)),
        "no-id" => rule.id.clear(),
        _ => {}
    }
    let rules = if name == "same-id" { vec![rule.clone(), rule] } else { vec![rule] };
    outcome(Decision::Plan(draft(rules)), Vec::new())
}

fn told(message: &str) -> Outcome {
    outcome(Decision::Pass, vec![diagnostic(Severity::Info, "told", message, None)])
}

fn outcome(decision: Decision, diagnostics: Vec<Diagnostic>) -> Outcome {
    Outcome { decision, diagnostics }
}

fn diagnostic(severity: Severity, code: &str, message: &str, span: Option<Span>) -> Diagnostic {
    let (code, message) = (code.to_owned(), message.to_owned());
    Diagnostic { severity, code, message, span, rule_id: None, extra: Vec::new() }
}
