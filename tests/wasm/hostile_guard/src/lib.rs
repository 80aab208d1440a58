//! A validator whose behaviour is the subject's name, like the hostile policy.

#[path = "../../hostile/src/misbehave.rs"]
mod misbehave;

use egressd_policy_sdk::bindings::egressd::policy::types::{
    Context, Description, Diagnostic, Draft, EndpointScope, Severity, Subject,
};
use egressd_policy_sdk::bindings::validator::exports::egressd::policy::checker::Guest;
use egressd_policy_sdk::export;

use misbehave::{diagnostic, reported};

#[derive(Debug)]
pub struct HostileGuard;

impl Guest for HostileGuard {
    fn check_settings(_settings: String) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn describe(_settings: String) -> Description {
        Description {
            name: "hostile-guard".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            settings_schema: String::new(),
            subject_kinds: vec!["Service".to_owned()],
            annotation_prefixes: vec![String::new()],
            label_prefixes: Vec::new(),
            namespace_annotation_prefixes: Vec::new(),
            endpoints: EndpointScope::Here,
            extra: Vec::new(),
        }
    }

    fn validate(_context: Context, subject: Subject, _draft: Draft) -> Vec<Diagnostic> {
        export::log_panics();
        match (reported(&subject.name, &subject), &*subject.name) {
            (Some(diagnostics), _) => diagnostics,
            (None, "deny") => vec![diagnostic(Severity::Error, "denied", "not this one", None)],
            (None, _) => Vec::new(),
        }
    }
}

#[cfg(target_family = "wasm")]
egressd_policy_sdk::bindings::validator::export!(HostileGuard with_types_in egressd_policy_sdk::bindings::validator);
