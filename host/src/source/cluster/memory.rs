//! What outlives the process of a cluster: what is inside it, so that an object that cannot be read when egressd starts
//! takes nothing away from that, and whether this node's pods were known. Written when it changed, with a pause after
//! each time, on a thread of its own.

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use egressd_core::finding::Finding;
use egressd_core::model::{Completeness, EarlierNodeData, Mark, Node, Snapshot};
use ipnet::IpNet;
use serde_json::{Value, json};
use tracing::warn;

use super::super::documents::Object;
use super::super::remembered;
use super::{Error, plugins};
use crate::egress_node;
use crate::state::{CLUSTER, RestoredSource, Sources};

/// The line that says that this node's pods were read.
const PODS: &str = "{\"followed\":\"pods\"}";
/// Nodes come and go with others, and what is lost by an end in between is what no list has shown to be unreadable yet.
const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// What an earlier process knew.
#[derive(Debug, Default)]
pub struct RestoredState {
    /// Nodes, EgressNodes, service networks, and what network plugins and installers name.
    pub objects: Vec<Object>,
    /// Whether this node's pods could be read.
    pub pods: EarlierPods,
    pub unknown: Option<Finding>,
}

/// Whether an earlier process could read this node's pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlierPods {
    /// It could not, or did not ask for them.
    #[default]
    Unread,
    /// It could.
    Read,
}

/// What there is to remember.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) snapshot: Snapshot,
    pub(super) pods: EarlierPods,
}

/// Writes what is newest.
#[derive(Debug)]
pub(super) struct Memory {
    newest: Sender<Facts>,
    noted: Option<Facts>,
}

/// What is remembered of the cluster.
pub(super) fn recall(sources: &Sources) -> RestoredState {
    match sources.recall(CLUSTER) {
        RestoredSource::Nothing => RestoredState::default(),
        RestoredSource::Unknown(finding) => RestoredState { unknown: Some(finding), ..RestoredState::default() },
        RestoredSource::Lines(lines) => {
            let objects = parse(&lines);
            let were = lines.split(|byte| *byte == b'\n').any(|line| line == PODS.as_bytes());
            let pods = if were { EarlierPods::Read } else { EarlierPods::Unread };
            RestoredState { objects, pods, unknown: None }
        }
    }
}

/// The objects in lines that [`lines`] made.
pub(super) fn parse(lines: &[u8]) -> Vec<Object> {
    plugins::recall(lines, remembered::parse(lines, None).into_iter().map(|known| known.object).collect())
}

impl Memory {
    /// One that writes on a thread of its own, as long as this lives.
    pub(super) fn start(sources: Sources) -> Result<Self, Error> {
        let (newest, facts) = channel();
        let thread = thread::Builder::new().name("memory".to_owned());
        thread.spawn(move || write_all(&sources, &facts)).map_err(Error::Thread)?;
        Ok(Self { newest, noted: None })
    }

    /// Takes in the newest state. Most changes are about other things.
    pub(super) fn note(&mut self, facts: Facts) {
        let is_same = |noted: &Facts| {
            let (noted, newest) = (&noted.snapshot, &facts.snapshot);
            noted.nodes.ptr_eq(&newest.nodes)
                && noted.egress_nodes.by_name.ptr_eq(&newest.egress_nodes.by_name)
                && noted.service_networks.ptr_eq(&newest.service_networks)
                && noted.cluster_networks.ptr_eq(&newest.cluster_networks)
        };
        if self.noted.as_ref().is_some_and(|noted| is_same(noted) && noted.pods == facts.pods) {
            return;
        }
        // Without the thread there is nothing that could be done.
        self.newest.send(facts.clone()).ok();
        self.noted = Some(facts);
    }
}

fn write_all(sources: &Sources, facts: &Receiver<Facts>) {
    let (mut failing, mut stands) = (false, None);
    while let Ok(first) = facts.recv() {
        let newest = lines(&facts.try_iter().last().unwrap_or(first));
        // Much changes that is not remembered, such as the addresses that nodes hold.
        let mark = Mark::of(&newest);
        if stands != Some(mark) {
            let written = sources.remember(CLUSTER, newest.as_bytes());
            if let (Err(error), false) = (&written, failing) {
                let error = error as &dyn std::error::Error;
                warn!(error, "cannot save what is inside the cluster; it would be lost in a restart");
            }
            failing = written.is_err();
            stands = written.is_ok().then_some(mark);
        }
        thread::sleep(WRITE_INTERVAL);
    }
}

/// What is inside, written as Kubernetes writes it, so that it is read as everything is, by later egressds too.
pub(super) fn lines(facts: &Facts) -> String {
    let Facts { snapshot, pods } = facts;
    let nodes = snapshot.nodes.iter().map(|(name, node)| {
        let line_of = |addresses: &[IpAddr], networks: &[IpNet]| written(name, node, addresses, networks);
        let object = line_of(&node.addresses, &node.pod_networks);
        match &node.before {
            none if *none == EarlierNodeData::default() => json!({"object": object}),
            EarlierNodeData { addresses, pod_networks } => {
                json!({"object": object, "earlier": [line_of(addresses, pod_networks)]})
            }
        }
    });
    let services = snapshot.service_networks.iter().map(|(name, networks)| {
        let spec = json!({"cidrs": networks.iter().map(ToString::to_string).collect::<Vec<_>>()});
        let metadata = json!({"name": name});
        let object =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": metadata, "spec": spec});
        json!({"object": object})
    });
    let followed = match pods {
        EarlierPods::Unread => None,
        EarlierPods::Read => Some(PODS.to_owned()),
    };
    let published = snapshot.egress_nodes.by_name.iter();
    let published = published.map(|(name, node)| json!({"object": egress_node::remembered(name, node)}));
    let objects = nodes.chain(published).chain(services).map(|line| line.to_string());
    objects.chain(plugins::lines(snapshot)).chain(followed).map(|line| line + "\n").collect()
}

/// A Node with some of its addresses and networks. Of one that is not wholly known the next process has to know that.
fn written(name: &str, node: &Node, addresses: &[IpAddr], networks: &[IpNet]) -> Value {
    let kind = |address| if node.external.contains(address) { "ExternalIP" } else { "InternalIP" };
    let addresses: Vec<_> =
        addresses.iter().map(|address| json!({"type": kind(address), "address": address})).collect();
    let unread = match node.completeness {
        Completeness::Whole => None,
        Completeness::Partial => Some("unread".to_owned()),
    };
    let networks: Vec<String> = networks.iter().map(ToString::to_string).chain(unread).collect();
    let (spec, status) = (json!({"podCIDRs": networks}), json!({"addresses": addresses}));
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec, "status": status})
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
