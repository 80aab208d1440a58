//! The system calls that a compiler needs, as the kernel's filter: memory, the three streams, its own end. Another call
//! ends the process. An error instead would leave whoever took it over to go on trying, and would make of a call that
//! was forgotten here a component that is miscompiled or refused for a reason that is none.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::{EINVAL, ENOSYS, PROT_EXEC};
use rustix::process::getpid;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::lack::Lack;

/// Whatever their arguments. Memory; the streams, which are all that is open; locks; the clock and chance, where the C
/// library asks the kernel for them; the handlers that wasmtime and Rust install, and what they do; the end.
const FREE: [libc::c_long; 21] = [
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
];

/// For this process and those that it will never have.
pub(super) fn install() -> Result<(), Lack> {
    // No filter can be made for another processor than these crates know, or for too many rules: as if there were none.
    let program = program().map_err(|_| Lack::Filter { errno: ENOSYS })?;
    apply_filter(&program).map_err(|error| match error {
        Error::Prctl(error) | Error::Seccomp(error) => Lack::Filter { errno: error.raw_os_error().unwrap_or(EINVAL) },
        Error::Backend(_) | Error::EmptyFilter | Error::ThreadSync(_) => Lack::Filter { errno: EINVAL },
    })
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut calls: BTreeMap<_, _> = FREE.into_iter().chain([libc::SYS_exit_group]).map(|call| (call, vec![])).collect();
    let never_run = || SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(PROT_EXEC as u64), 0);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        calls.insert(call, vec![SeccompRule::new(vec![never_run()?])?]);
    }
    // To abort, itself: egressd has the same user. The only thread has the number of the process.
    let own = || {
        let own = u64::from(getpid().as_raw_pid().unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)
    };
    for call in [libc::SYS_tgkill, libc::SYS_tkill] {
        calls.insert(call, vec![SeccompRule::new(vec![own()?])?]);
    }
    let architecture = TargetArch::try_from(ARCH)?;
    SeccompFilter::new(calls, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn there_is_a_filter_for_each_processor_that_egressd_is_built_for() {
        for architecture in ["x86_64", "aarch64"] {
            assert!(TargetArch::try_from(architecture).is_ok());
        }
        assert!(!program().unwrap().is_empty());
    }
}
