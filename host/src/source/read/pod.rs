//! Pods, read no further than it shows whose an address is.

use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::model::{ObjectReference, Phase, Pod, PodNetwork, UnixTime};

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::clock::Moment;

/// A pod. A label that cannot be read costs all labels.
pub(super) fn pod(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Pod, Unreadable> {
    let key = metadata::key(root)?;
    let (spec, status) = (root.object("spec")?, root.object("status")?);
    let host_network = spec.get("hostNetwork").boolean()?;
    Ok(Pod {
        uid: metadata::uid(root, &key)?,
        name: ObjectReference::new(Arc::clone(&key.namespace), Arc::clone(&key.name)),
        phase: match status.get("phase").text()? {
            Some("Succeeded" | "Failed") => Phase::Ended,
            Some(_) | None => Phase::Alive,
        },
        network: if host_network == Some(true) { PodNetwork::Host } else { PodNetwork::Own },
        addresses: addresses(&status, faults)?,
        labels: kept(metadata::labels(root).map(Some), faults).unwrap_or_default(),
        started: started(&status),
    }
    .within_bounds())
}

/// A time that cannot be read is as good as none: nothing ends for it.
fn started(status: &Field<'_>) -> Option<UnixTime> {
    let started = status.get("startTime").parsed::<Moment>("a time").ok().flatten();
    started.map(UnixTime::from)
}

/// Those of the list; where there is none, the one that older kubelets wrote alone.
fn addresses(status: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Vec<IpAddr>, Fault> {
    let list = status.get("podIPs");
    if list.items(&mut Vec::new()).is_empty() {
        return Ok(kept(written(&status.get("podIP")), faults).into_iter().collect());
    }
    list.all(faults, |item| written(&item.get("ip")))
}

/// An empty address is none.
fn written(field: &Field<'_>) -> Result<Option<IpAddr>, Fault> {
    match field.text()? {
        Some("") => Ok(None),
        Some(_) | None => address(field),
    }
}

/// Whether a pod in a file is of this node: it is unless it says another.
pub(super) fn is_on(root: &Field<'_>, node: &str) -> bool {
    root.get("spec").get("nodeName").text().ok().flatten().is_none_or(|name| name == node)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Pod, String> {
        super::pod(&Field::root(&value), &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_pod_that_says_little_is_alive_and_has_what_it_says() {
        let little = |status: Value| read(json!({"metadata": {"name": "web-1"}, "status": status})).unwrap();
        assert_eq!(little(json!({})).addresses, Vec::<std::net::IpAddr>::new());
        assert_eq!(little(json!({"podIP": "10.0.0.1", "podIPs": []})).addresses.len(), 1);
        for (phase, expected) in [("Pending", Phase::Alive), ("Unknown", Phase::Alive), ("Later", Phase::Alive)] {
            assert_eq!(little(json!({"phase": phase})).phase, expected);
        }
        for phase in ["Succeeded", "Failed"] {
            assert_eq!(little(json!({"phase": phase, "podIP": "10.0.0.1"})).phase, Phase::Ended);
        }
    }

    #[test]
    fn when_a_pod_began_is_known_where_it_is_a_time_and_costs_nothing_where_it_is_none() {
        let cases = [
            (json!("2026-01-31T12:00:00Z"), Some(1_769_860_800)),
            (json!("2026-01-31T13:00:00+01:00"), Some(1_769_860_800)),
            (json!(null), None),
            (json!("today"), None),
            (json!(1_769_860_800), None),
            (json!({"at": []}), None),
        ];
        for (written, expected) in cases {
            let mut faults = Vec::new();
            let object = json!({"metadata": {"name": "web-1"}, "status": {"startTime": written, "podIP": "10.0.0.1"}});
            let pod = super::pod(&Field::root(&object), &mut faults).unwrap();
            assert_eq!((pod.started, pod.addresses.len()), (expected.map(UnixTime), 1), "{object}");
            assert!(faults.is_empty());
        }
    }

    #[test]
    fn an_address_that_is_none_costs_itself_and_is_named() {
        let mut faults = Vec::new();
        let status = json!({"podIPs": [{"ip": "here"}, {"ip": "10.0.0.1"}]});
        let object = json!({"metadata": {"name": "web-1"}, "status": status});
        let pod = super::pod(&Field::root(&object), &mut faults).unwrap();
        assert_eq!(pod.addresses.len(), 1);
        assert_eq!(
            faults[0].to_string(),
            "status.podIPs[0].ip \"here\" is not an address like 192.0.2.10 or 2001:db8::10"
        );
    }

    #[test]
    fn a_pod_in_a_file_is_of_this_node_unless_it_says_otherwise() {
        let is_here = |spec: Value| is_on(&Field::root(&json!({"spec": spec})), "node-a");
        assert!(is_here(json!({})) && is_here(json!({"nodeName": "node-a"})));
        assert!(!is_here(json!({"nodeName": "node-b"})));
    }
}
