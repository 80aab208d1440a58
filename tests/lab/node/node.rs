//! A node: a machine with containerd, a kubelet and kube-proxy, each of which can be stopped and started alone.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::machine::Machine;
use super::plane::{PROXY_TOKEN, kubelet_token};
use super::programs::plugin_directory;
use super::servers::{self, NodeServer, ProxyMode};
use super::settings;
use crate::addresses::{NODE_NAME, SECOND_NODE_NAME, node_v4, node_v6};
use crate::cluster::control_plane::{PORT, START_TIMEOUT, kubeconfig};
use crate::cluster::process::Process;
use crate::topology::host_network;
use crate::wait::wait_until;

const AUTHORITY: &str = "/run/lab/ca.crt";

/// A node with a real kubelet and container runtime.
#[derive(Debug)]
pub struct Node {
    number: u8,
    mode: ProxyMode,
    // In this order they are dropped: containers end with the machine, when no kubelet can start them again.
    kubelet: Option<Process>,
    proxy: Option<Process>,
    containerd: Option<Process>,
    machine: Machine,
    logs: PathBuf,
}

impl Node {
    /// Node number `number`, from 1, with containerd; it lives as long as the thread that makes it.
    pub(super) fn new(number: u8, machine: Machine, cgroup: &str, directory: &Path) -> Result<Self> {
        let logs = directory.to_owned();
        machine.write("/run/lab/containerd.toml", &settings::containerd())?;
        machine.write("/run/lab/kubelet.json", &settings::kubelet(number, cgroup).to_string())?;
        let (mode, containerd, kubelet, proxy) = (ProxyMode::Nftables, None, None, None);
        let mut node = Self { number, mode, kubelet, proxy, containerd, machine, logs };
        node.configure_network(1500)?;
        let plugins = plugin_directory()?.display();
        node.shell(&format!("mkdir -p {0} && cp {plugins}/* {0}", settings::PLUGINS))?;
        node.start(NodeServer::Containerd)?;
        Ok(node)
    }

