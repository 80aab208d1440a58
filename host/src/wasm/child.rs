//! The parent's side of a compilation in a process of its own: starts it, feeds it, waits for it no longer than it
//! may take, and says what it died of.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::bounds::MAX_COMPONENT;
use super::cgroup;
use super::confine::CPU;
use super::error::Error;
use super::invalid_component::InvalidComponent;
use super::lack::Lack;
use super::memory_budget::InsufficientMemory;
use super::memory_budget::{MemoryBudget, memory_budget};
use crate::clock;

/// What the child is called with; hidden from people.
pub const SUBCOMMAND: &str = "compile-policy";

/// Exit code: the sentence on stderr is about the component. Others are about the child, or of clap and panics.
pub(super) const REFUSED: i32 = 3;

/// How long to wait for it. It has a sixth of that of the processor, and lets all others go first: on a node
/// whose processors are busy it gets a tenth of one, which is enough for a policy of a usual size.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of native code. It is some four times as large as the component, and the parent keeps it in memory.
const MAX_NATIVE: usize = 32 << 20;

/// Bytes of what it says.
const MAX_STDERR: usize = 4 << 10;

/// Why there is no native code.
pub(super) enum Failure {
    /// The component's fault.
    InvalidComponent(InvalidComponent),
    /// The container's.
    InsufficientMemory(InsufficientMemory),
    /// The system's.
    System(io::Error),
}

impl Failure {
    pub(super) fn about(self, policy: &str) -> Error {
        let policy = policy.to_owned();
        match self {
            Self::InvalidComponent(source) => Error::Refused { policy, source },
            Self::InsufficientMemory(source) => Error::InsufficientMemory { policy, source },
            Self::System(source) => Error::Child { policy, source },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// What a child made of a component.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) native: Vec<u8>,
    /// The processor time that it took.
    pub(super) took: Duration,
}

/// The component's native code. The child inspects it too: reading it is work on hostile bytes like compiling it.
/// `lacking` is for what the child could not give up before, however it ended.
pub(super) fn compile(program: &Path, bytes: &[u8], lacking: impl FnOnce(&[Lack])) -> Result<Compiled, Failure> {
    if bytes.len() > MAX_COMPONENT {
        return Err(Failure::InvalidComponent(InvalidComponent::Large { bytes: bytes.len() }));
    }
    let budget = memory_budget(&cgroup::levels()).map_err(Failure::InsufficientMemory)?;
    let result = run(program, bytes, &ChildLimits { budget, clock: COMPILE_TIMEOUT })?;
    lacking(&result.lacks);
    if let Some(failure) = cause(&result, budget) {
        return Err(failure);
    }
    if !result.status.is_some_and(|status| status.success()) {
        return Err(Failure::System(io::Error::other(result.output)));
    }
    Ok(Compiled { native: result.native, took: result.took })
}

/// What a child may have.
struct ChildLimits {
    budget: MemoryBudget,
    clock: Duration,
}

/// How a child ended.
struct ChildResult {
    /// None: it was not done in time, and killed.
    status: Option<ExitStatus>,
    native: Vec<u8>,
    output: String,
    lacks: Vec<Lack>,
    /// The processor time that it used.
    took: Duration,
}

/// Not left behind, however the parent goes on.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // It may have ended and been reaped already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &Path, bytes: &[u8], limits: &ChildLimits) -> io::Result<ChildResult> {
    let mut child = KillOnDrop(start(program, limits.budget)?);
    let stdin = child.0.stdin.take();
    let stdout = child.0.stdout.take();
    let stderr = child.0.stderr.take();
    scope(|scope| {
        // It may end before it has read everything; its last output says why.
        let fed = spawn(scope, move || drop(stdin.map(|mut stdin| stdin.write_all(bytes))))?;
        let native = spawn(scope, move || at_most(stdout, MAX_NATIVE))?;
        let output = spawn(scope, move || at_most(stderr, MAX_STDERR))?;
        let result = wait(&mut child.0, limits.clock);
        // Ends the three threads, whose pipes are closed then.
        drop(child);
        let _ = fed.join();
        let (native, output) = (native.join().unwrap_or_default(), output.join().unwrap_or_default());
        let (status, took) = result?;
        let (lacks, output) = separated(&String::from_utf8_lossy(&output));
        Ok(ChildResult { status, native, output, lacks, took })
    })
}

/// What it lacks, and everything else that it says.
fn separated(output: &str) -> (Vec<Lack>, String) {
    let lacks = output.lines().filter_map(Lack::read).collect();
    let output: Vec<&str> = output.lines().filter(|line| Lack::read(line).is_none()).collect();
    (lacks, output.join("\n").trim().to_owned())
}

fn start(program: &Path, budget: MemoryBudget) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg0("egressd").arg(SUBCOMMAND).arg(budget.bytes.to_string()).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name("wasm-compile".to_owned()).spawn_scoped(scope, work)
}

