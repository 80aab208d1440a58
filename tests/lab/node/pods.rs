//! The pods of a cluster, as its API server knows them.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Cluster;
use crate::cluster::control_plane::START_TIMEOUT;
use crate::wait::wait_until;

/// A running pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Also its host name.
    pub name: String,
    pub node: String,
    pub v4: IpAddr,
}

impl Cluster {
    /// Waits until exactly so many pods of an app run, none of them terminating.
    ///
    /// # Errors
    /// When that does not happen; what there is instead is in the error.
    pub fn wait_for_pods(&self, namespace: &str, app: &str, count: usize) -> Result<Vec<Pod>> {
        let (mut pods, mut last) = (Vec::new(), Vec::new());
        let collection = format!("/api/v1/namespaces/{namespace}/pods");
        let waited = wait_until(&format!("{count} pods of {app} run"), START_TIMEOUT, || {
            last = self.api.list(&collection, &format!("app={app}"))?;
            pods = last.iter().filter_map(running).collect();
            Ok(pods.len() == count && last.len() == count)
        });
        let statuses = last.iter().map(|pod| pod["status"].to_string()).collect::<Vec<_>>();
        waited.with_context(|| format!("{}\n{}", statuses.join("\n"), self.log_tail()))?;
        Ok(pods)
    }
}

fn running(pod: &Value) -> Option<Pod> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let status = &pod["status"];
    if status["phase"] != "Running" || !pod["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    Some(Pod {
        name: text(&pod["metadata"]["name"])?,
        node: text(&pod["spec"]["nodeName"])?,
        v4: status["podIP"].as_str()?.parse().ok()?,
    })
}
