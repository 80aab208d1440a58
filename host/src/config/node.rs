//! The name of this node.

use anyhow::{Result, bail};

use crate::cli::Source;
use crate::source::Origin;
use crate::source::cluster::Connection;

/// In a cluster, where it could be wrong without notice, it has to be set: a pod's host name is the pod's.
pub(super) fn node(source: &Source, origin: &Origin) -> Result<String> {
    let given = source.node.clone().filter(|name| !name.is_empty());
    match (given, origin) {
        (Some(name), _) => Ok(name),
        (None, Origin::Manifests(_)) => Ok(host_name()),
        (None, Origin::Cluster(access, _)) => {
            // Without a cluster the name is not what is missing.
            Connection::open(access)?;
            bail!(
                "cannot determine this node's name: set --node (EGRESSD_NODE), in a pod to spec.nodeName; or read manifests \
                 instead of a cluster with --manifests (EGRESSD_MANIFESTS)"
            )
        }
    }
}

/// The kubelet's default for a node's name, too.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn typed(arguments: &[&str]) -> Result<String> {
        let Command::Plan(plan) = Cli::try_parse_from([&["egressd", "plan"], arguments].concat())?.command else {
            panic!("plan was typed");
        };
        let source = &plan.input.source;
        node(source, &crate::config::origin::origin(source)?)
    }

    #[test]
    fn in_a_cluster_the_node_has_to_be_named() {
        assert_eq!(typed(&["--manifests", "/m"]).unwrap(), host_name());
        let none = typed(&["--kubeconfig", "/nowhere", "--node", ""]).unwrap_err().to_string();
        assert_eq!(none, "cannot use the kubeconfig \"/nowhere\"", "where there is no cluster, that comes first");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("kubeconfig");
        std::fs::write(&file, KUBECONFIG).unwrap();
        let unnamed = typed(&["--kubeconfig", &file.to_string_lossy(), "--node", ""]).unwrap_err().to_string();
        assert_eq!(
            unnamed,
            "cannot determine this node's name: set --node (EGRESSD_NODE), in a pod to spec.nodeName; or read manifests \
             instead of a cluster with --manifests (EGRESSD_MANIFESTS)"
        );
    }

    const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, \
        user: a}}], clusters: [{name: a, cluster: {server: 'https://192.0.2.1'}}], users: [{name: a, user: {}}]}";
}
