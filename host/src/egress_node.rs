//! The object EgressNode as a node writes it about itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use egressd_core::model::{EgressNode, MOST_HELD_ADDRESSES, MOST_PUBLISHED_ADDRESSES, Mark, TunnelEnd, Uid};
use serde_json::{Value, json};

/// The API group of the kind.
pub const GROUP: &str = "egressd.io";
/// The version that is written. Within it, fields are only added.
pub const VERSION: &str = "v1alpha1";
/// As an object says it.
pub const KIND: &str = "EgressNode";
/// As paths and `kubectl` have it.
pub const PLURAL: &str = "egressnodes";

/// Where the objects are at a server.
pub fn path() -> String {
    format!("/apis/{GROUP}/{VERSION}/{PLURAL}")
}

/// Stands in the state directory for what is not known.
const UNREAD: &str = "unread";

/// What one node publishes about itself. Nothing of it changes while nothing happens to the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The addresses of its interfaces that are not held, IPv4 first: each once, at most [`MOST_PUBLISHED_ADDRESSES`].
    addresses: Vec<IpAddr>,
    /// The addresses of subjects that it holds and translates to: likewise, at most [`MOST_HELD_ADDRESSES`].
    held: Vec<IpAddr>,
    /// Where it takes packets of other nodes' pods, if it does.
    tunnel: Option<TunnelEnd>,
}

impl Facts {
    /// The addresses of its interfaces and of what it holds, in any order. Of more than there may be, the first count. What is
    /// held moves between nodes, and thousands of such addresses would leave no room for those that the node has for itself.
    pub fn new(interfaces: impl IntoIterator<Item = IpAddr>, held: impl IntoIterator<Item = IpAddr>) -> Self {
        let held: BTreeSet<IpAddr> = held.into_iter().collect();
        let own: BTreeSet<IpAddr> = interfaces.into_iter().filter(|address| !held.contains(address)).collect();
        Self {
            addresses: own.into_iter().take(MOST_PUBLISHED_ADDRESSES).collect(),
            held: held.into_iter().take(MOST_HELD_ADDRESSES).collect(),
            tunnel: None,
        }
    }

    /// The same of a node that takes packets of other nodes' pods at this end.
    #[must_use]
    pub fn with_tunnel(self, end: TunnelEnd) -> Self {
        Self { tunnel: Some(end), ..self }
    }
}

/// The object of a node. With the identity of its Node it belongs to that one, and Kubernetes deletes both together.
pub fn object(node: &str, owner: Option<&Uid>, facts: &Facts) -> Value {
    let mut metadata = json!({"name": node});
    if let Some(uid) = owner {
        metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid.as_str()}]);
    }
    let (addresses, held) = (texts(&facts.addresses), texts(&facts.held));
    let mut spec = json!({"addresses": addresses, "held": held, "version": env!("CARGO_PKG_VERSION")});
    if let Some(end) = &facts.tunnel {
        spec["tunnels"] = json!([tunnel(end)]);
    }
    of_spec(metadata, spec)
}

/// An item of `spec.tunnels`.
fn tunnel(end: &TunnelEnd) -> Value {
    let addresses: Vec<String> = end.addresses().map(|address| address.to_string()).collect();
    let mut item = json!({"type": end.kind().as_str(), "addresses": addresses, "port": end.port()});
    if let Some(mtu) = end.mtu() {
        item["mtu"] = json!(mtu);
    }
    item
}

/// As much of the object as the next process has to know, which is written nowhere but in the state directory. What a node
/// holds changes too often for that, so there it is unknown.
pub fn remembered(node: &str, published: &EgressNode) -> Value {
    // Without an address none of them is an end, so that it is known which could not be read.
    let unread = published.tunnels.unread().iter().map(|kind| json!({"type": kind.as_str()}));
    let tunnels: Vec<Value> = published.tunnels.ends().iter().map(tunnel).chain(unread).collect();
    let mut spec = json!({"addresses": texts(&published.addresses), "held": [UNREAD]});
    if !tunnels.is_empty() {
        spec["tunnels"] = tunnels.into();
    }
    of_spec(json!({"name": node}), spec)
}

