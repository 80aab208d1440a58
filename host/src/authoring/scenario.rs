//! Real Services with a policy among those that are deployed: what `policy run` and `policy diff` look at.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use egressd_core::model::{PolicyObject, SubjectKey};

use super::Error;
use super::check::{Checked, compiler};
use crate::admin::oneshot::{self, Known, Report};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::policies::{Library, Sandbox};
use crate::source::handover::Update;
use crate::source::manifests::Places;

/// After the built-in policy, and with room on both sides.
pub(super) const ORDER: i32 = 100;

const ORDER_ANNOTATION: &str = "egressd.io/order";

/// What is not taken over from the ConfigMap that is replaced: another component's digest, and that it does not count.
const REPLACED: [&str; 2] = ["egressd.io/sha256", "egressd.io/mode"];

/// A directory of manifests, read once.
pub(super) struct ManifestScenario {
    config: Config,
    manifests: PathBuf,
    order: Option<i32>,
    update: Update,
    sandbox: Sandbox,
}

impl ManifestScenario {
    pub(super) fn read(config: Config, manifests: PathBuf, order: Option<i32>) -> Result<Self, Error> {
        let places = Places::one(&manifests, &config.settings.node);
        let update = places.with_policies_of(config.namespace.clone()).read()?;
        Ok(Self { config, manifests, order, update, sandbox: Sandbox::compiling(compiler())? })
    }

    /// The result of all Services when this policy counts, in place of the ConfigMap of its name if there is one.
    pub(super) fn with(&self, policy: &Checked) -> Result<Report, Error> {
        let name = policy.description.name.clone();
        let mut update = self.update.clone();
        let object = self.object(policy, update.snapshot.policies.get(&name));
        update.snapshot.policies.insert(name.clone(), Arc::new(object));
        let settings = self.config.settings.clone();
        // One of its own for each question, because a library keeps what was good before.
        let mut library =
            Library::new(self.sandbox.clone(), settings.prefix.clone(), Metrics::default(), BTreeMap::new());
        let report = oneshot::plan(update, settings, Known::default(), &mut library);
        let own = report.policies.iter().find(|report| report.name == name);
        match own.and_then(|own| own.trouble.clone()) {
            None => Ok(report),
            Some(trouble) => Err(Error::Refused { policy: name, path: self.path(), trouble }),
        }
    }

    /// The Service that is called so.
    pub(super) fn service(&self, name: &str) -> Result<SubjectKey, Error> {
        let services = &self.update.snapshot.services;
        services.keys().find(|key| key.to_string() == name).cloned().ok_or_else(|| {
            let known: Vec<String> = services.keys().map(ToString::to_string).collect();
            let known = if known.is_empty() { "none at all".to_owned() } else { known.join(", ") };
            Error::NoService { name: name.to_owned(), path: self.path(), known }
        })
    }

    fn path(&self) -> PathBuf {
        self.manifests.clone()
    }

    fn object(&self, policy: &Checked, deployed: Option<&Arc<PolicyObject>>) -> PolicyObject {
        let mut object = deployed.map(|deployed| (**deployed).clone()).unwrap_or_default();
        object.name = policy.description.name.clone();
        object.annotations.retain(|name, _| !REPLACED.contains(&name));
        if let Some(order) = self.order.or_else(|| deployed.is_none().then_some(ORDER)) {
            object.annotations.insert(ORDER_ANNOTATION, order.to_string());
        }
        object.settings = policy.settings.clone().or(object.settings);
        (object.wasm, object.gzip) = (Some(policy.bytes.as_slice().into()), None);
        object
    }
}

/// A report about one Service alone.
pub(super) fn narrowed(mut report: Report, key: &SubjectKey) -> Report {
    report.round.plan.subjects.retain(|other, _| other == key);
    report.round.statuses.retain(|other, _| other == key);
    report
}
