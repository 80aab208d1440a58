//! Network namespaces that live as long as a thread.

use std::{fs, panic, thread};

use rustix::{
    process::{getgid, getuid},
    thread::{UnshareFlags, unshare_unsafe},
};

/// Makes this process able to create network namespaces. Call it before any thread is started: the kernel gives a
/// user namespace to processes with one thread only.
pub(crate) fn acquire_rights() -> Result<(), String> {
    if enter(UnshareFlags::NEWNET).is_ok() {
        return Ok(());
    }
    let (user, group) = (getuid(), getgid());
    enter(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).map_err(|error| format!("no network namespace: {error}"))?;
    let map =
        |file: &str, text: &str| fs::write(format!("/proc/self/{file}"), text).map_err(|e| format!("{file}: {e}"));
    map("setgroups", "deny")?;
    map("uid_map", &format!("0 {} 1", user.as_raw()))?;
    map("gid_map", &format!("0 {} 1", group.as_raw()))
}

/// Runs something in a network namespace of its own, and passes its panic on.
pub(crate) fn run_in_fresh(run: &'static (impl Fn() + Sync)) {
    let on_thread = thread::spawn(move || {
        enter(UnshareFlags::NEWNET).unwrap();
        run();
    });
    if let Err(panic) = on_thread.join() {
        panic::resume_unwind(panic);
    }
}

fn enter(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: new namespaces change nothing that Rust relies on; file descriptors stay shared.
    unsafe { unshare_unsafe(flags) }
}
