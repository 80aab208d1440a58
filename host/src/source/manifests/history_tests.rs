//! Whatever was written into a directory, good and bad: a restart at any time gives what no restart gives.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use egressd_core::model::{ChangeKey, Snapshot, SubjectKey, Unreadable};
use proptest::prelude::*;

use super::Places;
use crate::source::handover::Update;
use crate::state::Sources;

/// A process that reads a directory.
struct Process(Places);

impl Process {
    fn start(manifests: &Path, state: &Path) -> Self {
        Self(Places::one(manifests, "node-a").remembering(&Sources::of(state)))
    }

    fn scan(&mut self) -> Update {
        let mut update = self.0.scan(&BTreeSet::new());
        if self.0.is_unsettled() {
            // Written in place without an event: it counts when it looks the same twice.
            let keys = update.keys;
            update = self.0.scan(&BTreeSet::new());
            update.keys.extend(keys);
        }
        while self.0.remember() {}
        update
    }
}

fn service(name: &str, address: u8) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, annotations: {{a: '{address}'}}}}\n\
         spec: {{type: LoadBalancer, clusterIPs: [10.96.0.{address}]}}\n"
    )
}

fn node(networks: &str) -> String {
    format!("apiVersion: v1\nkind: Node\nmetadata: {{name: n1}}\nspec: {{podCIDRs: [{networks}]}}\n")
}

fn cilium_node(networks: &str) -> String {
    format!(
        "apiVersion: cilium.io/v2\nkind: CiliumNode\nmetadata: {{name: n1}}\nspec: {{ipam: {{podCIDRs: [{networks}]}}}}\n"
    )
}

fn lease(spec: &str) -> String {
    format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{name: kubevip-web, namespace: shop}}\nspec: {spec}\n"
    )
}

fn l2_status(service: &str, node: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta1\nkind: ServiceL2Status\nmetadata: {{name: l2-x, namespace: metallb-system}}\n\
         status: {{serviceName: {service}, serviceNamespace: shop, node: {node}}}\n"
    )
}

/// Objects of load balancers, good, bad in part, and bad.
fn claim() -> impl Strategy<Value = String> {
    let statuses = [("web", "node-b"), ("dns", "node-c"), ("web", "5"), ("5", "node-b")];
    let statuses = statuses.map(|(service, node)| l2_status(service, node));
    let bad = l2_status("web", "node-b").replace("status: {", "status: [").replace("node-b}", "node-b]");
    let leases = ["{holderIdentity: node-b}", "{holderIdentity: node-c}", "{holderIdentity: 5}", "5"].map(lease);
    prop::sample::select([&statuses[..], &leases, &[bad]].concat())
}

