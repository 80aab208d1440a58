//! The programs of real nodes, and whether they are installed: each is checked by using it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use super::cgroups::Version;
use crate::cluster::programs::built;
use crate::namespace::{output_of, tool};
use crate::privilege::Readiness;

/// Set by `make test-node`: the tests have to run.
const MUST_RUN: &str = "EGRESSD_NODE_TESTS_MUST_RUN";
/// Directories of CNI plugins in distributions.
const PLUGIN_DIRECTORIES: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
/// The plugins that nodes of the lab are configured with, and `loopback`, which containerd takes by itself.
const PLUGINS: [&str; 5] = ["bridge", "ptp", "host-local", "portmap", "loopback"];
/// The identity mapping of all users.
const EVERY_USER: [&str; 3] = ["0", "0", "4294967295"];

/// Kubernetes' programs, as `make apiserver` builds them.
pub(super) fn kubernetes() -> PathBuf {
    built("apiserver")
}

/// The program of all containers beside egressd's, as `make apiserver` builds it.
pub(super) fn probe() -> PathBuf {
    built("probe")
}

/// Whether real nodes can be built here, and are requested: they take minutes, and more of the machine than other labs.
///
/// # Errors
/// When they are requested (`EGRESSD_NODE_TESTS_MUST_RUN`) and cannot be built.
pub fn ready() -> Result<Readiness> {
    if !env::var(MUST_RUN).is_ok_and(|value| !value.is_empty()) {
        return Ok(Readiness::Skip("real nodes take minutes; `make test-node` runs these tests".to_owned()));
    }
    versions().context("the tests with real nodes must run here, and cannot")?;
    Ok(Readiness::Ready)
}

/// What the nodes are made of, one thing a line.
///
/// # Errors
/// When something is missing; the error names it and how to get it.
pub fn versions() -> Result<Vec<String>> {
    expect_root()?;
    for program in [kubernetes(), probe()] {
        ensure!(
            program.is_file(),
            "there is no {}; `make test-node` builds it, with Go 1.26 or newer",
            program.display()
        );
    }
    let mut kubelet = Command::new(kubernetes());
    let mut lines = vec![first_line(&output_of(kubelet.args(["kubelet", "--version"]))?)];
    for (name, package) in [("containerd", "containerd"), ("runc", "runc"), ("iptables", "iptables")] {
        let version = output_of(tool(name).arg("--version")).with_context(|| missing(name, package))?;
        lines.push(first_line(&version));
    }
    let directory = plugin_directory()?;
    for plugin in PLUGINS {
        try_plugin(&directory.join(plugin))?;
    }
    lines.push(format!("CNI plugins in {}: {}", directory.display(), plugin_version(directory)));
    lines.push(format!("Linux {}, {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(), Version::here()));
    Ok(lines)
}

pub(super) fn plugin_directory() -> Result<&'static Path> {
    let mut directories = PLUGIN_DIRECTORIES.iter().map(Path::new);
    directories
        .find(|directory| directory.join(PLUGINS[0]).is_file())
        .with_context(|| missing("CNI plugin bridge", "containernetworking-plugins"))
}

fn missing(what: &str, package: &str) -> String {
    format!("there is no {what} on this machine; `.ci/setup-node` installs it (package {package})")
}

/// Root in a user namespace is not enough: it may not make control groups.
fn expect_root() -> Result<()> {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    let real = map.split_whitespace().eq(EVERY_USER) && rustix::process::geteuid().is_root();
    ensure!(real, "containers need a root that is one for the whole machine, and this is none");
    Ok(())
}

/// Queries the CNI versions of a plugin, as a container runtime does first.
fn try_plugin(plugin: &Path) -> Result<()> {
    let mut command = Command::new(plugin);
    command.env("CNI_COMMAND", "VERSION").stdin(Stdio::piped()).stdout(Stdio::piped());
    let why = || missing(&format!("CNI plugin {}", plugin.display()), "containernetworking-plugins");
    let mut child = command.spawn().with_context(why)?;
    child.stdin.take().context("it has no input")?.write_all(br#"{"cniVersion": "0.4.0"}"#)?;
    let output = child.wait_with_output()?;
    let answer = String::from_utf8_lossy(&output.stdout);
    if !answer.contains("\"0.4.0\"") {
        bail!("{}: it speaks no CNI 0.4.0: {answer}", why());
    }
    Ok(())
}

/// The version of the package, since plugins of distributions do not know their own; else that of a plugin itself.
fn plugin_version(directory: &Path) -> String {
    let mut package = tool("dpkg-query");
    package.args(["--show", "containernetworking-plugins"]).stderr(Stdio::null());
    output_of(&mut package).map(|line| line.trim().replace('\t', " ")).unwrap_or_else(|_| {
        let output = Command::new(directory.join(PLUGINS[0])).env_clear().stdin(Stdio::null()).output();
        output.map(|output| first_line(&String::from_utf8_lossy(&output.stderr))).unwrap_or_default()
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
