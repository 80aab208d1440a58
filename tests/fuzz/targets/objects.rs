//! JSON of the API server → the nouns of the core, as each of the kinds that are followed.

use egressd::source::documents::Object;
use egressd::source::kind::Kind;
use egressd::source::read::{Reading, read};
use egressd_core::model::{MOST_HELD_ADDRESSES, MOST_PUBLISHED_ADDRESSES, Slice};
use egressd_core::text::is_plain;
use serde_json::Value;

use super::InputResult;

/// The longest sentence about an object, in bytes: 128 of its text, escaped, a label's name, and the message about
/// them.
const MAX_OBJECT_MESSAGE: usize = 4_096;

/// The longest name that Kubernetes takes.
const MAX_NAME_LENGTH: usize = 253;

pub(crate) fn laws(bytes: &[u8]) -> InputResult {
    let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return InputResult::Refused };
    let taken: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| is_taken(*kind, &object)).collect();
    if taken.is_empty() { InputResult::Refused } else { InputResult::Taken }
}

/// Whether it can be read as this kind; errors are short messages, and a read object has a name.
fn is_taken(kind: Kind, object: &Value) -> bool {
    match read(kind, object, Some("node-a")) {
        Ok(Reading { object: read, faults }) => {
            faults.iter().for_each(|fault| is_a_sentence(&fault.to_string()));
            read.inspect(|read| is_well_made(read, object)).is_some()
        }
        Err(error) => {
            is_a_sentence(&error.to_string());
            false
        }
    }
}

fn is_well_made(read: &Object, written: &Value) {
    let (_, reference) = read.identity();
    is_a_name(&reference.name);
    match read {
        Object::Service(service) => {
            is_a_name(&service.key.namespace);
            let bounded = (**service).clone().within_bounds();
            assert_eq!(bounded, **service, "bounds that hold change nothing");
        }
        Object::Slice(_, slice) => has_no_more_endpoints(slice, written),
        Object::EgressNode(_, node) => {
            assert!(node.addresses.len() <= MOST_PUBLISHED_ADDRESSES);
            assert!(node.held.iter().count() <= MOST_HELD_ADDRESSES);
            assert!(node.tunnels.ends().is_sorted_by(|one, other| one.kind() < other.kind()));
        }
        Object::Node(..)
        | Object::Namespace(..)
        | Object::ServiceNetworks(..)
        | Object::Policy(..)
        | Object::Pod(_)
        | Object::PodElsewhere(_)
        | Object::Networks(..)
        | Object::Claim(..)
        | Object::Endpoints(_) => {}
    }
}

fn has_no_more_endpoints(slice: &Slice, written: &Value) {
    let endpoints = written["endpoints"].as_array().into_iter().flatten();
    let addresses = endpoints.filter_map(|endpoint| endpoint["addresses"].as_array());
    assert!(slice.endpoints.len() <= addresses.map(Vec::len).sum(), "an address is one endpoint at most");
}

fn is_a_sentence(sentence: &str) {
    assert!(sentence.len() <= MAX_OBJECT_MESSAGE && sentence.chars().all(is_plain), "{sentence:?}");
}

/// Names are printed as they are, and become parts of others.
fn is_a_name(name: &str) {
    let plain = name.chars().all(|c| is_plain(c) && !c.is_whitespace());
    assert!(plain && (1..=MAX_NAME_LENGTH).contains(&name.len()), "{name:?}");
}
