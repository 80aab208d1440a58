//! Processor time. Other load on the machine affects wall-clock time, and hardly this.

use std::mem::zeroed;
use std::time::Duration;

/// What this thread has used, the kernel's work for it with it: nf_tables does all of it inside `send`.
pub(crate) fn thread() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of all threads of this process.
pub(crate) fn process() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// What the children of this process used that have ended.
pub(crate) fn children() -> Duration {
    // SAFETY: all bytes zero are a usage, and the kernel writes to it and to nothing else.
    let usage = unsafe {
        let mut usage: libc::rusage = zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0, "getrusage");
        usage
    };
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// The time that some work takes by a clock.
pub(crate) fn used<T>(clock: fn() -> Duration, work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = clock();
    let result = work();
    (result, clock() - begun)
}

fn read(clock: libc::clockid_t) -> Duration {
    // SAFETY: all bytes zero are a time, and the kernel writes to it and to nothing else.
    let time = unsafe {
        let mut time: libc::timespec = zeroed();
        assert_eq!(libc::clock_gettime(clock, &raw mut time), 0, "clock_gettime");
        time
    };
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}
