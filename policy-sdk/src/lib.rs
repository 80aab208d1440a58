//! Write an egressd policy in Rust: typed Services in, typed rules out.
//!
//! A policy decides for one Service at a time which packets of its pods leave the cluster under which source
//! address. It is compiled to a WebAssembly component that imports nothing but a log: no clock, no network, no
//! randomness, so that equal input gives an equal answer. The same code runs natively in tests, see [`testkit`].
//!
//! ```
//! use egressd_policy_sdk::{Context, Description, Draft, Outcome, Policy, Rule, Service, export_policy, testkit};
//!
//! /// Translates every local endpoint of a Service that is labelled `example.com/egress: "yes"`.
//! struct ByLabel;
//!
//! impl Policy for ByLabel {
//!     fn describe() -> Description {
//!         Description {
//!             name: "by-label".into(),
//!             version: env!("CARGO_PKG_VERSION").into(),
//!             label_prefixes: vec!["example.com/".into()],
//!             ..Description::default()
//!         }
//!     }
//!
//!     fn evaluate(context: &Context, service: &Service, mut draft: Draft) -> Outcome {
//!         let wanted = service.labels.get("example.com/egress").is_some_and(|value| value == "yes");
//!         let Some(address) = service.addresses.first().copied().filter(|_| wanted) else {
//!             return Outcome::pass();
//!         };
//!         let local = service.local_endpoints(context).map(|endpoint| endpoint.address);
//!         let sources = local.filter(|source| source.is_ipv4() == address.is_ipv4()).collect();
//!         draft.rules.push(Rule { sources, ..Rule::new("all", address) });
//!         Outcome::plan(draft)
//!     }
//! }
//!
//! export_policy!(ByLabel);
//!
//! let service = testkit::load_balancer("shop", "web")
//!     .label("example.com/egress", "yes")
//!     .address("192.0.2.10")
//!     .local_endpoint("10.244.1.7")
//!     .build();
//! let outcome = ByLabel::evaluate(&testkit::context(), &service, Draft::default());
//! assert_eq!(outcome.draft().map(|draft| draft.rules.len()), Some(1));
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`.

#[doc(hidden)]
pub mod bindings;
mod convert;
mod description;
mod diagnostic;
#[doc(hidden)]
pub mod export;
mod family;
pub mod log;
mod outcome;
mod policy;
mod port;
mod service;
pub mod testkit;

pub use description::Description;
pub use diagnostic::{Diagnostic, Severity, Span};
pub use family::Family;
pub use ipnet::IpNet;
pub use outcome::{Decision, Draft, Extra, OnChange, OnUnavailable, Outcome, Rule};
pub use policy::Policy;
pub use port::{PortRange, PortRangeError, Protocol};
pub use service::{Context, Endpoint, Labels, ObjectReference, Service, ServiceKind, ServicePort, TrafficPolicy};
