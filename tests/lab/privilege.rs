//! What the lab needs from the machine: the right to make network namespaces, `ip`, and an `nft` that can do NAT.
//!
//! Without root a process may be root in a user namespace of its own, if the kernel lets it. It must go there
//! before its first thread, so [`prepare`] is the first thing that `main` does.

use std::io::ErrorKind;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use rustix::process::{getegid, geteuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::namespace::{Namespace, tool};

/// Loaded once into an empty namespace: whether this kernel and this `nft` can do what tests rely on.
const TRIAL_RULES: &str = "
table ip lab_trial {
  chain c { type nat hook postrouting priority srcnat; masquerade; }
}
table ip6 lab_trial {
  chain c { type nat hook postrouting priority srcnat; masquerade; }
}
";

/// Whether labs can be built here.
#[derive(Debug)]
pub enum Readiness {
    Ready,
    /// They cannot, for this reason, and are not required to.
    Skip(String),
}

/// Makes the process able to build labs. Call it while it has one thread only.
///
/// # Errors
/// When it cannot, and `CI` or `EGRESSD_TESTS_MUST_RUN` is set: then a skipped test is a failed one.
pub fn prepare() -> Result<Readiness> {
    match become_root().and_then(|()| try_everything()) {
        Ok(()) => Ok(Readiness::Ready),
        Err(error) if must_run() => Err(error.context("the lab must run here, and cannot")),
        Err(error) => Ok(Readiness::Skip(first_line(&format!("{error:#}")))),
    }
}

/// Whether a lab that cannot be built is an error: set by continuous integration, and by `make test` for root.
fn must_run() -> bool {
    ["CI", "EGRESSD_TESTS_MUST_RUN"]
        .iter()
        .any(|name| env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false")))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn become_root() -> Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    if user == 0 {
        return Ok(());
    }
    // SAFETY: the process has one thread, as `prepare` demands; memory and descriptors stay as they are.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }
        .context("not root, and the kernel grants no user namespace to others")?;
    let map = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).with_context(|| format!("not root, and cannot write {file}"))
    };
    map("uid_map", format!("0 {user} 1"))?;
    // Without it the kernel refuses a gid_map from a process that is not root outside.
    map("setgroups", "deny".to_owned())?;
    map("gid_map", format!("0 {group} 1"))
}

fn try_everything() -> Result<()> {
    has_tool("ip", "-V", "iproute2")?;
    has_tool("nft", "--version", "nftables")?;
    let namespace = Namespace::new()?;
    namespace.nft(TRIAL_RULES).context("nftables cannot translate addresses here")?;
    namespace.sysctl(&[("ipv4/ip_forward", "1")])
}

fn has_tool(name: &str, question: &str, package: &str) -> Result<()> {
    match tool(name).arg(question).output() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("there is no `{name}` on this machine; `make setup` installs it (package {package})")
        }
        Err(error) => Err(error).with_context(|| format!("cannot start {name}")),
    }
}
