//! What the daemon holds in memory, with many Services.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::Namespace;

use crate::measure::{head, row};
use crate::process;

pub(crate) fn memory() {
    head(&["Services", "resident", "most so far"]);
    for count in [1, 1_000, 10_000, 30_000] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("manifests")).unwrap();
        fs::write(directory.path().join("manifests/all.yaml"), manifests(count)).unwrap();
        let namespace = Namespace::new().unwrap();
        let mut command = namespace.command(env!("CARGO_BIN_EXE_egressd"));
        command.args(["run", "--node", "node-a", "--owner", "any", "--manifests"]);
        command.arg(directory.path().join("manifests")).arg("--state-dir").arg(directory.path().join("state"));
        let mut child = quiet(&mut command);
        wait_for(&namespace, count);
        let [resident, most] = process::memory(child.id());
        row(&[&count.to_string(), &resident, &most]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
}

/// Until the last Service is in force.
fn wait_for(namespace: &Namespace, count: u32) {
    let last = Ipv4Addr::from(0x0a01_0001 + count - 1).to_string();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        let listing = namespace.nft_list("map ip kube_vip_v4 egress_addrs").unwrap_or_default();
        if listing.contains(&format!("{last} ")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{last} is not in force after two minutes");
}

fn manifests(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let (address, endpoint) = (Ipv4Addr::from(0x0b00_0000 + number % 250), Ipv4Addr::from(0x0a01_0001 + number));
        write!(
            text,
            "apiVersion: v1
kind: Service
metadata: {{name: service-{number}, annotations: {{kube-vip.io/egress: 'true'}}}}
spec: {{type: LoadBalancer}}
status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: slice-{number}, labels: {{kubernetes.io/service-name: service-{number}}}}}
addressType: IPv4
endpoints: [{{addresses: [{endpoint}]}}]
---
"
        )
        .unwrap();
    }
    text
}
