//! The built-in policy: what kube-vip's egress annotations on a Service mean.
//!
//! It knows the documented meaning (kube-vip: `pkg/kubevip/annotations.go`) and reads strictly: blanks around a
//! value or an item are fine, an empty value is none, anything else that is wrong makes the Service's configuration
//! invalid, because a filter that is dropped would translate more than was asked for. It never guesses.

mod annotations;
mod boolean;
mod coverage;
mod decide;
mod list;
mod networks;
mod ports;
mod request;
mod settings;
mod spelling;

use egressd_policy_sdk::{Context, Description, Draft, Outcome, Policy, Subject, export_policy};

pub use crate::settings::Settings;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Annotations;

impl Policy for Annotations {
    type Settings = Settings;

    fn describe(settings: &Settings) -> Description {
        let prefix = &settings.prefix;
        Description {
            name: "annotations".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Reads kube-vip's egress annotations.".to_owned(),
            annotation_prefixes: annotations::BEGINNINGS.map(|name| format!("{prefix}/{name}")).to_vec(),
            label_prefixes: Vec::new(),
            ..Description::default()
        }
    }

    fn evaluate(settings: &Settings, context: &Context, subject: &Subject, draft: Draft) -> Outcome {
        decide::decide(settings, context, subject, draft)
    }
}

export_policy!(Annotations);
