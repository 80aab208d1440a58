//! JSON of the API server → the nouns of the core, as each of the kinds that are followed.

use egressd::source::convert;
use egressd_core::text::is_plain;
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::api::{discovery::v1::EndpointSlice, networking::v1::ServiceCIDR};
use serde_json::{Value, from_value};

use super::Answer;

/// The longest sentence about an object, in bytes: 128 of its text, escaped, and what is said about them.
const LONGEST: usize = 2_048;

/// The longest name that Kubernetes takes.
const LONGEST_NAME: usize = 253;

pub(crate) fn laws(bytes: &[u8]) -> Answer {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return Answer::Refused };
    let node = read::<Node, _>(&object, convert::node);
    let namespace = read::<Namespace, _>(&object, convert::namespace_labels);
    let networks = read::<ServiceCIDR, _>(&object, convert::service_networks);
    let names = [node.map(|(name, _)| name), namespace.map(|(name, _)| name), networks.map(|(name, _)| name)];
    names.iter().flatten().for_each(|name| is_a_name(name));
    if service(&object) || slice(&object) || names.iter().any(Option::is_some) {
        Answer::Taken
    } else {
        Answer::Refused
    }
}

fn service(object: &Value) -> bool {
    let Some(service) = read::<Service, _>(object, convert::service) else { return false };
    is_a_name(&service.key.name);
    is_a_name(&service.key.namespace);
    assert_eq!(service.clone().within_bounds(), service, "bounds that hold change nothing");
    true
}

fn slice(object: &Value) -> bool {
    let Ok(typed) = from_value::<EndpointSlice>(object.clone()) else { return false };
    let addresses: usize = typed.endpoints.iter().flatten().map(|endpoint| endpoint.addresses.len()).sum();
    let Some((name, slice)) = said(convert::slice(typed, Some("node-a"))) else { return false };
    is_a_name(&name);
    is_a_name(&slice.service.name);
    assert!(slice.endpoints.len() <= addresses, "an address is one endpoint at most");
    true
}

fn read<K: serde::de::DeserializeOwned, T>(object: &Value, convert: fn(K) -> Result<T, convert::Error>) -> Option<T> {
    said(convert(from_value(object.clone()).ok()?))
}

/// What was read; what is wrong with it is one short sentence.
fn said<T>(read: Result<T, convert::Error>) -> Option<T> {
    let refused = |error: &convert::Error| {
        let sentence = error.to_string();
        assert!(sentence.len() <= LONGEST && sentence.chars().all(is_plain), "{sentence:?}");
    };
    read.inspect_err(refused).ok()
}

/// Names are printed as they are, and become parts of others.
fn is_a_name(name: &str) {
    let plain = name.chars().all(|c| is_plain(c) && !c.is_whitespace());
    assert!(plain && (1..=LONGEST_NAME).contains(&name.len()), "{name:?}");
}
