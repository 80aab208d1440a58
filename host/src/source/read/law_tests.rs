//! What is not needed changes nothing: for every kind, every field of an object as a server prints it.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::model::ObjectReference;
use serde_json::{Value, json};

use super::{Reading, Unreadable, read};
use crate::source::kind::{ClaimKind, Kind, NetworkKind};
use crate::source::original::original;

/// An object with everything that a newer server may put into it, and the fields that are needed: a `*` stands for any
/// name or place.
struct Sample {
    object: Value,
    needed: Vec<&'static str>,
}

fn sample(kind: Kind) -> Sample {
    let (object, needed) = match kind {
        Kind::Services => (include_str!("samples/service.yaml"), include_str!("samples/service.needed")),
        Kind::Slices => (include_str!("samples/slice.yaml"), include_str!("samples/slice.needed")),
        Kind::Nodes => (include_str!("samples/node.yaml"), include_str!("samples/node.needed")),
        Kind::EgressNodes => (include_str!("samples/egressnode.yaml"), include_str!("samples/egressnode.needed")),
        Kind::Namespaces => (include_str!("samples/namespace.yaml"), include_str!("samples/namespace.needed")),
        Kind::ServiceNetworks => (include_str!("samples/servicecidr.yaml"), include_str!("samples/servicecidr.needed")),
        Kind::Policies => (include_str!("samples/configmap.yaml"), include_str!("samples/configmap.needed")),
        Kind::Pods => (include_str!("samples/pod.yaml"), include_str!("samples/pod.needed")),
        Kind::Networks(kind) => networks(kind),
        Kind::Claims(ClaimKind::L2Statuses) => {
            (include_str!("samples/servicel2status.yaml"), include_str!("samples/servicel2status.needed"))
        }
        Kind::Claims(ClaimKind::Leases) => (include_str!("samples/lease.yaml"), include_str!("samples/lease.needed")),
        Kind::Endpoints => (include_str!("samples/endpoints.yaml"), include_str!("samples/endpoints.needed")),
    };
    Sample { object: serde_saphyr::from_str(object).unwrap(), needed: needed.lines().collect() }
}

fn networks(kind: NetworkKind) -> (&'static str, &'static str) {
    match kind {
        NetworkKind::CalicoPools => (include_str!("samples/ippool.yaml"), include_str!("samples/ippool.needed")),
        NetworkKind::CiliumNodes => {
            (include_str!("samples/ciliumnode.yaml"), include_str!("samples/ciliumnode.needed"))
        }
        NetworkKind::CiliumPools => {
            (include_str!("samples/ciliumpodippool.yaml"), include_str!("samples/ciliumpodippool.needed"))
        }
        NetworkKind::Flannel | NetworkKind::OlderFlannel => {
            (include_str!("samples/flannel.yaml"), include_str!("samples/flannel.needed"))
        }
        NetworkKind::Kubeadm => (include_str!("samples/kubeadm.yaml"), include_str!("samples/kubeadm.needed")),
    }
}

/// A place in an object, as members and places in lists.
type FieldPath = Vec<String>;

fn places(value: &Value, place: &FieldPath, all: &mut Vec<FieldPath>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    };
    for (name, value) in below {
        let below: FieldPath = place.iter().cloned().chain([name]).collect();
        all.push(below.clone());
        places(value, &below, all);
    }
}

/// Whether a place is needed, or holds one that is.
fn matters(place: &FieldPath, needed: &[&str]) -> bool {
    needed.iter().any(|path| {
        let pattern = pattern(path);
        let matches = |(part, name): (&String, &String)| part == "*" || part == name;
        place.len() <= pattern.len() && pattern.iter().zip(place).all(matches)
    })
}

/// A path's parts; the names of labels and of binary data have dots in them.
fn pattern(path: &str) -> FieldPath {
    for (head, names) in [("metadata.labels.", 2), ("metadata.annotations.", 2), ("binaryData.", 1), ("data.", 1)] {
        if let Some(name) = path.strip_prefix(head) {
            return head.split('.').take(names).chain([name]).map(str::to_owned).collect();
        }
    }
    path.split('.').map(str::to_owned).collect()
}

fn at<'a>(value: &'a mut Value, place: &[String]) -> &'a mut Value {
    place.iter().fold(value, |value, name| match name.parse::<usize>() {
        Ok(at) => value.get_mut(at).unwrap(),
        Err(_) => value.get_mut(name).unwrap(),
    })
}

/// The object with something else at a place; none takes the place away.
fn changed(object: &Value, place: &FieldPath, to: Option<&Value>) -> Value {
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

fn every_change(kind: Kind, mut check: impl FnMut(&FieldPath, &Sample, Result<Reading, Unreadable>)) {
    let sample = sample(kind);
    let mut all = Vec::new();
    places(&sample.object, &FieldPath::new(), &mut all);
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
            if !matters(place, &sample.needed) {
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
                // Where the type of an address is gone, its text is what cannot be read.
                let is_address = last == "type" && fault.contains("addresses");
                let is_named =
                    fault.contains(last.as_str()) || is_address || fault.starts_with("metadata.name is missing");
                assert!(is_named && fault.len() < 400 && !fault.contains('\u{1b}'), "{kind}: {place:?}: {fault}");
            }
        });
    }
}

/// What a process leaves to the next one, with all changes: a field that is read and not kept fails here.
#[test]
fn what_is_kept_of_an_object_reads_as_the_object_does() {
    for kind in Kind::ALL {
        let names = kind.names();
        let (namespace, name) = names.one.map_or(("shop", "web"), |one| (one.namespace, one.name));
        let called = ObjectReference::new(namespace, name);
        let version = format!("{}/{}", names.group, names.versions[0]).trim_start_matches('/').to_owned();
        let sample = sample(kind);
        let mut all = Vec::new();
        places(&sample.object, &FieldPath::new(), &mut all);
        for (place, to) in all.iter().flat_map(|place| oddities().into_iter().map(move |to| (place, to))) {
            let object = changed(&sample.object, place, to.as_ref());
            let kept: Value = serde_json::from_str(&original(kind, &version, object.clone()).to_string()).unwrap();
            assert_eq!(read(kind, &kept, Some("node-a")), read(kind, &object, Some("node-a")), "{kind}: {place:?}");
            let member = |field: &str| kept[field].as_str().unwrap();
            assert_eq!(Kind::of(member("apiVersion"), member("kind"), &called), Some(kind));
        }
    }
}
