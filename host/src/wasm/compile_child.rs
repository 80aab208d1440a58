//! The child's side of a compilation: a process that gives up all it can before it looks at the component.

use std::fs;
use std::io::{self, Read, Write, stderr, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;

use super::compiler::native_code;
use super::{MOST_BYTES, Unfit};

/// What the child is called with; hidden from people.
pub const SUBCOMMAND: &str = "compile-policy";

/// Processor time. The built-in policy takes 0.1 s, an interpreter of 1 MB some 2 s.
pub(super) const CPU: Duration = Duration::from_secs(10);

/// Bytes of address space, and so a bound for memory: the largest that passes the checks took 381 MB. 150 MB are the
/// program itself with its debug information. A parent whose container has less gives less.
pub(super) const MEMORY: u64 = 768 << 20;

/// Open files: the three pipes, and some for the libraries.
const FILES: u64 = 16;

/// So much nicer than egressd: the datapath goes first.
const NICE: i32 = 10;

/// Exit code: the sentence on stderr is about the component. Others are about the child, or of clap and panics.
pub(super) const REFUSED: i32 = 3;

/// Why a child gives up.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot limit what the compiler may use: {0}")]
    Confine(io::Error),
    #[error("cannot read the component: {0}")]
    Read(io::Error),
    #[error("cannot write the native code: {0}")]
    Write(io::Error),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// What this program does when it is executed with [`SUBCOMMAND`], and how many bytes of address space it may have: a
/// component on stdin becomes native code on stdout, or a sentence on stderr.
pub fn compile_child(memory: Option<u64>) -> ExitCode {
    let Err(error) = work(memory.unwrap_or(MEMORY)) else { return ExitCode::SUCCESS };
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(stderr(), "{error}");
    match error {
        Error::Unfit(_) => ExitCode::from(REFUSED as u8),
        Error::Confine(_) | Error::Read(_) | Error::Write(_) => ExitCode::FAILURE,
    }
}

fn work(memory: u64) -> Result<(), Error> {
    confine(memory).map_err(Error::Confine)?;
    let mut bytes = Vec::new();
    stdin().lock().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(Error::Read)?;
    let native = native_code(&bytes)?;
    stdout().lock().write_all(&native).map_err(Error::Write)
}

/// Before the first byte of the component.
fn confine(memory: u64) -> io::Result<()> {
    // For the kernel the parent is the thread that waits, which is as good: nobody else takes the native code.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    nice(NICE)?;
    close_files();
    // When memory is short on the node, the compiler goes and not the datapath; in a container that the kernel ends as a
    // whole, only the limit below keeps it away from that. Without /proc it must do without.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nofile, FILES)?;
    // The soft limit sends SIGXCPU, which nobody catches, and tells it from the kernel's other kills.
    limit(Resource::Cpu, CPU.as_secs() + 1)?;
    let hard = getrlimit(Resource::Cpu).maximum;
    setrlimit(Resource::Cpu, Rlimit { current: Some(CPU.as_secs()).min(hard), maximum: hard })?;
    limit(Resource::As, memory.min(MEMORY))
}

/// Where egressd itself is limited to less, that stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |already| already.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Whatever the parent or its parents left open. egressd opens everything with `O_CLOEXEC`, so a kernel before 5.9,
/// which has no such call, loses nothing.
fn close_files() {
    // SAFETY: nothing in this process has opened a file yet, so none that is closed here is anybody's. By number,
    // because not every C library has a function for it.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
