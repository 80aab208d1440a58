//! The module `kernel` against the real nf_tables.
//!
//! Every trial has a network namespace of its own, so they run side by side and leave nothing behind. Without root a
//! user namespace gives the rights; where the kernel forbids that too, the trials are counted as ignored, or fail where
//! they must run.

#![expect(clippy::unwrap_used, reason = "a test says with a panic what went wrong")]

mod connected;
mod diverted;
mod entering;
mod neighbours;
mod nft;
mod outside;
mod probing;
mod ranges;
mod sample;
mod terms;
mod trials;
mod tunnel;
mod tunnelled;
mod vocabulary;
mod xfrm;

use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;

use anyhow::Result;
use lab::{Namespace, Test, Unsupported};

fn main() -> ExitCode {
    let all: Vec<Test> = [
        trials::ALL,
        ranges::ALL,
        outside::ALL,
        connected::ALL,
        vocabulary::ALL,
        neighbours::ALL,
        xfrm::ALL,
        tunnel::ALL,
        tunnelled::ALL,
        probing::ALL,
        diverted::ALL,
        entering::ALL,
    ]
    .concat();
    lab::main(&all)
}

/// Runs a trial in a network namespace of its own, and passes its panic on.
fn in_namespace(trial: fn()) -> Result<()> {
    let namespace = Namespace::new()?;
    match catch_unwind(|| namespace.run(trial)) {
        Ok(entered) => Ok(entered?),
        Err(panic) => match panic.downcast::<Unsupported>() {
            Ok(unable) => Err((*unable).into()),
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// Ends a trial that this machine cannot run: it counts as ignored, never as passed.
fn unable(why: &str) -> ! {
    resume_unwind(Box::new(Unsupported(why.to_owned())))
}