    /// Its name in the cluster, and on itself.
    pub fn name(&self) -> &'static str {
        name(self.number)
    }

    /// From 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Its own addresses, IPv4 and IPv6.
    pub fn addresses(&self) -> [IpAddr; 2] {
        [node_v4(self.number), node_v6(self.number)]
    }

    /// Writes what the CNI plugins are to do, with this size of packets for the pods that come.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure_network(&self, mtu: u16) -> Result<()> {
        let text = settings::network(self.number, mtu).to_string();
        self.machine.write(&format!("{}/10-pods.conflist", settings::NETWORKS), &text)
    }

    /// The network configuration that the container runtime uses.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn network_configuration(&self) -> Result<String> {
        self.shell(&format!("cat {}/10-pods.conflist", settings::NETWORKS))
    }

    /// The directories of CNI plugins and of network configurations, as manifests name them.
    pub fn network_directories() -> [&'static str; 2] {
        [settings::PLUGINS, settings::NETWORKS]
    }

    /// Brings an image into the container runtime.
    pub(super) fn import(&self, archive: &Path) -> Result<()> {
        let ready = || Ok(self.machine.output_of(self.ctr().arg("version")).is_ok());
        wait_until("containerd answers", START_TIMEOUT, ready)?;
        let archive = File::open(archive)?;
        self.machine.output_of(self.ctr().args(["images", "import", "-"]).stdin(archive)).map(drop)
    }

    /// Gives an image that the container runtime has another name.
    ///
    /// # Errors
    /// When it has none of that name.
    pub fn tag(&self, image: &str, name: &str) -> Result<()> {
        self.machine.output_of(self.ctr().args(["images", "tag", "--force", image, name])).map(drop)
    }

    fn ctr(&self) -> Command {
        let mut ctr = self.machine.command("ctr");
        ctr.args(["--address", settings::CONTAINERD, "--namespace", "k8s.io"]);
        ctr
    }

    /// Runs commands on the node, as its administrator does.
    ///
    /// # Errors
    /// When one fails; the error carries what it complained about.
    pub fn shell(&self, commands: &str) -> Result<String> {
        self.machine.output_of(self.machine.command("sh").args(["-euc", commands]))
    }

    /// Writes how its servers find the API server, whose certificates are in this directory.
    pub(super) fn introduce(&self, directory: &Path) -> Result<()> {
        let authority = fs::read_to_string(directory.join("ca.crt"))?;
        self.machine.write(AUTHORITY, &authority)?;
        for (file, token) in [("kubelet", kubelet_token(self.name())), ("proxy", PROXY_TOKEN.to_owned())] {
            let kubeconfig = kubeconfig(PORT, Path::new(AUTHORITY), &token).to_string();
            self.machine.write(&format!("/run/lab/{file}.kubeconfig"), &kubeconfig)?;
        }
        Ok(())
    }

    /// Starts a part.
    ///
    /// # Errors
    /// When it cannot be started. That it works is another matter.
    pub fn start(&mut self, part: NodeServer) -> Result<()> {
        let command = match part {
            NodeServer::Containerd => servers::containerd(&self.machine),
            NodeServer::Kubelet => servers::kubelet(&self.machine, self.name(), self.addresses()),
            NodeServer::Proxy => servers::proxy(&self.machine, self.name(), self.mode),
        };
        let name = format!("{}-{part:?}", self.name()).to_lowercase();
        let process = self.machine.start(command, &self.logs, &name)?;
        *self.part(part) = Some(process);
        Ok(())
    }

    /// Asks a part to end, and waits until it has.
    ///
    /// # Errors
    /// When it is not there.
    pub fn stop(&mut self, part: NodeServer) -> Result<()> {
        self.part(part).take().with_context(|| format!("{part:?} does not run"))?.stop()
    }

    /// `kill -9`.
    pub fn kill(&mut self, part: NodeServer) {
        self.part(part).take();
    }

    /// Starts kube-proxy, or another one in this mode.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run_proxy(&mut self, mode: ProxyMode) -> Result<()> {
        self.kill(NodeServer::Proxy);
        self.mode = mode;
        self.start(NodeServer::Proxy)
    }

    /// Puts an address on the node, as a load balancer does that chose it.
    ///
    /// # Errors
    /// When it is there already.
    pub fn hold(&self, address: IpAddr) -> Result<()> {
        let nodad = if address.is_ipv6() { "nodad" } else { "" };
        self.machine.namespace().ip(&format!("addr add {} dev lo {nodad}\n", host_network(address)))
    }

    /// Takes an address from it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn release(&self, address: IpAddr) -> Result<()> {
        self.machine.namespace().ip(&format!("addr del {} dev lo\n", host_network(address)))
    }

    /// Lists nftables objects: `list("tables")`.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn nft_list(&self, what: &str) -> Result<String> {
        self.machine.namespace().nft_list(what)
    }

    /// Where a path of the node is for the test.
    pub fn path(&self, path: &str) -> PathBuf {
        self.machine.outside_path(path)
    }

    pub fn log_tail(&self) -> String {
        let servers = [("kubelet", &self.kubelet), ("proxy", &self.proxy), ("containerd", &self.containerd)];
        let logs = servers.iter().filter_map(|(name, process)| Some((name, process.as_ref()?.log_tail())));
        logs.map(|(part, log)| format!("--- {part} of {} ---\n{log}\n", self.name())).collect()
    }

    fn part(&mut self, part: NodeServer) -> &mut Option<Process> {
        match part {
            NodeServer::Containerd => &mut self.containerd,
            NodeServer::Kubelet => &mut self.kubelet,
            NodeServer::Proxy => &mut self.proxy,
        }
    }
}

pub(super) fn name(number: u8) -> &'static str {
    if number == 1 { NODE_NAME } else { SECOND_NODE_NAME }
}
