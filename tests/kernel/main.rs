//! The kernel room against the real nf_tables.
//!
//! Every trial has a network namespace of its own, so they run side by side and leave nothing behind. Without root
//! a user namespace gives the rights; where the kernel forbids that too, the trials are reported as ignored.

#![expect(clippy::unwrap_used, reason = "a test says with a panic what went wrong")]
#![expect(clippy::print_stderr, reason = "the reason for skipping is for the terminal")]

mod namespace;
mod nft;
mod outside;
mod sample;
mod trials;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let rights = namespace::acquire_rights();
    if let Err(reason) = &rights {
        eprintln!("skipped: {reason}");
    }
    let trials = trials::ALL.iter().chain(outside::ALL).map(|(name, run)| {
        let ignored = rights.is_err();
        let in_namespace = || {
            namespace::run_in_fresh(run);
            Ok(())
        };
        Trial::test(*name, in_namespace).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
