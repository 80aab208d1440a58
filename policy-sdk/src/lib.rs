//! Write an egressd policy in Rust: typed subjects in, typed rules out. A subject is what asks for egress: a Service,
//! or an object of another kind that selects pods.
//!
//! A policy decides for one subject at a time which packets of its pods leave the cluster under which source
//! address. It is compiled to a WebAssembly component that imports nothing but a log: no clock, no network, no
//! randomness, so that equal input gives an equal answer. The same code runs natively in tests, see [`testkit`].
//!
//! ```
//! use egressd_policy_sdk::{
//!     Context, Description, Diagnostic, Draft, Outcome, Policy, PortRange, Rule, RuleError, Settings, Subject,
//!     export_policy, from_json, testkit,
//! };
//! use serde::Deserialize;
//!
//! /// Translates the local endpoints of a Service that is labelled `example.com/egress: "yes"`, to one port.
//! struct OnePort;
//!
//! /// What operators can choose.
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Choice {
//!     port: PortRange,
//! }
//!
//! impl Settings for Choice {
//!     // A crate has it in a file: include_str!("../settings.schema.json").
//!     const SCHEMA: &'static str = r#"{
//!         "type": "object",
//!         "additionalProperties": false,
//!         "required": ["port"],
//!         "properties": {"port": {"type": "string", "description": "The only port, like tcp:443."}},
//!         "examples": [{"port": "tcp:443"}]
//!     }"#;
//!
//!     fn parse(text: &str) -> Result<Self, Diagnostic> {
//!         from_json(text)
//!     }
//! }
//!
//! impl Policy for OnePort {
//!     type Settings = Choice;
//!
//!     fn describe(_settings: &Choice) -> Description {
//!         Description {
//!             name: "one-port".into(),
//!             version: env!("CARGO_PKG_VERSION").into(),
//!             label_prefixes: vec!["example.com/".into()],
//!             ..Description::default()
//!         }
//!     }
//!
//!     fn evaluate(settings: &Choice, _context: &Context, subject: &Subject, draft: Draft) -> Outcome {
//!         if subject.labels.get("example.com/egress") != Some("yes") {
//!             return Outcome::pass();
//!         }
//!         match plan(settings, subject, draft) {
//!             Ok(draft) => Outcome::plan(draft),
//!             Err(error) => Outcome::deny(vec![error.into()]),
//!         }
//!     }
//! }
//!
//! fn plan(settings: &Choice, subject: &Subject, mut draft: Draft) -> Result<Draft, RuleError> {
//!     if let Some(address) = subject.addresses.first().copied() {
//!         let rule = Rule::new("all", address);
//!         let local = subject.local_endpoints().map(|endpoint| endpoint.address);
//!         let sources = rule.family().addresses(local);
//!         draft.push(rule.from(sources)?.with_destination_ports([settings.port])?)?;
//!     }
//!     Ok(draft)
//! }
//!
//! export_policy!(OnePort);
//!
//! let subject = testkit::load_balancer("shop", "web")
//!     .label("example.com/egress", "yes")
//!     .address("192.0.2.10")
//!     .local_endpoint("10.244.1.7")
//!     .build();
//! let outcome = testkit::evaluate::<OnePort>(r#"{"port": "tcp:443"}"#, &subject, Draft::default());
//! assert_eq!(
//!     testkit::outcome_text(&outcome, &subject),
//!     "plan\nrule all: 10.244.1.7 -> 192.0.2.10\n  destination ports: tcp:443\n"
//! );
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`. A [`Validator`] is written likewise and exported with
//! [`export_validator!`].

#![warn(missing_docs)]

mod ask;
#[doc(hidden)]
pub mod bindings;
mod convert;
mod description;
#[doc(hidden)]
pub mod export;
mod few;
mod labels;
pub mod log;
#[cfg(target_family = "wasm")]
mod memory;
mod policy;
mod selector;
mod settings;
mod subject;
#[cfg(not(target_family = "wasm"))]
pub mod testkit;

pub use description::Description;
pub use egressd_vocabulary::{
    Decision, Diagnostic, Draft, Dscp, DscpError, EndpointScope, Extra, Family, LabelOperator, LabelRequirement,
    LabelSelector, Mark, MarkError, Network, NetworkError, OnChange, OnUnavailable, Outcome, ParsePortRangeError,
    PortRange, PortRangeError, PortSpan, Protocol, Rule, RuleError, SelectorError, ServiceType, Severity, Span,
    TrafficPolicy, clipped, quoted, spelling,
};
pub use few::MOST_DIAGNOSTICS;
pub use ipnet::IpNet;
pub use labels::Labels;
pub use policy::{Policy, Validator};
pub use selector::Selector;
pub use settings::{NoSettings, Settings, bad_settings, from_json, is_empty};
pub use subject::{Context, Endpoint, Namespace, ObjectReference, SERVICE, Service, ServicePort, Subject};
