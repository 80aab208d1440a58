//! The SNAT rules of a node's kernel, as `nft` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::topology::Node;

const TABLES: [&str; 2] = ["ip kube_vip_v4", "ip6 kube_vip_v6"];
/// The map that translates whole pods; the others are for Services with ports and networks.
const PLAIN: &str = "egress_addrs";

impl Node {
    /// Pods and the addresses that they are translated to: every element of every node's table, both families.
    /// What is translated through ports or a chain is returned as text beside.
    ///
    /// # Errors
    /// When there are no tables, or the output of `nft` is unexpected.
    pub fn translations(&self) -> Result<(BTreeMap<IpAddr, IpAddr>, Vec<String>)> {
        let (mut pods, mut others) = (BTreeMap::new(), Vec::new());
        for table in TABLES {
            for element in self.elements(&format!("map {table} {PLAIN}"))? {
                let parsed = pair(&element).with_context(|| format!("an element of {table}: {element}"))?;
                pods.insert(parsed.0, parsed.1);
            }
            for map in self.maps(table)?.iter().filter(|map| *map != PLAIN) {
                others.extend(self.elements(&format!("map {table} {map}"))?.iter().map(Value::to_string));
            }
        }
        Ok((pods, others))
    }

    /// The networks that are excluded from SNAT, both families, in notation such as `10.0.0.0/16`.
    ///
    /// # Errors
    /// As [`Self::translations`].
    pub fn excluded(&self) -> Result<BTreeSet<String>> {
        let mut networks = BTreeSet::new();
        for table in TABLES {
            for element in self.elements(&format!("set {table} egress_excluded"))? {
                networks.insert(network(&element).with_context(|| format!("an element of {table}: {element}"))?);
            }
        }
        Ok(networks)
    }

    /// The names of all maps of a table.
    fn maps(&self, table: &str) -> Result<Vec<String>> {
        let listing: Value = serde_json::from_str(&self.namespace.nft_list_as_json(&format!("table {table}"))?)?;
        let objects = listing["nftables"].as_array().into_iter().flatten();
        Ok(objects.filter_map(|object| object["map"]["name"].as_str()).map(str::to_owned).collect())
    }

    /// Of a map or a set, such as `map ip kube_vip_v4 egress_addrs`.
    fn elements(&self, object: &str) -> Result<Vec<Value>> {
        let listing: Value = serde_json::from_str(&self.namespace.nft_list_as_json(object)?)?;
        let kind = object.split(' ').next().unwrap_or_default();
        let objects = listing["nftables"].as_array().into_iter().flatten();
        Ok(objects.filter_map(|object| object[kind]["elem"].as_array()).flatten().cloned().collect())
    }
}

/// A single address, a network, or a range that is no network.
fn network(element: &Value) -> Option<String> {
    if let Some(address) = element.as_str() {
        return Some(address.to_owned());
    }
    if let Some(prefix) = element.get("prefix") {
        return Some(format!("{}/{}", prefix["addr"].as_str()?, prefix["len"].as_u64()?));
    }
    let range = element.get("range")?;
    Some(format!("{}-{}", range[0].as_str()?, range[1].as_str()?))
}

/// A key, with what the kernel counted for it or without, and its value.
fn pair(element: &Value) -> Option<(IpAddr, IpAddr)> {
    let (key, value) = (element.get(0)?, element.get(1)?);
    let key = key.get("elem").and_then(|detailed| detailed.get("val")).unwrap_or(key);
    Some((key.as_str()?.parse().ok()?, value.as_str()?.parse().ok()?))
}
