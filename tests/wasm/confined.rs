//! The compiling process: the privileges that it drops before it reads the first byte, and its end when it uses
//! another.

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use egressd::policies::{Objects, PolicyState};
use egressd::wasm::{self, Lack};
use egressd_core::policy::Limits;

use crate::budget::{CountingCompiler, policy, states};

/// A compiler process that waits for a component.
struct WaitingChild(Child);

impl Drop for WaitingChild {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl WaitingChild {
    /// The filter comes last, so a process with it has dropped everything.
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_egressd"));
        let command = command.arg(wasm::SUBCOMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = Self(command.spawn().unwrap());
        wait_until(|| child.status("Seccomp") == "2");
        child
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap()
    }

    fn status(&self, field: &str) -> String {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    fn open_files(&self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap();
        let mut files: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let again = |_| {
        thread::sleep(Duration::from_millis(10));
        done()
    };
    assert!((0..3000).any(again));
}

#[test]
fn a_child_drops_all_its_privileges_before_it_reads_a_component() {
    let child = WaitingChild::start();
    let limits = child.file("limits");
    let limits: Vec<String> =
        limits.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "Max address space 805306368 ",
        "Max cpu time 10 11 ",
        "Max core file size 0 0 ",
        "Max file size 0 0 ",
        "Max open files 16 16 ",
    ] {
        assert!(limits.iter().any(|line| line.starts_with(expected)), "{expected}: {limits:?}");
    }
    assert_eq!(child.status("NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(child.status(set), format!("{:016x}", 0), "{set}");
    }
    assert_eq!(child.open_files(), ["0", "1", "2"]);
    assert_eq!(child.file("oom_score_adj").trim(), "1000");
}

/// Where the tests run without CAP_SETPCAP, as egressd's container does, it may not be cut.
#[test]
fn the_bounding_set_is_empty_where_it_may_be_cut() {
    const SETPCAP: u64 = 1 << 8;
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    let may = u64::from_str_radix(own, 16).unwrap() & SETPCAP != 0;
    let child = WaitingChild::start();
    assert_eq!(child.status("CapBnd") == format!("{:016x}", 0), may, "{own}");
}

#[test]
fn a_confined_child_compiles_to_the_end() {
    let mut child = WaitingChild::start();
    child.0.stdin.take().unwrap().write_all(wasm::built_in()).unwrap();
    let mut native = child.0.stdout.take().unwrap();
    assert!(io::copy(&mut native, &mut io::sink()).unwrap() > 100_000);
    assert!(child.0.wait().unwrap().success());
}

/// How a process ends that gave up everything and then does this.
fn run_confined(deed: fn()) -> ExitStatus {
    let mut command = Command::new("/bin/true");
    // SAFETY: the deeds are system calls; what comes before allocates, which the C library allows in a forked process.
    unsafe {
        command.pre_exec(move || {
            let lacks = wasm::confine(u64::MAX)?;
            if !lacks.iter().any(|lack| matches!(lack, Lack::Filter { .. })) {
                deed();
            }
            // The pipe to the parent is closed like everything, so a process that goes on must end here.
            libc::_exit(0)
        });
    }
    let mut child = command.spawn().unwrap();
    child.wait().unwrap()
}

#[test]
fn a_confined_process_that_does_nothing_exits_with_success() {
    assert!(run_confined(|| ()).success());
    assert!(run_confined(|| drop(std::hint::black_box(vec![1_u8; 16 << 20]))).success());
}

fn ignore<T>(_: T) {}

/// Each by its system call: what the C library does before would be ended for another one.
fn call(number: libc::c_long, first: libc::c_long) {
    // SAFETY: none of them is carried out, and none is given a place to write to.
    ignore(unsafe { libc::syscall(number, first, 1, 0, 0, 0, 0) });
}

#[test]
fn a_confined_process_that_makes_a_forbidden_call_is_killed() {
    let deeds: [(&str, fn()); 9] = [
        ("open", || ignore(fs::File::open("/proc/self/status"))),
        ("create", || ignore(fs::File::create("/tmp/egressd"))),
        ("listen", || ignore(TcpListener::bind("127.0.0.1:0"))),
        ("execute", || ignore(Command::new("/bin/true").exec())),
        ("fork", || call(libc::SYS_clone, libc::SIGCHLD.into())),
        ("signal", || call(libc::SYS_tgkill, 1)),
        ("trace", || call(libc::SYS_ptrace, libc::PTRACE_TRACEME.into())),
        ("io_uring", || call(libc::SYS_io_uring_setup, 1)),
        ("memory to execute", || {
            let (access, kind) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: new memory, wherever the kernel puts it.
            ignore(unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0) });
        }),
    ];
    for (what, deed) in deeds {
        assert_eq!(run_confined(deed).signal(), Some(libc::SIGSYS), "{what}");
    }
}

#[test]
fn missing_confinement_is_reported_once_and_does_not_stop_compilation() {
    let compiler = CountingCompiler::new();
    compiler.first("echo egressd-lacks landlock >&2; echo egressd-lacks filter 1 >&2; echo egressd-lacks all >&2");
    let mut library = compiler.library(Objects::new(), Limits::default());
    let mut loaded = library.update([policy("a", 1)]);
    for number in 2..4 {
        assert_eq!(states(&loaded), [("a", PolicyState::Enforced)].into());
        let findings: Vec<String> = loaded.findings.iter().map(|finding| finding.message.to_string()).collect();
        let [landlock, filter] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(landlock.contains("runs without Landlock"), "{landlock}");
        assert!(filter.contains("runs without a filter for system calls (Operation not permitted"), "{filter}");
        loaded = library.update([policy("a", number)]);
    }
}

#[test]
fn a_compiler_killed_by_its_seccomp_filter_is_reported_as_such() {
    let compiler = CountingCompiler::new();
    compiler.first("kill -SYS $$");
    let mut library = compiler.library(Objects::new(), Limits::default());
    let loaded = library.update([policy("a", 1)]);
    let trouble = loaded.reports.iter().find_map(|report| report.trouble.clone()).unwrap();
    assert!(trouble.contains("for something that no compiler needs, so it was ended (signal 31)"), "{trouble}");
    assert_eq!(library.next_try(), None);
}
