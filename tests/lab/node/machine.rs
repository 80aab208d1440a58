//! A machine within this machine: network, mounts, host name and processes, up to the kernel and the disk.
//!
//! Its first process is the only one that has to end: the kernel then ends all others, containers included, and their
//! mounts and files go with them. That is so when the test is killed, too.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{io, panic, thread};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::programs;
use crate::cluster::control_plane::START_TIMEOUT;
use crate::cluster::process::Process;
use crate::namespace::{Namespace, output_of, tool};
use crate::wait::wait_until;

const SCRIPT: &str = include_str!("machine.sh");

/// Dropping it ends everything that runs on it.
#[derive(Debug)]
pub(super) struct Machine {
    namespace: Namespace,
    holder: Process,
    /// The pid of the first process in the outer namespace.
    first: Pid,
    mounts: File,
    name: File,
    processes: File,
}

impl Machine {
    /// A new one in this network namespace, with its log in this directory. It lives as long as the thread that makes
    /// it.
    pub(super) fn new(namespace: Namespace, name: &str, directory: &Path) -> Result<Self> {
        let mut command = namespace.command("unshare");
        command.args(["--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "machine", name]);
        command.arg(programs::kubernetes()).arg(programs::probe());
        let mut holder = Process::start(command, directory, &format!("{name}-machine"))?;
        let mut first = None;
        wait_until("the machine is made", START_TIMEOUT, || {
            first = first_process(&holder);
            holder.expect_alive().with_context(|| format!("cannot make the machine {name}"))?;
            Ok(first.is_some())
        })?;
        let first = first.context("a machine has no first process")?;
        let open = |kind| File::open(format!("/proc/{}/ns/{kind}", first.as_raw_nonzero()));
        let (mounts, uts, processes) = (open("mnt")?, open("uts")?, open("pid")?);
        Ok(Self { namespace, holder, first, mounts, name: uts, processes })
    }

    /// Its network.
    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where a path of its own is for the world outside.
    pub(super) fn outside_path(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.first.as_raw_nonzero().to_string()).join("root").join(path.trim_start_matches('/'))
    }

    /// Writes a file there, with the directories above it.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.outside_path(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A command with its network, its mounts and its name. [`Self::inside`] gives it its processes, too.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        let namespaces = [
            (self.mounts.as_raw_fd(), LinkNameSpaceType::Mount),
            (self.name.as_raw_fd(), LinkNameSpaceType::HostNameAndNISDomainName),
            (self.namespace.as_fd().as_raw_fd(), LinkNameSpaceType::Network),
        ];
        let enter = move || -> io::Result<()> {
            for (fd, kind) in namespaces {
                // SAFETY: a copy of ours as of the fork, and commands are started while their machine is borrowed.
                move_into_link_name_space(unsafe { BorrowedFd::borrow_raw(fd) }, Some(kind))?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec the hook makes three system calls and does not allocate.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs a command to its end, and returns what it printed.
    pub(super) fn output_of(&self, command: &mut Command) -> Result<String> {
        self.inside(|| output_of(command))?
    }

    /// Starts a server; its output goes to a file of this name.
    pub(super) fn start(&self, command: Command, directory: &Path, name: &str) -> Result<Process> {
        self.inside(|| Process::start(command, directory, name))?
    }

    /// Runs `f` on a thread whose children are processes of the machine.
    fn inside<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        let enter = || -> io::Result<T> {
            move_into_link_name_space(self.processes.as_fd(), Some(LinkNameSpaceType::ProcessID))?;
            Ok(f())
        };
        let entered = thread::scope(|scope| scope.spawn(enter).join());
        entered.unwrap_or_else(|panic| panic::resume_unwind(panic)).context("cannot enter the machine")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its parent ends when it has ended, and it ends when all others have. Already ended is as good.
        kill_process(self.first, Signal::KILL).ok();
        self.holder.wait().ok();
    }
}

/// The pid that the script prints last.
fn first_process(holder: &Process) -> Option<Pid> {
    holder.log_tail().lines().last()?.parse().ok().and_then(Pid::from_raw)
}
