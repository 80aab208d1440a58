//! Objects of Kubernetes, read from a file or from the output of kustomize.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// The directory of the deployment.
pub(crate) fn deploy() -> PathBuf {
    root().join("deploy")
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Objects in the order in which they are applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objects(pub(crate) Vec<Value>);

impl Objects {
    pub(crate) fn parse(yaml: &str) -> Result<Self> {
        Ok(Self(serde_saphyr::from_multiple(yaml)?))
    }

    /// The objects of a file, by its path in `deploy/`.
    pub(crate) fn read(name: &str) -> Result<Self> {
        let text = fs::read_to_string(deploy().join(name)).with_context(|| name.to_owned())?;
        Self::parse(&text).with_context(|| name.to_owned())
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == *kind)
    }

    /// The only object of a kind.
    pub(crate) fn only(&self, kind: &str) -> Result<&Value> {
        let mut found = self.of_kind(kind);
        let first = found.next().with_context(|| format!("there is no {kind}"))?;
        anyhow::ensure!(found.next().is_none(), "there are several objects of kind {kind}");
        Ok(first)
    }

    pub(crate) fn names_of(&self, kind: &str) -> Vec<&str> {
        self.of_kind(kind).filter_map(|object| object["metadata"]["name"].as_str()).collect()
    }

    /// The pod template of the DaemonSet.
    pub(crate) fn pod(&self) -> Result<&Value> {
        Ok(&self.only("DaemonSet")?["spec"]["template"])
    }

    /// egressd's container. Components may add others beside it.
    pub(crate) fn container(&self) -> Result<&Value> {
        self.container_named("egressd")
    }

    pub(crate) fn container_named(&self, name: &str) -> Result<&Value> {
        let containers = &self.pod()?["spec"]["containers"];
        let mut named = items(containers).filter(|container| container["name"] == *name);
        named.next().with_context(|| format!("there is no container {name}: {containers}"))
    }

    /// The same, to make of a manifest what another one has to be.
    pub(crate) fn container_mut(&mut self) -> Result<&mut Value> {
        let set = self.0.iter_mut().find(|object| object["kind"] == "DaemonSet").context("a DaemonSet")?;
        let containers = set["spec"]["template"]["spec"]["containers"].as_array_mut().context("a list")?;
        containers.iter_mut().find(|container| container["name"] == "egressd").context("egressd's container")
    }
}

/// The entries of a list; none where there is no list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The entries of a list of texts.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    items(list).filter_map(Value::as_str).map(str::to_owned).collect()
}
