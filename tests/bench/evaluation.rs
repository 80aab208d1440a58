//! The built-in policy as a component, a fresh instance for every call, beside the same code native.

use std::net::Ipv4Addr;
use std::sync::Arc;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Objects, Sandbox};
use egressd::wasm::Compiler;
use egressd_core::chain::{Chain, Member};
use egressd_core::decision::Draft;
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, SubjectKey, SubjectView, view};
use egressd_core::testkit::{SnapshotBuilder, context, service};
use egressd_policy_annotations::Annotations;

use crate::clock::{self, used};
use crate::measure::{Times, head, ratio, row, us};

#[path = "../wasm/adapter.rs"]
mod adapter;

const SERVICES: usize = 10_000;

pub(crate) fn evaluation() {
    println!("Time of the processor. The Service has ten endpoints, five of them on this node.\n");
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
        let chain = built_in();
        let component = sample(|| drop(chain.evaluate(&context, &view)));
        let (_, all) = used(clock::thread, || {
            (0..SERVICES).for_each(|_| drop(chain.evaluate(&context, &view)));
        });
        row(&[
            name,
            &us(native.percentile(50)),
            &us(component.percentile(50)),
            &us(component.percentile(99)),
            &ratio(component.percentile(50), native.percentile(50)),
            &crate::measure::ms(all),
        ]);
    }
}

/// Endpoints of a Service, and how many of them are on this node.
const ENDPOINTS: [(u32, usize); 5] = [(0, 0), (10, 5), (100, 5), (100, 50), (1_000, 10)];

/// How a call of the built-in policy grows with the Service's endpoints.
pub(crate) fn policy_call() {
    println!(
        "Time of the processor; the Service asks for egress. The built-in policy, and what it was in contract 0.1.0.\n"
    );
    head(&["endpoints", "on this node", "p50", "p99", "0.1.0 p50", "native p50"]);
    let (chain, earlier, context) = (built_in(), released(), context());
    for (endpoints, here) in ENDPOINTS {
        let view = view_with(&[("egress", "true")], endpoints, here);
        let component = sample(|| drop(chain.evaluate(&context, &view)));
        let earlier = sample(|| drop(earlier.evaluate(&context, &view)));
        let native = sample(|| drop(adapter::evaluate::<Annotations>("{}", &context, &view, &Draft::default())));
        row(&[
            &endpoints.to_string(),
            &here.to_string(),
            &us(component.percentile(50)),
            &us(component.percentile(99)),
            &us(earlier.percentile(50)),
            &us(native.percentile(50)),
        ]);
    }
}

fn built_in() -> Chain {
    let (sandbox, prefix) = (Sandbox::new().expect("the built-in policy loads"), AnnotationPrefix::default());
    let mut library = Library::new(sandbox, prefix, Metrics::default(), Objects::new());
    library.update([]).chain.expect("there is one at first")
}

/// The built-in policy of contract 0.1.0.
fn released() -> Chain {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wasm/released/0.1.0/annotations.wasm");
    let sandbox = Sandbox::new().expect("the built-in policy loads");
    let bytes = std::fs::read(path).expect("it is in the tree");
    let loaded = egressd::wasm::load(sandbox.engine(), &Compiler::InProcess, &bytes, "annotations", "{}");
    Chain::new([Member::new(loaded.expect("it loads").asked)])
}

/// Samples of processor time.
pub(crate) fn sample(mut work: impl FnMut()) -> Times {
    (0..1_000).for_each(|_| work());
    Times::of((0..SERVICES).map(|_| used(clock::thread, &mut work).1).collect())
}

/// A Service with ten endpoints, half of them here.
pub(crate) fn service_view(annotations: &[(&str, &str)]) -> SubjectView {
    view_with(annotations, 10, 5)
}

/// A Service with so many endpoints, so many of them here.
fn view_with(annotations: &[(&str, &str)], endpoints: u32, here: usize) -> SubjectView {
    let mut service = service("web", &["11.0.0.2", "fc00:11::2"]);
    let named = |(name, value): &(&str, &str)| (format!("kube-vip.io/{name}"), (*value).to_owned());
    service.annotations = annotations.iter().map(named).collect();
    let address = |number| Ipv4Addr::from(0x0a00_0001 + number).to_string();
    let endpoints: Vec<String> = (0..endpoints).map(address).collect();
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    let snapshot = SnapshotBuilder::default().service(service, &endpoints).build();
    let mut view = view(
        &snapshot,
        &ClusterFacts::detected(&snapshot),
        &SubjectKey::service("default", "web"),
        AddressTrust::Status,
        &AnnotationPrefix::default(),
    )
    .expect("it is there");
    let elsewhere = Arc::make_mut(&mut view.subject.endpoints).iter_mut().skip(here);
    elsewhere.for_each(|endpoint| endpoint.node = Some("node-b".into()));
    view
}
