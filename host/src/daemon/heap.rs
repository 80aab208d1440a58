//! The process's heap. What is free in it goes back to the system: a large file or a start of thousands of Services takes a
//! multiple of what stays, and the allocator would keep that for a time that may never come.
//!
//! glibc's alone; other C libraries give back by themselves, or never.

use std::fs;

/// What is at least so large has pages of its own, which go back as soon as it is freed. Without a number glibc takes the
/// size of the largest that was freed so far, up to 32 MiB, and then nothing comes back.
const LARGE: i32 = 256 << 10;

/// So much may be free at the end of the heap. Without a number it is twice what is large.
const END: i32 = 1 << 20;

/// Settles what goes back by itself. Before there are other threads.
pub fn begin() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets two numbers of the allocator, which are in its range; where it refuses, they stay as they were.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, END);
    }
}

/// Gives whole pages back that nothing is in. Whoever allocates meanwhile waits.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bytes that are resident and of no file; none where the system does not say it.
pub fn resident() -> Option<u64> {
    anonymous(&fs::read_to_string("/proc/self/status").ok()?)
}

fn anonymous(status: &str) -> Option<u64> {
    let number = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?.trim().strip_suffix(" kB")?;
    number.parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_resident_is_read_as_the_kernel_writes_it() {
        assert_eq!(anonymous("VmRSS:\t   65112 kB\nRssAnon:\t   17688 kB\nRssFile:\t 1 kB\n"), Some(17_688 << 10));
        assert_eq!(anonymous("VmRSS:\t   65112 kB\n"), None);
        assert!(resident().unwrap() > 0);
    }
}
