//! What a compiling process gives up before it reads its first byte. What it cannot give up it says, and goes on: a
//! kernel without these means is no reason to go without policies.

use std::fs;
use std::io;
use std::time::Duration;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

use super::filter;
use super::lack::Lack;

/// Processor time. The built-in policy takes 0.1 s, an interpreter of 1 MB some 2 s.
pub(super) const CPU: Duration = Duration::from_secs(10);

/// Bytes of address space, and so a bound for memory: the largest that passes the checks took 381 MB. 150 MB are the
/// program itself with its debug information. A parent whose container has less gives less.
pub(super) const MEMORY: u64 = 768 << 20;

/// Open files: the three pipes, and some for the libraries.
const FILES: u64 = 16;

/// So much nicer than egressd: the datapath goes first.
const NICE: i32 = 10;

/// The newest rights of Landlock that are handled, and so refused; a kernel that knows fewer refuses those.
const RIGHTS: ABI = ABI::V10;

/// Gives up everything that a compiler does not need: capabilities, files, the network, system calls, and more than
/// `memory` bytes of address space. What is left are the three standard streams. Only for a process of one thread, and
/// there is no way back.
///
/// # Errors
/// When the process cannot be limited at all. What the kernel lacks is no error, and is returned.
pub fn confine(memory: u64) -> io::Result<Vec<Lack>> {
    limit_all(memory)?;
    let lacks = [capabilities(), landlock(), filter::install()];
    Ok(lacks.into_iter().filter_map(Result::err).collect())
}

fn limit_all(memory: u64) -> io::Result<()> {
    // For the kernel the parent is the thread that waits, which is as good: only that thread takes the native code.
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
    // The soft limit sends SIGXCPU, which has no handler, which distinguishes it from the kernel's other kills.
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
    // SAFETY: nothing in this process has opened a file yet, so none that is closed here is in use. By number,
    // because not every C library has a function for it.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

/// All of them in all sets. The bounding set can be cut only with CAP_SETPCAP, which egressd's container has not; it
/// gives nothing to a process that can execute no program.
fn capabilities() -> Result<(), Lack> {
    for number in 0..u64::BITS {
        // The first that the kernel does not know, or does not drop, ends it.
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)).is_err() {
            break;
        }
    }
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let refused = |error: Errno| Lack::Capabilities { errno: error.raw_os_error() };
    // Kernels before 4.3 have no ambient set.
    clear_ambient_capability_set()
        .or_else(|error| if error == Errno::INVAL { Ok(()) } else { Err(error) })
        .map_err(refused)?;
    set_capabilities(None, none).map_err(refused)
}

/// No right to any file, and where the kernel has it, to TCP, to abstract sockets and to signals for others.
fn landlock() -> Result<(), Lack> {
    let ruleset = || {
        let ruleset = Ruleset::default().handle_access(AccessFs::from_all(RIGHTS))?;
        let ruleset = ruleset.handle_access(AccessNet::from_all(RIGHTS))?.scope(Scope::from_all(RIGHTS))?;
        ruleset.create()?.restrict_self()
    };
    match ruleset().map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) | Err(_) => Err(Lack::Landlock),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    /// Both concern the calling thread alone.
    fn apart<T: Send>(deed: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(deed).join().unwrap())
    }

    #[test]
    fn what_landlock_takes_is_files_and_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        apart(|| match landlock() {
            Ok(()) => {
                assert_eq!(File::open("/proc/self/status").unwrap_err().kind(), ErrorKind::PermissionDenied);
                assert_eq!(File::create("/tmp/egressd").unwrap_err().kind(), ErrorKind::PermissionDenied);
                // Kernels before 6.7 leave the network to the filter.
                let _ =
                    TcpStream::connect(address).map_err(|error| assert_eq!(error.kind(), ErrorKind::PermissionDenied));
            }
            Err(lack) => assert_eq!(lack, Lack::Landlock),
        });
        assert!(File::open("/proc/self/status").is_ok(), "the other threads keep their rights");
    }

    #[test]
    fn no_capability_is_left_in_a_set_that_gives_any() {
        let status = apart(|| {
            capabilities().unwrap();
            fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(status.contains(&format!("{set}:\t{:016x}\n", 0)), "{set}: {status}");
        }
    }
}
