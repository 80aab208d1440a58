//! Context for the message of a failure.

use std::path::Path;

use anyhow::Result;

use super::{Cluster, Node};

/// As `deploy/` calls them.
const SELECTOR: &str = "app.kubernetes.io/name=egressd";

impl Cluster {
    /// egressd's pods, their logs, and the rules of all nodes.
    pub fn circumstances(&self) -> String {
        let pods = self.kubectl(&["--namespace=egressd", "get", "pods", "--output=wide"]);
        let logs = self.kubectl(&["--namespace=egressd", "logs", "--selector", SELECTOR, "--prefix", "--tail=30"]);
        let rules = self.nodes().iter().map(|node| format!("--- rules of {} ---\n{}", node.name(), text(rules(node))));
        let rules: String = rules.collect();
        format!("--- pods of egressd ---\n{}--- what they say ---\n{}{rules}---", text(pods), text(logs))
    }

    /// Where the logs of the control plane and of the nodes' parts are, and whatever ends with the cluster.
    pub fn directory(&self) -> &Path {
        self.plane.directory()
    }
}

/// egressd's own: those of kube-proxy are many.
fn rules(node: &Node) -> Result<String> {
    let tables = node.nft_list("tables")?;
    let ours = tables.lines().filter_map(|line| line.strip_prefix("table ")).filter(|name| name.contains("kube_vip"));
    ours.map(|name| node.nft_list(&format!("table {name}"))).collect()
}

fn text(answer: Result<String>) -> String {
    answer.unwrap_or_else(|error| format!("{error:#}\n"))
}
