//! The program under test, running on the lab's node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::addresses::NODE_NAME;
use crate::manifest::Directory;
use crate::memory::Memory;
use crate::probe::{Destination, Protocol, Seen};
use crate::topology::{Lab, Node, Pod};
use crate::wait::{DEADLINE, patient, wait_until};

/// The binary `egressd`. Tests get it from `env!("CARGO_BIN_EXE_egressd")`.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    environment: Vec<(String, String)>,
    /// Commands that run first, each of which becomes the next one in the end.
    before: Vec<String>,
}

/// Joins the cgroup of this file.
const JOIN: &str = "echo 0 > \"$0\" && exec \"$@\"";
/// Puts a small file system over a directory, with what is in it, and fills it. Nothing else sees that.
const FILL: &str = "mkdir -p \"$0\" && exec 3< \"$0\" && mount -t tmpfs -o size=256k egressd-test \"$0\" &&
cp -a /proc/self/fd/3/. \"$0\" && exec 3<&- || exit 70
cat /dev/zero > \"$0/full\" 2> /dev/null
exec \"$@\"";

impl Program {
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), environment: Vec::new(), before: Vec::new() }
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn within(self, memory: &Memory) -> Self {
        self.after(&["sh", "-c", JOIN, &memory.entrance().to_string_lossy()])
    }

    /// With a disk for the state of the first node that is full, and has what was saved before.
    pub fn on_a_full_disk(self, manifests: &Directory) -> Self {
        self.after(&["unshare", "--mount", "sh", "-c", FILL, &manifests.state().to_string_lossy()])
    }

    fn after(mut self, command: &[&str]) -> Self {
        self.before.extend(command.iter().map(|&part| part.to_owned()));
        self
    }

    /// Starts `egressd run` on the lab's node.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run<'lab>(&self, lab: &'lab Lab, manifests: &Directory) -> Result<Egressd<'lab>> {
        self.run_with(lab, manifests, &[])
    }

    /// Starts `egressd run` with more arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run_with<'lab>(&self, lab: &'lab Lab, manifests: &Directory, arguments: &[&str]) -> Result<Egressd<'lab>> {
        self.start(lab, lab.node(), manifests, arguments)
    }

    /// Starts `egressd run` on one of the lab's nodes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run_on<'lab>(&self, lab: &'lab Lab, node: &'lab Node, manifests: &Directory) -> Result<Egressd<'lab>> {
        self.start(lab, node, manifests, &[])
    }

    fn start<'lab>(
        &self,
        lab: &'lab Lab,
        node: &'lab Node,
        manifests: &Directory,
        arguments: &[&str],
    ) -> Result<Egressd<'lab>> {
        let mut command = self.command(node, &["run", "--node", node.name(), "--manifests"]);
        command.arg(manifests.path()).arg("--state-dir").arg(manifests.state_of(node.name()));
        command.arg("--socket").arg(manifests.socket_of(node.name())).args(arguments);
        self.spawn(lab, node, command)
    }

    /// Starts a command of [`Self::command`], and captures its output.
    pub(crate) fn spawn<'lab>(&self, lab: &'lab Lab, node: &'lab Node, mut command: Command) -> Result<Egressd<'lab>> {
        let log = NamedTempFile::new()?;
        let output = || File::options().append(true).open(log.path());
        command.stdout(output()?).stderr(output()?).stdin(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {}", self.path.display()))?;
        Ok(Egressd { child, log, page: 0, lab, node })
    }

    /// Starts `egressd` with these arguments on the lab's node.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin<'lab>(&self, lab: &'lab Lab, arguments: &[&str]) -> Result<Egressd<'lab>> {
        self.spawn(lab, lab.node(), self.command(lab.node(), arguments))
    }

    /// Runs `egressd` with these arguments on the lab's node, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(&self, lab: &Lab, arguments: &[&str]) -> Result<Output> {
        self.command(lab.node(), arguments).output().with_context(|| format!("cannot start {}", self.path.display()))
    }

    /// Runs `egressd diff` on the lab's node: its exit code, and what it printed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn diff(&self, lab: &Lab, manifests: &Directory) -> Result<(Option<i32>, String)> {
        let mut command = self.command(lab.node(), &["diff", "--node", NODE_NAME, "--manifests"]);
        let output = command.arg(manifests.path()).arg("--state-dir").arg(manifests.state_of(NODE_NAME)).output()?;
        Ok((output.status.code(), text(&output)))
    }

    /// Runs `egressd status` with more arguments: its exit code, and what it printed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn status(&self, lab: &Lab, manifests: &Directory, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let mut command = self.command(lab.node(), &["status", "--socket"]);
        let output = command.arg(manifests.socket_of(NODE_NAME)).args(arguments).output()?;
        Ok((output.status.code(), text(&output)))
    }

    /// Runs `egressd probe` with a question and more arguments: its exit code, and what it printed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn probe(&self, lab: &Lab, manifests: &Directory, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let mut command = self.command(lab.node(), &["probe", "--socket"]);
        let output = command.arg(manifests.socket_of(NODE_NAME)).args(arguments).output()?;
        Ok((output.status.code(), text(&output)))
    }

    /// Runs `egressd clean` on the lab's node.
    ///
    /// # Errors
    /// When it fails.
    pub fn clean(&self, lab: &Lab) -> Result<()> {
        let output = self.output(lab, &["clean"])?;
        ensure!(output.status.success(), "egressd clean failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// `egressd` with these arguments on a node.
    pub(crate) fn command(&self, node: &Node, arguments: &[&str]) -> Command {
        let path = self.path.to_string_lossy().into_owned();
        let mut parts = self.before.iter().chain([&path]);
        let mut command = node.namespace.command(parts.next().unwrap_or(&path));
        command.args(parts);
        command.args(arguments).env("EGRESSD_LOCK_DIR", node.locks());
        // Where --socket does not name another. The machine's own is no business of a trial.
        command.env("EGRESSD_SOCKET", node.locks().join("egressd.sock")).envs(self.environment.iter().cloned());
        command
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A running `egressd run`. Dropping it is `kill -9`.
#[derive(Debug)]
pub struct Egressd<'lab> {
    child: Child,
    log: NamedTempFile,
    /// The start of the part of the log that [`Egressd::wait_until_log_has`] searches.
    page: usize,
    lab: &'lab Lab,
    node: &'lab Node,
}

impl Egressd<'_> {
    /// The whole log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time, or not with exit code 0.
    pub fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let status = self.ended_within(DEADLINE)?;
        ensure!(status.success(), "egressd ended with {status}\n{}", self.circumstances());
        Ok(())
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn terminate(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("cannot send SIGTERM to egressd")
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "egressd ended by itself\n{}", self.circumstances());
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it in its tracks (SIGSTOP) while something is done, as a node under load does.
    ///
    /// # Errors
    /// When it is not there any more, or what is done fails.
    pub fn paused<T>(&self, meanwhile: impl FnOnce() -> Result<T>) -> Result<T> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).context("cannot send SIGSTOP to egressd")?;
        let done = meanwhile();
        kill_process(pid, Signal::CONT).context("cannot send SIGCONT to egressd")?;
        done
    }

    /// Asks until the answer is yes. The error has the program's log and the node's rules.
    ///
    /// # Errors
    /// When asking fails, when it is still no at the deadline, or when the program ends meanwhile.
    pub fn wait_until(&mut self, what: &str, mut ask: impl FnMut() -> Result<bool>) -> Result<()> {
        let child = &mut self.child;
        let waited = wait_until(what, DEADLINE, || {
            if let Some(status) = child.try_wait()? {
                bail!("egressd ended ({status}) while it was waited until {what}");
            }
            ask()
        });
        waited.map_err(|error| self.explain(&error))
    }

    /// Waits until it has logged a text since it was started, or since [`Self::turn_page`].
    ///
    /// # Errors
    /// As [`Self::wait_until`].
    pub fn wait_until_log_has(&mut self, text: &str) -> Result<()> {
        let (path, page) = (self.log.path().to_owned(), self.page);
        self.wait_until(&format!("its log says {text:?}"), || {
            Ok(fs::read_to_string(&path)?.get(page..).is_some_and(|log| log.contains(text)))
        })
    }

    /// Waits until it has ended by itself; its exit code.
    ///
    /// # Errors
    /// When it goes on.
    pub fn ended(&mut self) -> Result<Option<i32>> {
        Ok(self.ended_within(DEADLINE)?.code())
    }

    /// [`Self::wait_until_log_has`] ignores what was logged until now.
    pub fn turn_page(&mut self) {
        self.page = self.log().len();
    }

    /// Waits until a pod's calls are seen as expected.
    ///
    /// # Errors
    /// As [`Self::wait_until`].
    pub fn wait_until_seen(&mut self, pod: &Pod, destination: impl Into<Destination>, expected: Seen) -> Result<()> {
        let (lab, destination) = (self.lab, destination.into());
        self.wait_until(&format!("pod {} is seen as {expected} at {destination}", pod.number), || {
            match lab.seen_from(pod, destination, Protocol::Tcp) {
                // It began before the change that is waited for, which severed it.
                Err(error) if is_reset(&error) => Ok(false),
                seen => Ok(seen? == expected),
            }
        })
    }

    /// As [`Lab::expect_seen`]; the error has the program's log and the node's rules.
    ///
    /// # Errors
    /// When a pod's call is seen as something else.
    pub fn expect_seen(
        &self,
        pod: &Pod,
        destination: impl Into<Destination>,
        protocol: Protocol,
        expected: impl Into<Seen>,
    ) -> Result<()> {
        self.lab.expect_seen(pod, destination, protocol, expected).map_err(|error| self.explain(&error))
    }

    /// The log and the node's rules, for an error message.
    pub fn circumstances(&self) -> String {
        let rules = self.node.ruleset().unwrap_or_else(|error| format!("{error:#}"));
        format!("--- egressd's log ---\n{}--- the rules on the node ---\n{rules}---", self.log())
    }

    fn explain(&self, error: &Error) -> Error {
        anyhow!("{error:#}\n{}", self.circumstances())
    }

    fn ended_within(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(begun.elapsed() < patient(deadline), "egressd does not end\n{}", self.circumstances());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Egressd<'_> {
    fn drop(&mut self) {
        // Already ended is as good.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

fn is_reset(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}