/// Parts of manifests: good, bad in part, bad with a name, and bad without one.
fn part() -> impl Strategy<Value = String> {
    let names = || prop::sample::select(&["web", "dns"][..]);
    let guard = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g, namespace: egressd, labels: {egressd.io/policy: 'true'}}\nbinaryData: {policy.wasm: ";
    prop_oneof![
        4 => (names(), 1..4_u8).prop_map(|(name, address)| service(name, address)),
        1 => names().prop_map(|name| service(name, 1).replace("LoadBalancer", "Loud")),
        1 => names().prop_map(|name| service(name, 1).replace("[10", "[here, 10")),
        2 => (1..4_u8).prop_map(|number| node(&format!("10.0.{number}.0/24"))),
        2 => (1..4_u8).prop_map(|number| node(&format!("10.0.{number}.0/24, here"))),
        1 => Just(node("10.0.1.0/24").replace("{podCIDRs", "[podCIDRs").replace("]}", "]]")),
        1 => (1..4_u8).prop_map(|number| cilium_node(&format!("10.0.{number}.0/24"))),
        1 => (1..4_u8).prop_map(|number| cilium_node(&format!("10.0.{number}.0/24, here"))),
        1 => Just(cilium_node("10.0.1.0/24").replace("{podCIDRs", "[podCIDRs").replace("]}", "]]")),
        4 => claim(),
        1 => Just("apiVersion: v1\nkind: Service\nmetadata: {}\n".to_owned()),
        1 => Just("kind: Service\nmetadata: {name: web}\n".to_owned()),
        1 => Just("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {podIPs: [{ip: 10.0.0.1}]}\n".to_owned()),
        1 => Just("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {podIPs: [{ip: here}]}\n".to_owned()),
        1 => Just(format!("{guard}AGFzbQ==}}\n")),
        1 => Just(format!("{guard}'?'}}\n")),
    ]
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Step {
    Write(&'static str, String),
    Delete(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let file = || prop::sample::select(&["a.yaml", "b.yaml"][..]);
    let text = prop_oneof![
        6 => prop::collection::vec(part(), 1..4).prop_map(|parts| parts.join("---\n")),
        1 => Just(String::new()),
        1 => Just("kind: [".to_owned()),
    ];
    prop_oneof![6 => (file(), text).prop_map(|(file, text)| Step::Write(file, text)), 1 => file().prop_map(Step::Delete)]
}

fn carry_out(step: &Step, manifests: &Path, number: usize) {
    match step {
        // The comment makes two writes differ, as time does.
        Step::Write(name, text) if text.is_empty() => fs::write(manifests.join(name), " ".repeat(number)).unwrap(),
        Step::Write(name, text) => {
            fs::write(manifests.join(name), format!("# {}\n{text}", "x".repeat(number))).unwrap();
        }
        Step::Delete(name) => fs::remove_file(manifests.join(name)).unwrap_or_default(),
    }
}

proptest! {
    // Each writes to the disk, and waits until it has it.
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Of two processes that see the same steps, one is started anew after some of them.
    #[test]
    fn a_restart_at_any_time_gives_what_no_restart_gives(
        steps in prop::collection::vec((step(), any::<bool>()), 1..8),
    ) {
        let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [manifests, states @ ..] = dirs.each_ref().map(tempfile::TempDir::path);
        // Another file, or a directory that was emptied while there was no process could be one that is not there yet.
        fs::write(manifests.join("z.yaml"), "apiVersion: v1\nkind: List\nitems: []\n").unwrap();
        let mut lasting = Process::start(manifests, states[0]);
        let mut restarted = Process::start(manifests, states[1]);
        for (number, (step, restarts)) in steps.iter().enumerate() {
            carry_out(step, manifests, number);
            if *restarts {
                restarted = Process::start(manifests, states[1]);
            }
            let updates = [lasting.scan(), restarted.scan()];
            prop_assert_eq!(&updates[0].snapshot, &updates[1].snapshot, "after step {}", number);
            prop_assert_eq!(&updates[0].findings, &updates[1].findings, "after step {}", number);
            prop_assert!(!restarts || updates[1].keys.is_superset(&all_keys(&updates[1].snapshot)));
        }
    }
}

/// A start hands over everything.
fn all_keys(snapshot: &Snapshot) -> BTreeSet<ChangeKey> {
    let services = snapshot.services.keys().map(|key| ChangeKey::Subject(key.clone()));
    services.chain(snapshot.policies.keys().map(|name| ChangeKey::Policy(name.clone()))).collect()
}

struct Fixture {
    dir: tempfile::TempDir,
    process: Process,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [manifests, state] = ["manifests", "state"].map(|name| dir.path().join(name));
        fs::create_dir(&manifests).unwrap();
        let process = Process::start(&manifests, &state);
        Self { dir, process }
    }

    fn restart(&mut self) -> Update {
        let [manifests, state] = ["manifests", "state"].map(|name| self.dir.path().join(name));
        self.process = Process::start(&manifests, &state);
        self.process.scan()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("manifests").join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join("manifests").join(name)).unwrap();
    }
}

fn services(update: &Update) -> Vec<String> {
    update.snapshot.services.keys().map(ToString::to_string).collect()
}

#[test]
fn a_file_that_was_broken_while_there_was_no_process_has_its_last_good_state() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", &service("web", 1));
    fixture.process.scan();
    fixture.write("web.yaml", "kind: [");
    for _ in 0..2 {
        let update = fixture.restart();
        assert_eq!(services(&update), ["default/web"]);
        assert!(update.findings[0].message.ends_with("; its last good state stays in force"), "{update:?}");
    }
    fixture.write("web.yaml", &service("other", 1));
    assert_eq!(services(&fixture.restart()), ["default/other"]);
    fixture.write("web.yaml", "");
    assert_eq!(services(&fixture.restart()), ["default/other"]);
}

#[test]
fn a_file_that_is_gone_at_the_start_is_deleted_and_does_not_come_back_broken() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", &service("web", 1));
    fixture.write("dns.yaml", &service("dns", 1));
    fixture.process.scan();
    fixture.remove("web.yaml");
    assert_eq!(services(&fixture.restart()), ["default/dns"]);
    fixture.write("web.yaml", "kind: [");
    assert_eq!(services(&fixture.process.scan()), ["default/dns"]);
    assert_eq!(services(&fixture.restart()), ["default/dns"]);
}

