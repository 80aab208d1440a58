//! Policies: the cost of a chain, of loading and keeping one, and the time until misbehaviour is stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Objects, Sandbox};
use egressd::wasm::{Compiler, built_in};
use egressd_core::chain::{Chain, ChainDecision};
use egressd_core::model::{AnnotationPrefix, PolicyMark, PolicyObject};
use egressd_core::testkit::context;

use crate::evaluation::{sample, service_view};
use crate::measure::{Times, head, ms, ratio, row, timed, us};

#[path = "../wasm/guests.rs"]
#[expect(dead_code, reason = "of the guests without a compiler only one is needed")]
mod bombs;
#[path = "../../host/build/guest.rs"]
mod guest;

/// The policies of this tree beside the built-in one, in the order in which a cluster would have them.
pub(crate) const SHIPPED: [(&str, &str, &str); 4] = [
    ("namespace-defaults", "-10", r#"{"defaults": []}"#),
    ("address-pool", "50", "{}"),
    ("private-guard", "100", "{}"),
    ("port-allowlist", "0", r#"{"allow": [{"ports": ["tcp:1-65535", "udp:1-65535"]}]}"#),
];

pub(crate) fn chains() {
    let sandbox = sandbox();
    let mut objects: Vec<Arc<PolicyObject>> = Vec::new();
    let names = SHIPPED.map(|(name, ..)| name).join(", ");
    println!("Time of the processor. The built-in policy, and one after the other {names}.\n");
    head(&["chain of", "p50", "p99", "/ one"]);
    let view = service_view(&[("egress", "true"), ("egress-destination-ports", "tcp:443")]);
    let mut one = Duration::ZERO;
    for length in 1..=5 {
        let chain = chain(&sandbox, &objects);
        assert!(matches!(chain.evaluate(&context(), &view).decision, ChainDecision::Draft(_)));
        let times = sample(|| drop(chain.evaluate(&context(), &view)));
        one = if length == 1 { times.percentile(50) } else { one };
        row(&[
            &length.to_string(),
            &us(times.percentile(50)),
            &us(times.percentile(99)),
            &ratio(times.percentile(50), one),
        ]);
        objects.extend(SHIPPED.get(length - 1).map(shipped));
    }
}

pub(crate) fn loading() {
    let sandbox = sandbox();
    head(&["policy", "component", "load in a child p50", "in this process p50"]);
    let mut components = vec![("annotations", built_in().to_vec(), "{}")];
    components.extend(SHIPPED.map(|(name, _, settings)| (name, component(name), settings)));
    for (name, bytes, settings) in components {
        let load = |compiler: &Compiler| {
            let engine = sandbox.engine();
            let once = || drop(egressd::wasm::load(engine, compiler, &bytes, name, settings).expect("it loads"));
            Times::of((0..10).map(|_| timed(once).1).collect()).percentile(50)
        };
        let (child, here) = (load(&child()), load(&Compiler::InProcess));
        row(&[name, &format!("{} KiB", bytes.len() / 1024), &ms(child), &ms(here)]);
    }
}

pub(crate) fn memory_of_policies() {
    const COPIES: usize = 40;
    let sandbox = sandbox();
    let guard = shipped(&SHIPPED[2]);
    let copy = |number| Arc::new(PolicyObject { name: format!("guard-{number}"), ..(*guard).clone() });
    let mut library = library(&sandbox);
    let _few = library.update((0..2).map(copy));
    let before = resident();
    let _many = library.update((0..2 + COPIES).map(copy));
    head(&["policies more", "resident more", "each"]);
    let more = resident() - before;
    row(&[&COPIES.to_string(), &format!("{more} KiB"), &format!("{} KiB", more / COPIES as u64)]);
}

/// One call each, and for what a compiler meets one load.
pub(crate) fn misbehaviour() {
    let sandbox = sandbox();
    let hostile = guest_component("egressd-test-hostile");
    head(&["misbehaviour", "ended after"]);
    for behaviour in ["panic", "recursion", "loop", "memory", "log-flood", "log-storm", "fill", "aliased-answer"] {
        let object = object("hostile", "1", &hostile, &format!(r#"{{"do": "{behaviour}"}}"#));
        let chain = chain(&sandbox, &[object]);
        let view = service_view(&[("egress", "true")]);
        // Once: an input that is known to fail is not evaluated again.
        let (_, time) = timed(|| drop(chain.evaluate(&context(), &view)));
        row(&[behaviour, &ms(time)]);
    }
    // Twenty functions just within the bounds.
    let body =
        [vec![0, 0x41, 0], [0x41, 0, 0x28, 0, 0].repeat(8000), [0x73].repeat(7999), vec![0x36, 0, 0, 0x0b]].concat();
    let long = bombs::Guest::with([body.clone(), body].concat()).module();
    for (name, bytes) in [("a compile bomb, refused unread", long), ("a truncated component", hostile[..9999].to_vec())]
    {
        let load = || drop(egressd::wasm::load(sandbox.engine(), &child(), &bytes, "bomb", "{}"));
        row(&[name, &ms(timed(load).1)]);
    }
    println!("\nWhat is within all bounds and still too much for the compiler is ended after 10 s of processor");
    println!("(`many_functions_just_within_the_limits_run_out_of_processor_time`).");
}

fn child() -> Compiler {
    Compiler::Child(PathBuf::from(env!("CARGO_BIN_EXE_egressd")))
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::compiling(child()).expect("the built-in policy loads")
}

fn library(sandbox: &Sandbox) -> Library {
    Library::new(sandbox.clone(), AnnotationPrefix::default(), Metrics::default(), Objects::new())
}

pub(crate) fn chain(sandbox: &Sandbox, objects: &[Arc<PolicyObject>]) -> Chain {
    let loaded = library(sandbox).update(objects.iter().cloned());
    loaded.reports.iter().for_each(|report| assert_eq!(report.trouble, None, "{}", report.name));
    loaded.chain.expect("there is one at first")
}

fn component(name: &str) -> Vec<u8> {
    guest_component(&format!("egressd-policy-{name}"))
}

fn guest_component(package: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    guest::component(&root, package, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests")).expect("it compiles")
}

pub(crate) fn shipped((name, order, settings): &(&str, &str, &str)) -> Arc<PolicyObject> {
    object(name, order, &component(name), settings)
}

fn object(name: &str, order: &str, wasm: &[u8], settings: &str) -> Arc<PolicyObject> {
    Arc::new(PolicyObject {
        labels: Default::default(),
        name: name.to_owned(),
        annotations: [("egressd.io/order".to_owned(), order.to_owned())].into(),
        settings: Some(settings.to_owned()),
        wasm: Some(wasm.into()),
        gzip: None,
        mark: PolicyMark::default(),
    })
}

/// KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default()
}
