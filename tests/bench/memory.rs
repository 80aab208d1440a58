//! The daemon's memory with many Services, and after many changes.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::Namespace;
use tempfile::TempDir;

use crate::cluster::KernelMonitor;
use crate::measure::{head, row};
use crate::process;

const COUNTS: [u32; 4] = [1, 1_000, 10_000, 30_000];
/// Changes made with the largest number of Services.
const CHANGES: u32 = 1_000;
/// Services with a file each, so that a change of one costs no reading of the others.
const SINGLE_FILES: u32 = 100;
/// Generous: a loaded machine is slow.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);
/// Time without kernel events after which everything is in force.
const KERNEL_IDLE_AFTER: Duration = Duration::from_secs(2);

pub(crate) fn memory() {
    println!("`egressd run` on manifests. Each Service has two endpoints.\n");
    head(&["Services", "resident", "most so far"]);
    for count in COUNTS {
        let (namespace, directory) = (Namespace::new().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(directory.path().join("manifests")).unwrap();
        let together: String = (SINGLE_FILES.min(count)..count).map(|number| manifest(number, 0)).collect();
        write_file(&directory, "together", &together);
        (0..SINGLE_FILES.min(count)).for_each(|number| write_file(&directory, &name(number), &manifest(number, 0)));
        let news = KernelMonitor::of(&namespace);
        let mut child = run(&namespace, directory.path());
        news.wait_for_elements(2 * count as usize, CATCH_UP_TIMEOUT);
        news.wait_for_quiet(KERNEL_IDLE_AFTER);
        print(&count.to_string(), &child);
        if Some(&count) == COUNTS.last() {
            change(&directory, &news);
            print(&format!("{count}, after {CHANGES} changes"), &child);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn print(what: &str, child: &Child) {
    let [resident, most] = process::memory(child.id());
    row(&[what, &resident, &most]);
}

fn run(namespace: &Namespace, directory: &Path) -> Child {
    let mut command = namespace.command(env!("CARGO_BIN_EXE_egressd"));
    command.args(["run", "--node", "node-a", "--owner", "any", "--manifests"]);
    command.arg(directory.join("manifests")).arg("--state-dir").arg(directory.join("state"));
    quiet(&mut command)
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
}

/// One after the other, each in force before the next.
fn change(directory: &TempDir, news: &KernelMonitor) {
    for turn in 1..=CHANGES {
        news.forget();
        let number = turn % SINGLE_FILES;
        write_file(directory, &name(number), &manifest(number, turn));
        news.wait_for_change(CATCH_UP_TIMEOUT);
    }
}

/// A whole file in one step, as `kubectl` and editors do it.
fn write_file(directory: &TempDir, name: &str, text: &str) {
    let beside = directory.path().join("beside");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, directory.path().join(format!("manifests/{name}.yaml"))).unwrap();
}

fn name(number: u32) -> String {
    format!("service-{number}")
}

fn endpoint(number: u32, place: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a01_0001 + 2 * number + place)
}

fn manifest(number: u32, turn: u32) -> String {
    let (name, address) = (name(number), Ipv4Addr::from(0x0b00_0000 + (number + turn) % 250));
    let [first, second] = [0, 1].map(|place| endpoint(number, place));
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, annotations: {{kube-vip.io/egress: 'true'}}}}
spec: {{type: LoadBalancer}}
status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [{first}]}}, {{addresses: [{second}]}}]
---
"
    )
}
