//! `make demo`: real packets through egressd, in a lab of network namespaces that ends with this program.
//!
//! Every line that is printed was checked: an unexpected result ends the demo and prints what was expected.

#![expect(clippy::print_stderr, reason = "the demo talks to a person")]

mod narrator;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use lab::addresses::{
    LOAD_BALANCER_NETWORK_V4, NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6, load_balancer_v4, load_balancer_v6,
};
use lab::manifest::{self, Directory, Manifest, Service, endpoints};
use lab::{Egressd, Lab, Pod, Program, Protocol, Readiness, Seen};

use crate::narrator::Narrator;

fn main() -> ExitCode {
    let narrator = Narrator::for_this_terminal();
    match lab::prepare().and_then(|readiness| demo(&readiness, &narrator)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{}", narrator.bad(&format!("The demo failed: {error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn demo(readiness: &Readiness, narrator: &Narrator) -> Result<()> {
    if let Readiness::Skip(why) = readiness {
        bail!("this machine cannot build the lab: {why}. As root it can: sudo make demo");
    }
    let demo = Demo::build(narrator)?;
    let mut egressd = demo.program.run(&demo.lab, &demo.manifests)?;
    demo.before(&mut egressd)?;
    demo.annotate(&mut egressd)?;
    demo.rules()?;
    demo.delete(&mut egressd)?;
    egressd.stop()?;
    demo.clean()?;
    narrator.end();
    Ok(())
}

struct Demo<'a> {
    narrator: &'a Narrator,
    program: Program,
    lab: Lab,
    manifests: Directory,
}

impl<'a> Demo<'a> {
    fn build(narrator: &'a Narrator) -> Result<Self> {
        narrator.title("egressd: a stable source address for the pods behind a Kubernetes Service");
        narrator.say("A node with three pods and a host outside, in network namespaces; your network is not touched.");
        narrator.say("The CNI of this node hides every pod behind the node's address, as most do.");
        let program = Program::new(env::current_exe()?.with_file_name("egressd"));
        let lab = Lab::new()?;
        lab.node().masquerade_like_a_cni()?;
        let pods = [lab.pod(1), lab.pod(2)];
        let manifests = Directory::with(&[
            &manifest::node(),
            &manifest::service_networks(),
            &web(),
            &endpoints("web", pods.map(Pod::v4)),
            &endpoints("web", pods.map(Pod::v6)),
        ])?;
        Ok(Self { narrator, program, lab, manifests })
    }

    fn before(&self, egressd: &mut Egressd<'_>) -> Result<()> {
        self.narrator.step("egressd runs, and the Service `web` (pods 1 and 2) asks for nothing yet");
        self.narrator.command("egressd run --manifests DIR --node node-1");
        egressd.wait_until("its table is there", || Ok(self.lab.node().tables()?.contains("kube_vip")))?;
        self.calls(1, [NODE_V4.into(), NODE_V6.into()])
    }

    fn annotate(&self, egressd: &mut Egressd<'_>) -> Result<()> {
        self.narrator.step("Two annotations on the Service, while everything runs");
        let service = web().egress().egress_ipv6();
        self.narrator.text(&service.yaml().to_string());
        self.manifests.write(&service)?;
        self.wait(egressd, [load_balancer_v4(2).into(), load_balancer_v6(2).into()])?;
        self.calls(1, [load_balancer_v4(2).into(), load_balancer_v6(2).into()])?;
        self.calls(2, [load_balancer_v4(2).into(), load_balancer_v6(2).into()])?;
        self.narrator.say("Pod 3 stands behind no Service, and pods keep their addresses among themselves:");
        self.calls(3, [NODE_V4.into(), NODE_V6.into()])?;
        let (pod, other) = (self.lab.pod(1), self.lab.pod(3));
        self.call(pod, "pod 3", other.v4().into(), pod.v4().into())
    }

    fn rules(&self) -> Result<()> {
        self.narrator.step("What does it: one nftables table a family");
        self.narrator.command("nft list table ip kube_vip_v4");
        let rules = self.lab.node().namespace.nft_list("table ip kube_vip_v4")?;
        let address = load_balancer_v4(2).to_string();
        ensure!(
            translations(&rules, &address).next().is_some(),
            "expected a translation to {address} in the rules, which are:\n{rules}"
        );
        self.narrator.text(&rules);
        Ok(())
    }

    fn delete(&self, egressd: &mut Egressd<'_>) -> Result<()> {
        self.narrator.step("The Service is deleted");
        self.manifests.remove(&web())?;
        self.wait(egressd, [NODE_V4.into(), NODE_V6.into()])?;
        self.calls(1, [NODE_V4.into(), NODE_V6.into()])?;
        let rules = self.lab.node().ruleset()?;
        let beginning = LOAD_BALANCER_NETWORK_V4.trim_end_matches("0/24");
        let left: Vec<&str> = translations(&rules, beginning).collect();
        ensure!(left.is_empty(), "expected no translation to a load-balancer address, and there is: {left:?}");
        self.narrator.fine("no rule translates to its addresses any more");
        Ok(())
    }

    fn clean(&self) -> Result<()> {
        self.narrator.step("egressd leaves the node for good");
        self.narrator.command("egressd clean");
        self.program.clean(&self.lab)?;
        self.narrator.command("nft list tables");
        let tables = self.lab.node().tables()?;
        self.narrator.text(&tables);
        ensure!(!tables.contains("kube_vip"), "expected no table of egressd");
        self.narrator.fine("only the tables of the CNI and of kube-proxy are left");
        self.calls(1, [NODE_V4.into(), NODE_V6.into()])
    }

    fn wait(&self, egressd: &mut Egressd<'_>, [v4, v6]: [Seen; 2]) -> Result<()> {
        egressd.wait_until_seen(self.lab.pod(1), OUTSIDE_V4, v4)?;
        egressd.wait_until_seen(self.lab.pod(1), OUTSIDE_V6, v6)
    }

    fn calls(&self, pod: u8, [v4, v6]: [Seen; 2]) -> Result<()> {
        self.call(self.lab.pod(pod), "outside", OUTSIDE_V4.into(), v4)?;
        self.call(self.lab.pod(pod), "outside", OUTSIDE_V6.into(), v6)
    }

    /// One call that comes out as expected, or ends the demo.
    fn call(&self, pod: &Pod, whom: &str, destination: lab::Destination, expected: Seen) -> Result<()> {
        self.lab.expect_seen(pod, destination, Protocol::Tcp, expected)?;
        self.narrator.fine(&format!("pod {} calls {whom} {destination}, which sees {expected}", pod.number));
        Ok(())
    }
}

/// The lines that translate to an address that begins so: as the value of a map's element, or in an `snat`. Elsewhere a
/// load-balancer address stands by right: the node has it on an interface, and what goes to the node is not egress.
fn translations<'a>(rules: &'a str, beginning: &str) -> impl Iterator<Item = &'a str> {
    let (element, snat) = (format!(" : {beginning}"), format!("snat to {beginning}"));
    rules.lines().filter(move |line| line.contains(&element) || line.contains(&snat)).map(str::trim)
}

/// The Service of the demo, without egress.
fn web() -> Service {
    manifest::service("web").addresses([load_balancer_v4(2), load_balancer_v6(2)])
}
