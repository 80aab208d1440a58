//! Short manifests, and egressd's report about them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use egressd::admin::oneshot::{Known, Report};
use egressd::policies::Sandbox;
use egressd_core::owner::AddressState;
use egressd_core::pipeline::Settings;

use crate::case::{Mode, compare, planned, settings};

/// A cluster with one node, whose networks are known, and a pod behind the Service `web`.
const CLUSTER: &str = "\
apiVersion: v1
kind: Node
metadata: {name: node-a}
spec: {podCIDRs: [10.244.0.0/16, \"fd00:10:244::/64\"]}
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec: {cidrs: [10.96.0.0/12, \"fd00:10:96::/112\"]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.7], nodeName: node-a}]
";

/// The manifests, and the node of the report.
pub(crate) struct Scenario {
    manifests: BTreeMap<&'static str, String>,
    pub(crate) settings: Settings,
    known: Known,
}

impl Scenario {
    /// With one more file beside the cluster.
    pub(crate) fn with(manifest: impl Into<String>) -> Self {
        Self::of(CLUSTER).and(manifest)
    }

    /// With this file instead of the cluster.
    pub(crate) fn of(manifest: impl Into<String>) -> Self {
        Self { manifests: [("cluster.yaml", manifest.into())].into(), settings: settings(), known: Known::default() }
    }

    /// With the file beside it.
    pub(crate) fn and(mut self, manifest: impl Into<String>) -> Self {
        self.manifests.insert("web.yaml", manifest.into());
        self
    }

    pub(crate) fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// With an address assigned to an interface.
    pub(crate) fn holding(mut self, address: &str, standing: AddressState) -> Self {
        self.known.interfaces.held.extend(address.parse().ok().map(|address| (address, standing)));
        self
    }

    /// With what an earlier egressd left.
    pub(crate) fn after(mut self, leave: impl FnOnce(&mut Known)) -> Self {
        leave(&mut self.known);
        self
    }

    /// The report for the scenario.
    pub(crate) fn report(self, sandbox: &Sandbox) -> Result<Report> {
        let directory = tempfile::tempdir()?;
        for (name, manifest) in &self.manifests {
            fs::write(directory.path().join(name), manifest)?;
        }
        planned(directory.path().to_owned(), sandbox, self.settings, self.known)
    }
}

/// The Service `web` with these lines of annotations, and its address.
pub(crate) fn web(annotations: &[&str]) -> String {
    let lines: String = annotations.iter().map(|line| format!("    {line}\n")).collect();
    service(
        &format!("  annotations:\n{lines}"),
        "{type: LoadBalancer, externalTrafficPolicy: Local}",
        "{ip: 192.0.2.10}",
    )
}

/// The Service `web` with lines of metadata, a spec and addresses.
pub(crate) fn service(metadata: &str, spec: &str, ingress: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n{metadata}spec: {spec}\nstatus: {{loadBalancer: {{ingress: \
         [{ingress}]}}}}\n"
    )
}

/// Compares a page beside the folders with the result, or writes it again.
pub(crate) fn check(name: &str, found: &str, mode: Mode) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    match mode {
        Mode::Compare => {
            let difference = compare(&file, found);
            ensure!(difference.is_none(), "{}(EGRESSD_BLESS=1 writes it anew)", difference.unwrap_or_default());
            Ok(())
        }
        Mode::Bless => fs::write(&file, found).with_context(|| name.to_owned()),
    }
}
