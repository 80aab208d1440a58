//! What is not needed changes nothing: for every kind, every field of an object as a server prints it.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::{Reading, Unreadable, read};
use crate::source::kind::Kind;

/// An object with everything that a newer server may put into it, and the fields that are needed: a `*` stands for any
/// name or place.
struct Sample {
    object: Value,
    needed: &'static [&'static str],
}

fn sample(kind: Kind) -> Sample {
    let object = |text: &str| serde_saphyr::from_str(text).unwrap();
    match kind {
        Kind::Services => Sample {
            object: object(include_str!("samples/service.yaml")),
            needed: &[
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
                "metadata.creationTimestamp",
                "metadata.labels",
                "metadata.labels.*",
                "metadata.annotations",
                "metadata.annotations.*",
                "spec.type",
                "spec.loadBalancerClass",
                "spec.loadBalancerIP",
                "spec.clusterIPs",
                "spec.clusterIPs.*",
                "spec.externalTrafficPolicy",
                "spec.ipFamilies",
                "spec.ipFamilies.*",
                "spec.ports",
                "spec.ports.*",
                "spec.ports.*.name",
                "spec.ports.*.port",
                "spec.ports.*.protocol",
                "status.loadBalancer",
                "status.loadBalancer.ingress",
                "status.loadBalancer.ingress.*",
                "status.loadBalancer.ingress.*.ip",
                "status.loadBalancer.ingress.*.hostname",
            ],
        },
        Kind::Slices => Sample {
            object: object(include_str!("samples/slice.yaml")),
            needed: &[
                "metadata.name",
                "metadata.namespace",
                "metadata.labels",
                "metadata.labels.kubernetes.io/service-name",
                "addressType",
                "endpoints",
                "endpoints.*",
                "endpoints.*.addresses",
                "endpoints.*.addresses.*",
                "endpoints.*.nodeName",
                "endpoints.*.conditions",
                "endpoints.*.conditions.*",
                "endpoints.*.targetRef",
                "endpoints.*.targetRef.kind",
                "endpoints.*.targetRef.name",
                "endpoints.*.targetRef.namespace",
            ],
        },
        Kind::Nodes => Sample {
            object: object(include_str!("samples/node.yaml")),
            needed: &[
                "metadata.name",
                "metadata.labels",
                "metadata.labels.*",
                "spec.podCIDRs",
                "spec.podCIDRs.*",
                "status.addresses",
                "status.addresses.*",
                "status.addresses.*.type",
                "status.addresses.*.address",
                "status.conditions",
                "status.conditions.*",
                "status.conditions.*.type",
                "status.conditions.*.status",
            ],
        },
        Kind::Namespaces => Sample {
            object: object(include_str!("samples/namespace.yaml")),
            needed: &["metadata.name", "metadata.labels", "metadata.labels.*"],
        },
        Kind::ServiceNetworks => Sample {
            object: object(include_str!("samples/servicecidr.yaml")),
            needed: &["metadata.name", "spec.cidrs", "spec.cidrs.*"],
        },
        Kind::Pods => Sample {
            object: object(include_str!("samples/pod.yaml")),
            needed: &[
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
                "metadata.labels",
                "metadata.labels.*",
                "spec.nodeName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIPs",
                "status.podIPs.*",
                "status.podIPs.*.ip",
            ],
        },
        Kind::Policies => Sample {
            object: object(include_str!("samples/configmap.yaml")),
            needed: &[
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
                "metadata.labels",
                "metadata.labels.egressd.io/policy",
                "metadata.annotations",
                "metadata.annotations.*",
                "data",
                "data.settings",
                "binaryData",
                "binaryData.policy.wasm",
            ],
        },
    }
}

/// A place in an object, as members and places in lists.
type Place = Vec<String>;

fn places(value: &Value, place: &Place, all: &mut Vec<Place>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    };
    for (name, value) in below {
        let below: Place = place.iter().cloned().chain([name]).collect();
        all.push(below.clone());
        places(value, &below, all);
    }
}

/// Whether a place is needed, or holds one that is.
fn matters(place: &Place, needed: &[&str]) -> bool {
    needed.iter().any(|path| {
        let pattern = pattern(path);
        let matches = |(part, name): (&String, &String)| part == "*" || part == name;
        place.len() <= pattern.len() && pattern.iter().zip(place).all(matches)
    })
}

/// A path's parts; the names of labels and of binary data have dots in them.
fn pattern(path: &str) -> Place {
    for (head, names) in [("metadata.labels.", 2), ("metadata.annotations.", 2), ("binaryData.", 1)] {
        if let Some(name) = path.strip_prefix(head) {
            return head.split('.').take(names).chain([name]).map(str::to_owned).collect();
        }
    }
    path.split('.').map(str::to_owned).collect()
}

fn at<'a>(value: &'a mut Value, place: &[String]) -> &'a mut Value {
    place.iter().fold(value, |value, name| match value {
        Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
        other => other.get_mut(name).unwrap(),
    })
}

/// The object with something else at a place; none takes the place away.
fn changed(object: &Value, place: &Place, to: Option<&Value>) -> Value {
    let mut object = object.clone();
    let (last, parents) = place.split_last().unwrap();
    match (at(&mut object, parents), to) {
        (parent, Some(value)) => *at(parent, std::slice::from_ref(last)) = value.clone(),
        (Value::Object(members), None) => drop(members.remove(last)),
        (Value::Array(items), None) => drop(items.remove(last.parse::<usize>().unwrap())),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), None) => unreachable!(),
    }
    object
}

fn oddities() -> Vec<Option<Value>> {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("\u{1b}[2J"),
        json!([]),
        json!([null, {}, "a"]),
        json!({}),
        json!({"a": null}),
    ];
    values.into_iter().map(Some).chain([None]).collect()
}

fn every_change(kind: Kind, mut check: impl FnMut(&Place, &Sample, Result<Reading, Unreadable>)) {
    let sample = sample(kind);
    let mut all = Vec::new();
    places(&sample.object, &Place::new(), &mut all);
    for place in &all {
        for to in oddities() {
            check(place, &sample, read(kind, &changed(&sample.object, place, to.as_ref()), Some("node-a")));
        }
    }
}

#[test]
fn a_field_that_is_not_needed_may_be_anything() {
    for kind in Kind::ALL {
        let good = read(kind, &sample(kind).object, Some("node-a")).unwrap();
        assert!(good.object.is_some() && good.faults.is_empty(), "{kind}: {good:?}");
        let mut tried = 0;
        every_change(kind, |place, sample, reading| {
            if !matters(place, sample.needed) {
                tried += 1;
                assert_eq!(reading.as_ref(), Ok(&good), "{kind}: {place:?}");
            }
        });
        assert!(tried > 20, "{kind}: the sample has {tried} changes only");
    }
}

#[test]
fn a_needed_field_that_is_bad_is_named_in_a_short_sentence() {
    for kind in Kind::ALL {
        every_change(kind, |place, _, reading| {
            let faults = reading.map_or_else(
                |error| vec![error.to_string()],
                |reading| reading.faults.iter().map(ToString::to_string).collect(),
            );
            for fault in faults {
                let last = place.iter().rfind(|name| name.parse::<usize>().is_err()).unwrap();
                let is_named = fault.contains(last.as_str()) || fault.starts_with("metadata.name is missing");
                assert!(is_named && fault.len() < 400 && !fault.contains('\u{1b}'), "{kind}: {place:?}: {fault}");
            }
        });
    }
}
