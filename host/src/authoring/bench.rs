//! `policy bench`: what one evaluation costs, with the built-in policy beside it in the same run.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use egressd_core::chain::{MemberRole, PolicyFailure};
use egressd_core::decision::{Decision, Draft};
use egressd_core::model::{AddressTrust, AnnotationPrefix, ClusterFacts, Context, Snapshot, SubjectView, view};

use super::Error;
use super::check::{self, Checked};
use crate::cli;
use crate::clock;
use crate::policies::BUILT_IN;
use crate::source::documents::objects;
use crate::source::manifests::{self, Places};
use crate::wasm::{self, Compiler, Engine, Meter};

/// What is asked about when no Services are named.
const SAMPLE: &str = "apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web, annotations: {kube-vip.io/egress: 'true'}}
spec: {type: LoadBalancer, externalTrafficPolicy: Local}
status: {loadBalancer: {ingress: [{ip: 192.0.2.10}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: shop, name: web, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.7]}]
";

/// Evaluations before those that are measured: caches and branch predictors learn.
const WARM_UP: u32 = 100;

/// What is asked, with the draft that a policy after the built-in one sees.
struct BenchInput {
    service: SubjectView,
    draft: Draft,
}

/// The result of a benchmark.
struct BenchResult {
    took: Vec<Duration>,
    fuel: u64,
}

/// Measures and prints.
pub(super) fn bench(engine: &Engine, policy: &Checked, args: &cli::Bench, out: &mut dyn Write) -> Result<(), Error> {
    let built_in = wasm::load(engine, &Compiler::InProcess, wasm::built_in(), BUILT_IN, "{}")?;
    let cli::Bench { manifests, node, calls, component: _ } = args;
    let manifests = manifests.as_deref();
    let snapshot = snapshot(manifests, node)?;
    let labels = snapshot.nodes.get(node.as_str()).map(|node| Arc::new(node.labels.clone())).unwrap_or_default();
    let context = Context { node: node.clone(), node_labels: labels };
    let facts = &ClusterFacts::detected(&snapshot);
    let views = snapshot
        .services
        .keys()
        .filter_map(|key| view(&snapshot, facts, key, AddressTrust::Annotation, &AnnotationPrefix::default()));
    let questions: Vec<BenchInput> =
        views.map(|service| question(&built_in.asked, &context, service)).collect::<Result<_, _>>()?;
    if questions.is_empty() {
        return Err(Error::NoServices { path: manifests.unwrap_or(Path::new(".")).to_owned() });
    }
    let own = measure(&policy.asked, &policy.meter, &context, &questions, *calls)?;
    let other = measure(&built_in.asked, &built_in.meter, &context, &questions, *calls)?;
    print(out, policy, [(&policy.description.name, own), (&format!("{BUILT_IN} (built-in)"), other)])?;
    Ok(())
}

fn snapshot(manifests: Option<&Path>, node: &str) -> Result<Snapshot, Error> {
    match manifests {
        Some(path) => Ok(Places::one(path, node).read()?.snapshot),
        // The sample is fine, as a test says.
        None => Ok(manifests::snapshot(&objects(SAMPLE, node).unwrap_or_default())),
    }
}

fn question(built_in: &MemberRole, context: &Context, service: SubjectView) -> Result<BenchInput, PolicyFailure> {
    let nothing = Draft::default();
    let MemberRole::Policy(policy) = built_in else { return Ok(BenchInput { service, draft: nothing }) };
    let draft = match policy.evaluate(context, &service, &nothing)?.decision {
        Decision::Plan(draft) => draft,
        Decision::Pass | Decision::Invalid | Decision::Deny => nothing,
    };
    Ok(BenchInput { service, draft })
}

fn measure(
    asked: &MemberRole,
    meter: &Meter,
    context: &Context,
    questions: &[BenchInput],
    calls: u32,
) -> Result<BenchResult, PolicyFailure> {
    let mut figures = BenchResult { took: Vec::new(), fuel: 0 };
    for (number, question) in (0..calls + WARM_UP).zip(questions.iter().cycle()) {
        let begun = clock::now();
        ask(asked, context, question)?;
        let took = clock::since(begun);
        figures.fuel = figures.fuel.max(meter.last());
        if number >= WARM_UP {
            figures.took.push(took);
        }
    }
    figures.took.sort_unstable();
    Ok(figures)
}

fn ask(asked: &MemberRole, context: &Context, BenchInput { service, draft }: &BenchInput) -> Result<(), PolicyFailure> {
    match asked {
        MemberRole::Policy(policy) => policy.evaluate(context, service, draft).map(drop),
        MemberRole::Validator(validator) => validator.validate(context, service, draft).map(drop),
        MemberRole::Missing(_) => Ok(()),
    }
}

fn print(out: &mut dyn Write, policy: &Checked, rows: [(&str, BenchResult); 2]) -> io::Result<()> {
    writeln!(out, "{:<28}  {:>8}  {:>8}  {:>10}", "POLICY", "p50 us", "p99 us", "FUEL")?;
    for (name, BenchResult { took, fuel }) in rows {
        let at =
            |percent: usize| took.get((took.len() * percent / 100).min(took.len() - 1)).copied().unwrap_or_default();
        let micros = |took: Duration| format!("{:.1}", took.as_secs_f64() * 1e6);
        writeln!(out, "{name:<28}  {:>8}  {:>8}  {fuel:>10}", micros(at(50)), micros(at(99)))?;
    }
    let memory = policy.inspection.memory;
    check::print_contract(out, policy.inspection.contract)?;
    writeln!(
        out,
        "every evaluation has an instance of its own; fuel is the most that one used, and 10000000 the limit"
    )?;
    writeln!(
        out,
        "memory: {memory} bytes to begin with; loading: {} ms, in a process of its own",
        policy.compiled_in.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::snapshot;

    #[test]
    fn the_sample_is_one_service_with_an_endpoint() {
        let snapshot = snapshot(None, "node-a").unwrap_or_default();
        assert_eq!((snapshot.services.len(), snapshot.slices.len()), (1, 1));
    }
}