#[test]
fn a_directory_without_any_manifest_where_there_were_some_is_awaited() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", &service("web", 1));
    fixture.write("dns.yaml", &service("dns", 1));
    fixture.process.scan();
    ["web.yaml", "dns.yaml"].iter().for_each(|name| fixture.remove(name));
    let update = fixture.restart();
    assert_eq!(services(&update), ["default/dns", "default/web"]);
    assert_eq!(update.keys, all_keys(&update.snapshot));
    let finding = &update.findings[0];
    assert!(finding.code == "manifests-missing" && finding.message.contains("had 2"), "{finding:?}");
    assert_eq!(services(&fixture.process.scan()), ["default/dns", "default/web"], "also when something stirs in it");
    fixture.write("web.yaml", "kind: [");
    assert_eq!(services(&fixture.process.scan()), ["default/web"]);
    fixture.remove("web.yaml");
    assert!(services(&fixture.process.scan()).is_empty(), "emptied while it is read");
    assert!(services(&fixture.restart()).is_empty());
}

#[test]
fn what_cannot_be_remembered_of_a_broken_file_is_reported_beside_it() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", &service("web", 1));
    fixture.process.scan();
    fixture.write("web.yaml", "kind: [");
    let folder = fixture.dir.path().join("state/sources");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let newer = "{\"version\":2}\n";
    fs::write(&file, newer).unwrap();
    let update = fixture.restart();
    assert!(update.snapshot.services.is_empty());
    let codes: Vec<&str> = update.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["manifest-refused", "newer-state"]);
    fixture.write("web.yaml", &service("web", 1));
    assert!(fixture.process.scan().findings.is_empty());
    assert_eq!(fs::read_to_string(&file).unwrap(), newer);
}

#[test]
fn a_directory_that_is_read_once_leaves_nothing() {
    let mut fixture = Fixture::new();
    fixture.write("web.yaml", &service("web", 1));
    fixture.process.0.scan(&BTreeSet::new());
    assert!(!fixture.dir.path().join("state").exists());
}

#[test]
fn what_was_in_doubt_of_a_state_that_was_good_in_part_stays_so_while_the_file_is_broken_and_over_a_restart() {
    let mut fixture = Fixture::new();
    let nameless = "apiVersion: v1\nkind: Node\nmetadata: {}\n";
    fixture.write("a.yaml", &format!("{}---\n{nameless}", cilium_node("10.0.1.0/24")));
    let in_doubt = |update: &Update| update.snapshot.cluster_networks.contains_key("manifest a.yaml");
    assert!(in_doubt(&fixture.process.scan()));
    for text in ["kind: [", " "] {
        fixture.write("a.yaml", text);
        assert!(in_doubt(&fixture.process.scan()), "{text:?}");
        assert!(in_doubt(&fixture.restart()), "{text:?}, after a restart");
    }
    fixture.write("a.yaml", &cilium_node("10.0.1.0/24"));
    assert!(!in_doubt(&fixture.process.scan()));
}

/// As after an update from a release that left nothing.
#[test]
fn a_service_and_a_guard_that_cannot_be_read_and_were_not_remembered_are_there_all_the_same() {
    let mut fixture = Fixture::new();
    let loud = service("web", 1).replace("LoadBalancer", "Loud");
    let guard = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g, namespace: egressd, labels: {egressd.io/policy: 'true'}}\nbinaryData: {policy.wasm: '?'}\n";
    fixture.write("web.yaml", &format!("{loud}---\n{guard}"));
    let update = fixture.process.scan();
    let key = SubjectKey::service("default", "web");
    let unreadable = update.snapshot.unreadable;
    assert_eq!(
        &*unreadable.services[&key].why,
        "spec.type \"Loud\" is not ClusterIP, NodePort, LoadBalancer or ExternalName"
    );
    assert_eq!((unreadable.services.len(), unreadable.policies.contains("g")), (1, true));
    assert_eq!(update.keys, [ChangeKey::Subject(key.clone()), ChangeKey::Policy("g".to_owned())].into());
    assert!(update.findings.iter().all(|finding| finding.message.ends_with("; its last good state is unknown")));
    fixture.write("web.yaml", &service("other", 1));
    let update = fixture.process.scan();
    assert_eq!(
        (update.snapshot.unreadable, update.keys.contains(&ChangeKey::Subject(key))),
        (Unreadable::default(), true)
    );
}
