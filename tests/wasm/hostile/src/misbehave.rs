//! Misbehaviour that needs no draft, for policies and validators.

use std::hint::black_box;

use egressd_policy_sdk::bindings::egressd::policy::types::{Diagnostic, Severity, Span, Subject};
use egressd_policy_sdk::log;

/// The diagnostics of a behaviour; none for an unknown one.
pub(crate) fn reported(behaviour: &str, subject: &Subject) -> Option<Vec<Diagnostic>> {
    resources(behaviour).or_else(|| invalid(behaviour, subject))
}

/// Use more resources than a call may have.
fn resources(behaviour: &str) -> Option<Vec<Diagnostic>> {
    Some(match behaviour {
        "loop" => endless(),
        "memory" => exhaust_memory(),
        "recursion" => with_message(&format!("{}", recurse(1))),
        "panic" => panic!("the sky is falling"),
        "log-then-loop" => log_then_loop(),
        "log-flood" => flood(),
        "log-storm" => log_endlessly(""),
        "log-wide" => log_endlessly(&"x".repeat(1_000_000)),
        "fill" => fill(),
        "aliased-answer" => aliased(),
        "huge-answer" => repeated(with_message(&"x".repeat(100_000)), 20),
        "wide" => with_message(&"x".repeat(900_000)),
        "many" => repeated(with_message("once more"), 1000),
        _ => return None,
    })
}

/// Answers that a host has to refuse.
fn invalid(behaviour: &str, subject: &Subject) -> Option<Vec<Diagnostic>> {
    let annotation = subject.annotations.first().map(|(name, _)| name.clone()).unwrap_or_default();
    let span = |annotation: &str, offset, length| {
        let span = Span { annotation: annotation.to_owned(), offset, length };
        vec![diagnostic(Severity::Info, "span", "", Some(span))]
    };
    let about =
        |rule: String| vec![Diagnostic { rule_id: Some(rule), ..diagnostic(Severity::Info, "message", "", None) }];
    let coded = |code: &str| vec![diagnostic(Severity::Info, code, "", None)];
    Some(match behaviour {
        "escape" => with_message("a\u{1b}[2Jb\nc"),
        "long-code" => coded(&"x".repeat(65)),
        "code" => coded("Not Kebab"),
        // Half of a two-byte character.
        "span" => span(&annotation, 1, 1),
        "span-overflow" => span(&annotation, u32::MAX, u32::MAX),
        "span-elsewhere" => span("not/sent", 0, 0),
        "empty-rule-id" => about(String::new()),
        "long-rule-id" => about("x".repeat(257)),
        "extra" => vec![Diagnostic { extra: vec![("later".to_owned(), String::new())], ..with_message("a").remove(0) }],
        "echo" => with_message(&echo(subject)),
        _ => return None,
    })
}

fn repeated(diagnostics: Vec<Diagnostic>, times: usize) -> Vec<Diagnostic> {
    diagnostics.into_iter().cycle().take(times).collect()
}

pub(crate) fn endless() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

pub(crate) fn exhaust_memory() -> ! {
    let mut blocks = Vec::new();
    loop {
        // Not filled: that would cost fuel.
        blocks.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 { 0 } else { black_box(recurse(frame[63] + 1)) + frame[0] }
}

fn log_then_loop() -> ! {
    log::info("first line");
    log::warn("I will loop now");
    endless()
}

fn flood() -> Vec<Diagnostic> {
    for line in 0..1000 {
        log::info(&format!("line {line} {}", "ä".repeat(500)));
    }
    Vec::new()
}

fn log_endlessly(line: &str) -> ! {
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

/// 2,000 diagnostics with one message of 4 MiB: 8 GB, for a host that reads all of them.
fn aliased() -> Vec<Diagnostic> {
    let text = vec![0_u8; 4 << 20];
    let alias = || {
        let (start, length) = (text.as_ptr().cast_mut(), text.len());
        // SAFETY: all of them are the same string, so freeing them would corrupt this guest's own memory. It is as
        // hostile as that; the host gives up before.
        let message = unsafe { String::from_raw_parts(start, length, length) };
        Diagnostic { message, ..diagnostic(Severity::Info, "message", "", None) }
    };
    let diagnostics: Vec<Diagnostic> = std::iter::repeat_with(alias).take(2000).collect();
    std::mem::forget(text);
    diagnostics
}

/// The names of all annotations and labels that it was shown.
fn echo(subject: &Subject) -> String {
    let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
    format!("annotations: {}; labels: {}", names(&subject.annotations), names(&subject.labels))
}

fn with_message(message: &str) -> Vec<Diagnostic> {
    vec![diagnostic(Severity::Info, "message", message, None)]
}

pub(crate) fn diagnostic(severity: Severity, code: &str, message: &str, span: Option<Span>) -> Diagnostic {
    let (code, message) = (code.to_owned(), message.to_owned());
    Diagnostic { severity, code, message, span, rule_id: None, extra: Vec::new() }
}
