//! The built-in policy: what kube-vip's egress annotations on a Service mean.
//!
//! It knows the documented meaning (kube-vip: `pkg/kubevip/annotations.go`) and reads strictly: blanks around a
//! value or an item are fine, anything else that is wrong makes the Service's configuration invalid, because a
//! filter that is dropped would translate more than was asked for. It never guesses.

mod annotations;
mod boolean;
mod decide;
mod list;
mod networks;
mod ports;
mod request;
mod settings;

use egressd_policy_sdk::{Context, Description, Diagnostic, Draft, Outcome, Policy, Service, export_policy};

use crate::settings::Settings;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Annotations;

impl Policy for Annotations {
    fn describe() -> Description {
        Self::describe_with("{}")
    }

    fn describe_with(settings: &str) -> Description {
        let prefix = Settings::parse(settings).unwrap_or_default().prefix;
        Description {
            name: "annotations".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Reads kube-vip's egress annotations.".to_owned(),
            settings_schema: settings::SCHEMA.to_owned(),
            annotation_prefixes: vec![format!("{prefix}/egress"), format!("{prefix}/flush-conntrack")],
            label_prefixes: Vec::new(),
        }
    }

    fn check_settings(settings: &str) -> Vec<Diagnostic> {
        Settings::parse(settings).err().into_iter().collect()
    }

    fn evaluate(context: &Context, service: &Service, draft: Draft) -> Outcome {
        match Settings::parse(&context.settings) {
            Ok(settings) => decide::decide(&settings, context, service, draft),
            Err(diagnostic) => Outcome::deny(vec![diagnostic]),
        }
    }
}

export_policy!(Annotations);
