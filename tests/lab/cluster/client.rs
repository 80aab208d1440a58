//! A client of the API server with plain blocking functions. Objects are JSON: kinds differ by their path alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use kube::core::params::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::namespace::Namespace;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the API server inside a namespace.
#[derive(Debug)]
pub struct Api {
    runtime: Mutex<Runtime>,
    namespace: Namespace,
    kubeconfig: Value,
}

type HttpRequest = hyper::Request<Vec<u8>>;
type RequestError = kube::core::request::Error;

impl Api {
    pub(crate) fn new(namespace: Namespace, kubeconfig: Value) -> Result<Self> {
        let runtime = Mutex::new(Builder::new_current_thread().enable_all().build()?);
        Ok(Self { runtime, namespace, kubeconfig })
    }

    /// The object at this path, such as `/api/v1/namespaces/default/services/web`.
    ///
    /// # Errors
    /// When there is none, or the server does not answer.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (collection, name) = split(path)?;
        self.ask(path, Request::new(collection).get(name, &GetParams::default()))
    }

    /// The objects of a collection.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn list(&self, collection: &str, labels: &str) -> Result<Vec<Value>> {
        let request = Request::new(collection).list(&ListParams::default().labels(labels));
        let list = self.ask(collection, request)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Creates an object, or something of one, such as a token.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create(&self, collection: &str, object: &Value) -> Result<Value> {
        self.ask(collection, Request::new(collection).create(&PostParams::default(), object.to_string().into_bytes()))
    }

    /// Merges something into an object.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn patch(&self, path: &str, patch: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        let request = Request::new(collection).patch(name, &PatchParams::default(), &Patch::Merge(patch));
        self.ask(path, request)
    }

    /// The same, as a field manager of this name; "" names none.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub fn patch_as(&self, manager: &str, path: &str, patch: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        let field_manager = Some(manager).filter(|manager| !manager.is_empty()).map(str::to_owned);
        let how = PatchParams { field_manager, ..PatchParams::default() };
        self.ask(path, Request::new(collection).patch(name, &how, &Patch::Merge(patch)))
    }

    /// Applies the fields of an object by force, as their manager.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn apply_as(&self, manager: &str, path: &str, object: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        self.ask(
            path,
            Request::new(collection).patch(name, &PatchParams::apply(manager).force(), &Patch::Apply(object)),
        )
    }

    /// Merges something into an object's status, as its controller does.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn patch_status(&self, path: &str, status: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        let patch = json!({"status": status});
        let request =
            Request::new(collection).patch_subresource("status", name, &PatchParams::default(), &Patch::Merge(&patch));
        self.ask(path, request)
    }

    /// Writes a whole object, as controllers do that know nothing of others' fields.
    ///
    /// # Errors
    /// When the server refuses, as it does when another client was faster.
    pub fn replace(&self, path: &str, object: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        self.ask(path, Request::new(collection).replace(name, &PostParams::default(), object.to_string().into_bytes()))
    }

    /// The same, as a controller that the server knows by this name.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub fn replace_as(&self, manager: &str, path: &str, object: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        self.ask(path, Request::new(collection).replace(name, &managed_by(manager), object.to_string().into_bytes()))
    }

    /// The same, for the object's status; the rest is ignored.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub fn replace_status_as(&self, manager: &str, path: &str, object: &Value) -> Result<Value> {
        let (collection, name) = split(path)?;
        let (parameters, object) = (managed_by(manager), object.to_string().into_bytes());
        self.ask(path, Request::new(collection).replace_subresource("status", name, &parameters, object))
    }

    /// Deletes an object at once: there is no kubelet that would confirm the end of a pod.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(&self, path: &str) -> Result<()> {
        let (collection, name) = split(path)?;
        self.ask(path, Request::new(collection).delete(name, &DeleteParams::default().grace_period(0))).map(drop)
    }

    /// The server's refusal of a streamed list (`sendInitialEvents`).
    ///
    /// # Errors
    /// When it has nothing against it.
    pub fn refusal_of_streaming(&self, collection: &str) -> Result<String> {
        let streamed = WatchParams { timeout: Some(1), send_initial_events: true, ..WatchParams::default() };
        match self.ask(collection, Request::new(collection).watch(&streamed, "")) {
            Ok(answer) => bail!("it streams: {answer}"),
            Err(refusal) => Ok(format!("{refusal:#}")),
        }
    }

    /// Whether the server has created its first namespace, or refuses access to it.
    pub(crate) fn is_ready(&self) -> bool {
        match self.get("/api/v1/namespaces/default") {
            Ok(_) => true,
            Err(refusal) => format!("{refusal:#}").contains("forbidden"),
        }
    }

    /// A new connection each time, so that none is left over when the server is killed.
    fn ask(&self, what: &str, request: Result<HttpRequest, RequestError>) -> Result<Value> {
        let request = request?;
        let answer = self.namespace.run(|| {
            let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            runtime.block_on(async { tokio::time::timeout(REQUEST_TIMEOUT, self.answer(request)).await })
        })?;
        match answer {
            Ok(answer) => answer.with_context(|| format!("the API server refuses {what}")),
            Err(_) => bail!("the API server does not answer about {what}"),
        }
    }

    async fn answer(&self, request: HttpRequest) -> Result<Value> {
        Ok(connect(&self.kubeconfig).await?.request(request).await?)
    }
}

/// A client for a kubeconfig, on the current runtime.
pub(super) async fn connect(kubeconfig: &Value) -> Result<Client> {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig.clone())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn managed_by(manager: &str) -> PostParams {
    PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() }
}

fn split(path: &str) -> Result<(&str, &str)> {
    path.rsplit_once('/').with_context(|| format!("{path} is the path of no object"))
}
