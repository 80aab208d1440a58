//! Settings of the policies of this tree, and the values in them that the SDK parses for all policies.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use egressd_policy_address_pool::AddressPool;
use egressd_policy_annotations::Annotations;
use egressd_policy_namespace_defaults::NamespaceDefaults;
use egressd_policy_port_allowlist::PortAllowlist;
use egressd_policy_private_guard::PrivateGuard;
use egressd_policy_sdk::testkit::{check_settings, check_validator_settings, evaluate, load_balancer, validate};
use egressd_policy_sdk::{Diagnostic, Draft, MOST_DIAGNOSTICS, Network, PortRange, Severity, Subject};

use super::{InputResult, lossy};

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let text = lossy(bytes);
    reads_as_it_prints::<PortRange>(&text);
    reads_as_it_prints::<Network>(&text);
    let service = load_balancer("shop", "web").address("192.0.2.10").local_endpoint("10.244.1.7").build();
    let asked = |ask: fn(&str, &Subject, Draft) -> egressd_policy_sdk::Outcome| {
        move |text: &str, service: &Subject| ask(text, service, Draft::default()).diagnostics
    };
    is_checked(&text, &service, check_settings::<Annotations>, asked(evaluate::<Annotations>));
    is_checked(&text, &service, check_settings::<AddressPool>, asked(evaluate::<AddressPool>));
    is_checked(&text, &service, check_settings::<NamespaceDefaults>, asked(evaluate::<NamespaceDefaults>));
    is_checked(&text, &service, check_settings::<PrivateGuard>, asked(evaluate::<PrivateGuard>));
    let validated = |text: &str, service: &Subject| validate::<PortAllowlist>(text, service, &Draft::default());
    is_checked(&text, &service, check_validator_settings::<PortAllowlist>, validated);
    if check_settings::<Annotations>(&text).is_empty() { InputResult::Taken } else { InputResult::Refused }
}

/// Errors in settings are found before they are used; a Service is evaluated with them anyway.
fn is_checked(
    settings: &str,
    service: &Subject,
    check: fn(&str) -> Vec<Diagnostic>,
    ask: impl Fn(&str, &Subject) -> Vec<Diagnostic>,
) {
    let is_bad = |found: &[Diagnostic]| found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let (found, answered) = (check(settings), ask(settings, service));
    assert!(found.len() <= MOST_DIAGNOSTICS && answered.len() <= MOST_DIAGNOSTICS);
    let bad_settings = answered.iter().any(|diagnostic| diagnostic.code == "bad-settings");
    assert!(!bad_settings || is_bad(&found), "{answered:?} differs from the check, which reported {found:?}");
}

fn reads_as_it_prints<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().ok().as_ref(), Some(&read), "{text:?}");
    }
}
