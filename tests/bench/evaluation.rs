//! The built-in policy as a component, a fresh instance for every call, beside the same code native.

use egressd::metrics::Metrics;
use egressd::policies::{Library, Objects, Sandbox};
use egressd_core::decision::Draft;
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, ServiceKey, ServiceView, view};
use egressd_core::testkit::{SnapshotBuilder, context, service};
use egressd_policy_annotations::Annotations;

use crate::measure::{Times, head, ratio, row, timed, us};

#[path = "../wasm/adapter.rs"]
mod adapter;

/// How many Services are evaluated.
const SERVICES: usize = 10_000;

pub(crate) fn evaluation() {
    head(&["asks for", "native p50", "component p50", "p99", "/ native", "10,000 Services"]);
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("nothing", &[]),
        ("egress", &[("egress", "true")]),
        (
            "everything",
            &[
                ("egress", "true"),
                ("egress-ipv6", "true"),
                ("egress-destination-ports", "tcp:443,udp:5060,tcp:8000-8999"),
                ("egress-allowed-networks", "192.0.2.0/24,2001:db8::/32"),
                ("egress-denied-networks", "192.0.2.128/25"),
            ],
        ),
    ];
    for (name, annotations) in forms {
        let view = service_view(annotations);
        let context = context();
        let native = sample(|| drop(adapter::evaluate::<Annotations>("{}", &context, &view, &Draft::default())));
        let sandbox = Sandbox::new().expect("the built-in policy loads");
        let prefix = AnnotationPrefix::default();
        let mut library = Library::new(sandbox, prefix, Metrics::default(), Objects::new());
        let chain = library.update([]).chain.expect("there is one at first");
        let component = sample(|| drop(chain.evaluate(&context, &view)));
        let (_, all) = timed(|| {
            (0..SERVICES).for_each(|_| drop(chain.evaluate(&context, &view)));
        });
        row(&[
            name,
            &us(native.at(50)),
            &us(component.at(50)),
            &us(component.at(99)),
            &ratio(component.at(50), native.at(50)),
            &crate::measure::ms(all),
        ]);
    }
}

pub(crate) fn sample(mut work: impl FnMut()) -> Times {
    (0..1_000).for_each(|_| work());
    Times::of((0..SERVICES).map(|_| timed(&mut work).1).collect())
}

/// A Service with ten endpoints, half of them here.
pub(crate) fn service_view(annotations: &[(&str, &str)]) -> ServiceView {
    let mut service = service("web", &["11.0.0.2", "fc00:11::2"]);
    let named = |(name, value): &(&str, &str)| (format!("kube-vip.io/{name}"), (*value).to_owned());
    service.annotations = annotations.iter().map(named).collect();
    let endpoints: Vec<String> = (1..=10).map(|i| format!("10.0.0.{i}")).collect();
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    let snapshot = SnapshotBuilder::default().service(service, &endpoints).build();
    let mut view = view(
        &snapshot,
        &ClusterFacts::detected(&snapshot),
        &ServiceKey::new("default", "web"),
        AddressTrust::Status,
        &AnnotationPrefix::default(),
    )
    .expect("it is there");
    std::sync::Arc::make_mut(&mut view.endpoints)
        .iter_mut()
        .skip(5)
        .for_each(|endpoint| endpoint.node = Some("node-b".into()));
    view
}