fn texts(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn of_spec(metadata: Value, spec: Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": KIND, "metadata": metadata, "spec": spec})
}

/// Stands for what a node writes of an object, whoever has written it: its `spec`, and to which Node of its name it belongs.
pub fn mark(object: &Value) -> Mark {
    let metadata = &object["metadata"];
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let of_node = owners.filter(|owner| owner["kind"] == "Node" && owner["name"] == metadata["name"]);
    let uids: BTreeSet<&str> = of_node.filter_map(|owner| owner["uid"].as_str()).collect();
    Mark::of(&json!([object["spec"], uids]).to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use egressd_core::model::TunnelKind;

    use super::*;

    fn some(count: u32) -> impl Iterator<Item = IpAddr> {
        (0..count).rev().map(|number| IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn what_is_written_is_sorted_bounded_and_the_same_whatever_order_it_came_in() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let held: IpAddr = "192.0.2.1".parse().unwrap();
        let one = Facts::new([v6, held].into_iter().chain(some(2)), [held]);
        assert_eq!(one, Facts::new(some(2).chain([v6, v6]), [held, held]));
        let object = object("a", None, &one);
        assert_eq!(object["spec"]["addresses"], json!(["0.0.0.0", "0.0.0.1", "2001:db8::1"]));
        assert_eq!(object["spec"]["held"], json!(["192.0.2.1"]));
        assert_eq!(object["metadata"], json!({"name": "a"}));
        let many = Facts::new(some(2000), some(1500));
        assert_eq!((many.addresses.len(), many.held.len()), (MOST_PUBLISHED_ADDRESSES, MOST_HELD_ADDRESSES));
    }

    #[test]
    fn a_tunnel_end_is_written_only_where_there_is_one() {
        let (facts, kind) = (Facts::new(some(1), []), TunnelKind::VxlanGpe);
        assert_eq!(object("a", None, &facts)["spec"].get("tunnels"), None);
        let addresses = ["2001:db8::7", "192.0.2.7"].map(|text| text.parse().unwrap());
        let end = TunnelEnd::new(kind, addresses, kind.port(), Some(1464)).unwrap();
        let written = object("a", None, &facts.clone().with_tunnel(end));
        let item = json!({"type": "vxlan-gpe", "addresses": ["192.0.2.7", "2001:db8::7"], "port": 4790, "mtu": 1464});
        assert_eq!(written["spec"]["tunnels"], json!([item]));
        let end = TunnelEnd::new(TunnelKind::Vxlan, addresses, kind.port(), None).unwrap();
        let written = object("a", None, &facts.with_tunnel(end));
        assert_eq!(written["spec"]["tunnels"][0].get("mtu"), None);
    }

    #[test]
    fn the_mark_is_that_of_what_is_written_and_of_nothing_that_a_server_adds() {
        let (uid, facts) = (Uid::new("u-1").unwrap(), Facts::new(some(2), []));
        let written = object("a", Some(&uid), &facts);
        let mut stored = written.clone();
        stored["metadata"]["resourceVersion"] = json!("7");
        stored["metadata"]["labels"] = json!({"a": "b"});
        assert_eq!(mark(&stored), mark(&written));
        for (place, value) in [("/spec/version", json!("0")), ("/spec/held", json!(["192.0.2.1"]))] {
            let mut other = stored.clone();
            *other.pointer_mut(place).unwrap() = value;
            assert_ne!(mark(&other), mark(&written), "{place}");
        }
        let mut more = stored.clone();
        more["spec"]["tunnels"] = json!([]);
        assert_ne!(mark(&more), mark(&written), "another writer's field");
        assert_ne!(mark(&object("a", None, &facts)), mark(&written), "without its Node");
    }
}
