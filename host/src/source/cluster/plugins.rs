//! What network plugins, installers and their arguments name, a line each, for the next process: as it is known, since parts
//! of it may be from several objects as they were one after another.

use std::sync::Arc;

use egressd_core::model::{ClusterNetworks, Completeness, Snapshot};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::super::documents::Object;
use super::super::networks;

#[derive(Serialize, Deserialize)]
struct Line {
    networks: Written,
}

#[derive(Serialize, Deserialize)]
struct Written {
    /// As a snapshot calls what says it.
    of: String,
    pods: Vec<String>,
    services: Vec<String>,
    known: Known,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Whole,
    Partial,
}

/// Everything of that kind that a snapshot has.
pub(super) fn lines(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let texts = |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect();
    snapshot.cluster_networks.iter().filter_map(move |(of, networks)| {
        let known = match networks.completeness {
            Completeness::Whole => Known::Whole,
            Completeness::Partial => Known::Partial,
        };
        let (pods, services) = (texts(&networks.pods), texts(&networks.services));
        serde_json::to_string(&Line { networks: Written { of: of.clone(), pods, services, known } }).ok()
    })
}

/// Adds to objects what lines say that [`lines`] made: to Nodes the arguments of their installers, and all others.
pub(super) fn recall(lines: &[u8], objects: Vec<Object>) -> Vec<Object> {
    let mut known = Snapshot::default();
    let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    for Line { networks: written } in lines {
        known.cluster_networks.insert(written.of.clone(), Arc::new(written.read()));
    }
    let with_arguments = objects.into_iter().map(|object| match object {
        Object::Node(name, node, _) => {
            let arguments = networks::arguments(&known, &name);
            Object::Node(name, node, arguments)
        }
        other @ (Object::Service(_)
        | Object::Slice(..)
        | Object::EgressNode(..)
        | Object::Namespace(..)
        | Object::ServiceNetworks(..)
        | Object::Networks(..)
        | Object::Claim(..)
        | Object::Policy(..)
        | Object::Pod(_)
        | Object::PodElsewhere(_)
        | Object::Endpoints(_)) => other,
    });
    with_arguments.chain(networks::objects(&known)).collect()
}

impl Written {
    fn read(self) -> ClusterNetworks {
        let networks = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        let completeness = match self.known {
            Known::Whole => Completeness::Whole,
            Known::Partial => Completeness::Partial,
        };
        ClusterNetworks { pods: networks(&self.pods), services: networks(&self.services), completeness }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "tests")]

    use super::*;
    use crate::source::kind::Kind;

    #[test]
    fn every_kind_is_recalled_as_itself() {
        let mut snapshot = Snapshot::default();
        let kinds = Kind::ALL.into_iter().filter(|kind| matches!(kind, Kind::Networks(_)));
        let mut expected: Vec<Object> = Vec::new();
        for (number, kind) in kinds.enumerate() {
            let Kind::Networks(of) = kind else { unreachable!() };
            let name = kind.names().one.map_or("a", |one| one.name).to_owned();
            let pods = vec![format!("10.{number}.0.0/16").parse().expect("a network")];
            let completeness = if number % 2 == 0 { Completeness::Whole } else { Completeness::Partial };
            let named = Arc::new(ClusterNetworks { pods, services: vec![], completeness });
            let identity = (kind, of.called(name));
            snapshot.cluster_networks.insert(networks::title(identity.0, &identity.1), Arc::clone(&named));
            expected.push(Object::Networks(identity, named));
        }
        let mut recalled = recall(lines(&snapshot).collect::<Vec<_>>().join("\n").as_bytes(), Vec::new());
        recalled.sort_by_key(Object::identity);
        assert_eq!(recalled, expected);
        assert_eq!(expected.len(), 6);
    }
}
