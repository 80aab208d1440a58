//! A network namespace without a name: a file descriptor keeps it, and it ends with the last one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::{env, fs, io, iter, panic, thread};

use anyhow::{Context, Result, anyhow, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::wait::{DEADLINE, wait_until};

/// Where administrators' tools live; the PATH of an ordinary user often lacks it.
const SBIN: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A network namespace of its own, with `lo` up.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
}

impl Namespace {
    /// A new, empty one.
    ///
    /// # Errors
    /// When the kernel does not grant one.
    pub fn new() -> Result<Self> {
        let fd = thread::spawn(unshare_network)
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
            .context("cannot make a network namespace")?;
        let namespace = Self { fd };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The same namespace, held once more.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Runs `f` on a thread inside. Sockets that it opens stay inside, wherever they are used later.
    ///
    /// # Errors
    /// When the thread cannot enter.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> io::Result<T> {
        let inside = || {
            enter(self.fd.as_fd())?;
            Ok(f())
        };
        thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// A command whose process runs inside, and is killed with the thread that starts it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        let fd = self.fd.as_raw_fd();
        // SAFETY: between fork and exec the hook makes two system calls and does not allocate. The descriptor is
        // a copy of ours as of the fork, and commands are started while their namespace is borrowed or kept.
        unsafe {
            command.pre_exec(move || {
                enter(BorrowedFd::borrow_raw(fd))?;
                Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
            })
        };
        command
    }

    /// Runs `ip` commands inside, one a line.
    ///
    /// # Errors
    /// When one fails.
    pub fn ip(&self, lines: &str) -> Result<()> {
        run_with_input(self.command("ip").args(["-batch", "-"]), lines)
    }

    /// Runs `bridge` commands inside, one a line: forwarding entries below IP.
    ///
    /// # Errors
    /// When one fails.
    pub(crate) fn bridge(&self, lines: &str) -> Result<()> {
        run_with_input(self.command("bridge").args(["-batch", "-"]), lines)
    }

    /// Runs an `nft` script inside.
    ///
    /// # Errors
    /// When `nft` refuses it.
    pub fn nft(&self, script: &str) -> Result<()> {
        run_with_input(self.command("nft").args(["-f", "-"]), script)
    }

    /// Lists nftables objects: `list("ruleset")`, `list("table ip kube_vip_v4")`.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn nft_list(&self, what: &str) -> Result<String> {
        output_of(self.command("nft").arg("list").args(what.split(' ')))
    }

    /// The same, with the kernel's numbers of tables, chains and rules.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn nft_list_with_handles(&self, what: &str) -> Result<String> {
        output_of(self.command("nft").args(["--handle", "list"]).args(what.split(' ')))
    }

    /// Lists nftables objects as JSON.
    ///
    /// # Errors
    /// When there is no such thing.
    pub fn nft_list_as_json(&self, what: &str) -> Result<String> {
        output_of(self.command("nft").args(["--json", "list"]).args(what.split(' ')))
    }

    /// A veth pair: `name` in here, `peer_name` in `peer`.
    pub(crate) fn veth(&self, name: &str, peer: &Self, peer_name: &str) -> Result<()> {
        let fd = peer.fd.as_raw_fd();
        let mut command = self.command("ip");
        command.args(["link", "add", name, "type", "veth", "peer", "name", peer_name]);
        command.args(["netns", &format!("/proc/self/fd/{fd}")]);
        // SAFETY: one system call, no allocation; `peer` is borrowed until the command has ended.
        unsafe { command.pre_exec(move || inherit(fd)) };
        output_of(&mut command).map(drop)
    }

    /// Sets kernel parameters of this namespace: pairs of a path below `/proc/sys/net` and a value.
    pub(crate) fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        self.run(|| {
            settings.iter().try_for_each(|(name, value)| {
                fs::write(format!("/proc/sys/net/{name}"), value)
                    .with_context(|| format!("cannot set net/{name} to {value}"))
            })
        })?
    }
}

/// `IFA_F_TENTATIVE` in the flags of `/proc/net/if_inet6`.
const TENTATIVE: u32 = 0x40;

impl Namespace {
    /// Waits until every IPv6 address can be used. Even without duplicate detection the kernel takes a moment.
    pub(crate) fn wait_until_settled(&self) -> Result<()> {
        wait_until("no IPv6 address is tentative", DEADLINE, || {
            let addresses = self.run(|| fs::read_to_string("/proc/thread-self/net/if_inet6"))??;
            Ok(!addresses.lines().any(is_tentative))
        })
    }
}

/// A line is: address, interface index, prefix length, scope, flags, interface name.
fn is_tentative(line: &str) -> bool {
    let flags = line.split_whitespace().nth(4).and_then(|flags| u32::from_str_radix(flags, 16).ok());
    flags.is_some_and(|flags| flags & TENTATIVE != 0)
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// When it cannot start or fails; the error carries what it complained about.
pub fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    checked(command, &output)
}

fn run_with_input(command: &mut Command, input: &str) -> Result<()> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", line(command)))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended early has printed the reason; that is the error to show.
        stdin.write_all(input.as_bytes()).ok();
    }
    let output = child.wait_with_output()?;
    checked(command, &output).map(drop).map_err(|error| anyhow!("{error:#}\nits input was:\n{input}"))
}

fn checked(command: &Command, output: &Output) -> Result<String> {
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, complaint.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line(command: &Command) -> String {
    let arguments = iter::once(command.get_program()).chain(command.get_args());
    arguments.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn unshare_network() -> io::Result<OwnedFd> {
    // SAFETY: a new network namespace changes nothing that other code relies on: memory and descriptors stay
    // shared, and this thread ends here.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?)
}

fn inherit(fd: RawFd) -> io::Result<()> {
    // SAFETY: the caller keeps the descriptor open across the fork.
    Ok(fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::empty())?)
}

/// A command that is also found where only root's PATH leads.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:{SBIN}", env::var("PATH").unwrap_or_default())).stdin(Stdio::null());
    command
}
