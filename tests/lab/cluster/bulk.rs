//! Thousands of objects: for one request after the other over connections that stay open, where [`Api`](super::Api)
//! makes a new one each time.

use std::net::IpAddr;
use std::thread;

use anyhow::{Context, Result, anyhow};
use kube::Client;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::Cluster;
use super::client::connect;
use super::control_plane::ADMIN_TOKEN;
use crate::namespace::Namespace;

/// Requests under way at once: more only wait for each other in the API server.
const CONCURRENT_REQUESTS: usize = 4;

/// The administrator's way to the API server, from the outside host; for use on any thread.
#[derive(Debug)]
pub struct Session {
    namespace: Namespace,
    kubeconfig: Value,
}

/// An object for [`Session::create`].
#[derive(Clone, Debug)]
pub struct NewObject {
    pub collection: &'static str,
    pub object: Value,
    /// The status that a controller would write, where it matters.
    pub status: Option<Value>,
}

impl Cluster {
    /// Another way to the API server.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn session(&self) -> Result<Session> {
        let kubeconfig = self.plane.kubeconfig(self.plane.port_for(ADMIN_TOKEN), ADMIN_TOKEN);
        Ok(Session { namespace: self.lab.outside().namespace.try_clone()?, kubeconfig })
    }
}

impl Session {
    /// Talks with the API server, on a thread of its own.
    ///
    /// # Errors
    /// What the talk fails with, or when there is no way to the server.
    pub fn talk<T, F>(&self, talk: impl FnOnce(Client) -> F + Send) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>>,
    {
        let talk = || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { talk(connect(&self.kubeconfig).await?).await })
        };
        self.namespace.run(talk)?
    }

    /// Creates objects, several at once.
    ///
    /// # Errors
    /// When the server refuses one.
    pub fn create(&self, objects: &[NewObject]) -> Result<()> {
        let create = |part: &[NewObject]| {
            self.talk(async |client| {
                for one in part {
                    create(&client, one).await.with_context(|| format!("cannot create {}", one.object))?;
                }
                Ok(())
            })
        };
        let parts = objects.chunks(objects.len().div_ceil(CONCURRENT_REQUESTS).max(1));
        thread::scope(|scope| {
            let all: Vec<_> = parts.map(|part| scope.spawn(move || create(part))).collect();
            all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a thread ended"))?)
        })
    }
}

async fn create(client: &Client, one: &NewObject) -> Result<()> {
    let collection = Request::new(one.collection);
    let request = collection.create(&PostParams::default(), one.object.to_string().into_bytes())?;
    let created: Value = client.request(request).await?;
    if let Some(status) = &one.status {
        let name = created["metadata"]["name"].as_str().context("it has no name")?;
        let patch = Patch::Merge(json!({"status": status}));
        let request = collection.patch_subresource("status", name, &PatchParams::default(), &patch)?;
        client.request::<Value>(request).await?;
    }
    Ok(())
}

/// A slice with ready endpoints on one node, written by no controller.
pub fn slice(name: &str, service: &str, node: &str, addresses: &[IpAddr]) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": endpoints(node, addresses),
        "ports": [{"name": "http", "port": 8080}],
    })
}

/// Ready endpoints on one node, as slices have them.
pub fn endpoints(node: &str, addresses: &[IpAddr]) -> Value {
    let endpoint = |address| json!({"addresses": [address], "nodeName": node, "conditions": {"ready": true}});
    addresses.iter().map(endpoint).collect()
}
