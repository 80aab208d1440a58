//! Endpoints, as the EndpointSlice that they stand for.

use egressd_core::model::{Endpoint, ManagedBy, Slice};

use super::address::address;
use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use super::slice::{node, pod};

/// The lists of a subset, and whether what is in them is ready.
const LISTS: [(&str, bool); 2] = [("addresses", true), ("notReadyAddresses", false)];

/// Endpoints, which have the name of their Service. An address without a node is on `default_node`, if there is one.
pub(super) fn endpoints(
    root: &Field<'_>,
    default_node: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Result<Slice, Unreadable> {
    let service = metadata::key(root)?;
    let mut endpoints = Vec::new();
    for subset in root.get("subsets").list()? {
        for (list, ready) in LISTS {
            for item in subset.get(list).list()? {
                let found = endpoint(&item, default_node, faults)?;
                endpoints.extend(found.map(|found| Endpoint { ready: Some(ready), ..found }));
            }
        }
    }
    Ok(Slice { service, made_by: ManagedBy::Other, endpoints: endpoints.into() })
}

fn endpoint(item: &Field<'_>, default_node: Option<&str>, faults: &mut Vec<Fault>) -> Result<Option<Endpoint>, Fault> {
    let node = node(item, default_node)?;
    let pod = pod(&item.object("targetRef")?, faults);
    let address = kept(address(&item.get("ip")), faults);
    Ok(address.map(|address| Endpoint { address, node, pod, ready: None, serving: None, terminating: None }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn read(subsets: Value) -> (Slice, Vec<String>) {
        let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "subsets": subsets});
        let mut faults = Vec::new();
        let slice = endpoints(&Field::root(&object), Some("node-a"), &mut faults).unwrap();
        (slice, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn addresses_are_ready_and_not_ready_addresses_are_not() {
        let pod = json!({"kind": "Pod", "name": "web-1", "namespace": "shop"});
        let (slice, faults) = read(json!([
            {"addresses": [{"ip": "10.0.0.1", "nodeName": "node-b", "targetRef": pod}], "ports": [{"port": 80}]},
            {"notReadyAddresses": [{"ip": "10.0.0.2"}]}, {}
        ]));
        assert_eq!((slice.service.to_string(), faults.len()), ("shop/web".to_owned(), 0));
        let [one, two] = &slice.endpoints[..] else { panic!("{slice:?}") };
        assert_eq!((one.node.as_deref(), one.ready), (Some("node-b"), Some(true)));
        assert_eq!(&*one.pod.as_ref().unwrap().name, "web-1");
        assert_eq!((two.node.as_deref(), two.ready), (Some("node-a"), Some(false)));
    }

    #[test]
    fn an_address_that_is_none_costs_itself_and_is_named() {
        let (slice, faults) = read(json!([{"addresses": [{"ip": "here"}, {"ip": "10.0.0.1"}]}]));
        assert_eq!(slice.endpoints.len(), 1);
        let sentence = "subsets[0].addresses[0].ip \"here\" is not an address like 192.0.2.10 or 2001:db8::10";
        assert_eq!(faults, [sentence]);
    }

    #[test]
    fn endpoints_without_subsets_are_none() {
        assert!(read(Value::Null).0.endpoints.is_empty());
    }
}