/// What comes, up to one byte more than the most.
fn at_most(pipe: Option<impl Read>, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read until an error is judged by how the child ends.
        let _ = pipe.take(most as u64 + 1).read_to_end(&mut bytes);
    }
    bytes
}

/// A stopped child never ends, so the end is waited for by the clock.
fn wait(child: &mut Child, clock: Duration) -> io::Result<(Option<ExitStatus>, Duration)> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let until = clock::now() + clock;
    loop {
        let left = until.saturating_duration_since(clock::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok((None, CPU)),
            Ok(_) => {
                let took = processor_time(child);
                return Ok((Some(child.wait()?), took));
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a child that has ended used of the processors, for its parent to ask before it is reaped.
fn processor_time(child: &Child) -> Duration {
    // SAFETY: all bytes zero are a usage and an answer, and the kernel writes to these and to nothing else. It knows the
    // child's number until the child is reaped, which this does not do.
    let usage = unsafe {
        let (mut usage, mut answer): (libc::rusage, libc::siginfo_t) = std::mem::zeroed();
        let (kind, options) = (libc::P_PID, libc::WEXITED | libc::WNOWAIT);
        libc::syscall(libc::SYS_waitid, kind, child.id(), &raw mut answer, options, &raw mut usage);
        usage
    };
    [usage.ru_utime, usage.ru_stime].into_iter().map(duration).sum()
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}

/// What it failed of; none when it is well, or failed for another reason than the component.
fn cause(result: &ChildResult, budget: MemoryBudget) -> Option<Failure> {
    let failed = result.status.is_some_and(|status| !status.success());
    // Rust's last line before it aborts, and the error of those who ask for memory and take no for an answer.
    let starved = ["memory allocation of", "out of memory"].iter().any(|line| result.output.contains(line));
    match budget.limit {
        _ if !failed || !starved => fault(result).map(Failure::InvalidComponent),
        Some(limit) => Some(Failure::InsufficientMemory(InsufficientMemory::UsedUp { limit })),
        None => Some(Failure::InvalidComponent(InvalidComponent::Space { most: budget.bytes })),
    }
}

fn signal(result: &ChildResult) -> Option<Signal> {
    result.status.and_then(|status| status.signal()).and_then(Signal::from_named_raw)
}

/// What the component did to it.
fn fault(result: &ChildResult) -> Option<InvalidComponent> {
    let Some(status) = result.status else { return Some(InvalidComponent::Clock { most: COMPILE_TIMEOUT }) };
    if result.native.len() > MAX_NATIVE {
        return Some(InvalidComponent::NativeLarge { most: MAX_NATIVE });
    }
    match (signal(result), status.code()) {
        (Some(Signal::XCPU), _) => Some(InvalidComponent::Time { most: CPU }),
        (Some(Signal::SYS), _) => Some(InvalidComponent::Reached),
        (Some(Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL), _) | (None, Some(PANICKED)) => {
            Some(InvalidComponent::GaveUp { what: result.output.lines().take(2).collect::<Vec<_>>().join(" ") })
        }
        (Some(signal), _) => Some(InvalidComponent::Killed { signal: signal.as_raw() }),
        (None, Some(REFUSED)) => Some(InvalidComponent::Rejected(result.output.clone())),
        (None, Some(_) | None) => None,
    }
}

/// What a Rust program exits with after a panic.
const PANICKED: i32 = 101;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {

    use super::*;
    use crate::wasm::confine::MEMORY;

    const AMPLE: MemoryBudget = MemoryBudget { bytes: MEMORY, limit: None };

    /// Another process writes it: what another test starts in that moment would have the open file as well, and the kernel
    /// runs no file that is open for writing.
    fn write_program(program: &Path, text: &str) {
        let write = ["-c", "printf %s \"$1\" > \"$2\" && chmod 0700 \"$2\"", "sh", text];
        assert!(Command::new("sh").args(write).arg(program).status().unwrap().success());
    }

    fn script(text: &str, clock: Duration) -> ChildResult {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        write_program(&program, text);
        run(&program, &[0; 1 << 20], &ChildLimits { budget: AMPLE, clock }).unwrap()
    }

    #[test]
    fn a_child_that_hangs_is_not_waited_for() {
        for hanging in ["#!/bin/sh\nexec /bin/sleep 1000\n", "#!/bin/sh\nkill -STOP $$\n"] {
            let result = script(hanging, Duration::from_millis(100));
            assert!(matches!(cause(&result, AMPLE), Some(Failure::InvalidComponent(InvalidComponent::Clock { .. }))));
        }
    }

    #[test]
    fn a_child_may_have_what_there_is_room_for() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        write_program(&program, "#!/bin/sh\necho \"$@\" >&2\n");
        let budget = MemoryBudget { bytes: 300 << 20, limit: Some(512 << 20) };
        assert_eq!(
            run(&program, &[], &ChildLimits { budget, clock: COMPILE_TIMEOUT }).unwrap().output,
            "compile-policy 314572800"
        );
    }

    #[test]
    fn a_child_that_talks_without_an_end_is_cut_off() {
        let result = script("#!/bin/sh\nwhile :; do echo no result >&2; done\n", Duration::from_secs(1));
        assert!(result.output.len() <= MAX_STDERR + 1, "{}", result.output.len());
    }

    fn output(result: &ChildResult) -> String {
        match cause(result, AMPLE) {
            Some(Failure::InvalidComponent(invalid_component)) => invalid_component.to_string(),
            Some(Failure::InsufficientMemory(_) | Failure::System(_)) | None => panic!("the component is not to blame"),
        }
    }

    #[test]
    fn a_child_that_the_kernel_kills_is_reported_as_killed() {
        let result = script("#!/bin/sh\nkill -KILL $$\n", COMPILE_TIMEOUT);
        let output = output(&result);
        assert!(output.starts_with("compiling it was ended by the kernel with signal 9"), "{output}");
    }

    #[test]
    fn running_out_of_memory_and_out_of_stack_are_distinguished() {
        let died = |output: &str| script(&format!("#!/bin/sh\necho '{output}' >&2\nkill -ABRT $$\n"), COMPILE_TIMEOUT);
        let full = died("memory allocation of 64 bytes failed");
        assert!(matches!(
            cause(&full, AMPLE),
            Some(Failure::InvalidComponent(InvalidComponent::Space { most: MEMORY }))
        ));
        let cramped = MemoryBudget { bytes: 300 << 20, limit: Some(512 << 20) };
        let Some(Failure::InsufficientMemory(blamed)) = cause(&full, cramped) else {
            panic!("the container is to blame")
        };
        assert!(blamed.to_string().contains("the limit of egressd's container, 512 MiB, leaves"), "{blamed}");
        let refused =
            script("#!/bin/sh\necho 'cannot read the component: out of memory' >&2\nexit 1\n", COMPILE_TIMEOUT);
        assert!(matches!(cause(&refused, cramped), Some(Failure::InsufficientMemory(_))));
        let output = output(&died("thread main has overflowed its stack"));
        assert!(
            output.ends_with("defect of the compiler and not of egressd: thread main has overflowed its stack"),
            "{output}"
        );
    }

    #[test]
    fn a_program_that_cannot_compile_is_no_fault_of_the_policy() {
        let result = script("#!/bin/sh\nexit 7\n", COMPILE_TIMEOUT);
        assert!(cause(&result, AMPLE).is_none());
    }
}
