//! What usual installations leave in a cluster says where their pods are, as far as anything can.

use anyhow::{Context, Result, ensure};
use egressd::source::documents::objects;
use egressd::source::manifests::snapshot;
use lab::installations::{Installation, Knowledge};

pub(crate) fn the_objects_of_usual_installations_say_where_their_pods_are() -> Result<()> {
    for installation in Installation::ALL {
        let read = objects(installation.manifests(), "node-1").with_context(|| format!("{installation:?}"))?;
        let known = snapshot(&read);
        let of_nodes = known.nodes.values().flat_map(|node| &node.pod_networks);
        let networks: Vec<_> =
            of_nodes.chain(known.cluster_networks.values().flat_map(|networks| &networks.pods)).collect();
        let expected = installation.knowledge() == Knowledge::Said;
        for address in installation.pods()?.into_iter().flatten() {
            let found = networks.iter().any(|network| network.contains(&address));
            ensure!(found == expected, "{installation:?}: {address} in {networks:?}: {found}");
        }
    }
    Ok(())
}
