//! One Service with one pod, as text to be changed, and the output of `egressd plan` about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use egressd::admin::oneshot::{self, Known};
use egressd::admin::output::{self, Columns, Paint};
use egressd::metrics::Metrics;
use egressd::policies::{Library, Sandbox};
use egressd::source::manifests::{PlaceArgument, Places};
use egressd_core::finding::Severity;
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterSettings};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Settings;
use egressd_core::testkit;

/// A node with its networks, and the networks of Services.
pub(crate) const CLUSTER: &str = include_str!("cluster.yaml");

/// The Service `app` and its EndpointSlice.
pub(crate) const APP: &str = r#"apiVersion: v1
kind: Service
metadata:
  name: app
  annotations:
    kube-vip.io/egress: "true"
spec:
  type: LoadBalancer
  selector: {app: app}
  ports: [{name: main, port: 80, protocol: TCP}]
status:
  loadBalancer:
    ingress:
    - ip: 11.0.0.2
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: app-x7k2p
  labels: {kubernetes.io/service-name: app}
addressType: IPv4
endpoints:
- addresses: ["10.0.0.1"]
  conditions: {ready: true}
  nodeName: node-a
"#;

/// [`APP`] with a part replaced.
pub(crate) fn app(what: &str, instead: &str) -> String {
    assert!(APP.contains(what), "{what:?} is not in it");
    APP.replacen(what, instead, 1)
}

/// [`APP`] with more annotations.
pub(crate) fn annotated(lines: &str) -> String {
    app("    kube-vip.io/egress: \"true\"\n", &format!("    kube-vip.io/egress: \"true\"\n    {lines}\n"))
}

/// The output of `egressd plan`.
#[derive(Debug)]
pub(crate) struct PlanOutput {
    /// The exit code.
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl PlanOutput {
    /// That this Service has this address, and nothing is wrong enough to fail.
    pub(crate) fn expect(&self, service: &str, address: &str) {
        self.expect_translated(service, address);
        assert_eq!(self.code, 0, "{}", self.text);
    }

    /// That this Service has this address, whatever else is wrong.
    pub(crate) fn expect_translated(&self, service: &str, address: &str) {
        let row = self.text.lines().find(|line| line.starts_with(&format!("{service} ")));
        assert!(row.is_some_and(|row| row.ends_with(&format!(" {address}"))), "{service}:\n{}", self.text);
    }

    /// Expects an error with this message.
    pub(crate) fn expect_error(&self, sentence: &str) {
        assert!(self.text.contains(sentence), "no {sentence:?} in:\n{}", self.text);
        assert_eq!(self.code, 1, "{}", self.text);
    }
}

/// The plan for a file `app.yaml` with this content, beside [`CLUSTER`].
pub(crate) fn plan(content: impl AsRef<[u8]>) -> PlanOutput {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.yaml"), content).unwrap();
    fs::write(dir.path().join("cluster.yaml"), CLUSTER).unwrap();
    plan_of(&[dir.path()])
}

/// The plan for these paths, on a node that has every address.
pub(crate) fn plan_of(places: &[&Path]) -> PlanOutput {
    // Compiled once: it takes longer than all the rest.
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| Sandbox::new().unwrap()).clone();
    let given = places.iter().map(|path| PlaceArgument::Path((*path).to_owned())).collect();
    let update = Places::new(given, "node-a").read().unwrap();
    let prefix = AnnotationPrefix::default();
    let mut library = Library::new(sandbox, prefix, Metrics::default(), BTreeMap::new());
    let report = oneshot::plan(update, settings(), Known::default(), &mut library);
    let mut text = Vec::new();
    output::table(&mut text, &report, Columns::Usual, Paint::Plain).unwrap();
    let code = if output::worst(&report) == Some(Severity::Error) { 1 } else { 0 };
    PlanOutput { code, text: String::from_utf8(text).unwrap() }
}

fn settings() -> Settings {
    // Manifests are trusted with addresses, and no node here has interfaces.
    Settings { trust: AddressTrust::Annotation, cluster: ClusterSettings::default(), ..testkit::settings(Owner::Any) }
}
