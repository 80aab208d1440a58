//! The harness of a test binary that builds labs.
//!
//! The standard harness starts threads before any code of ours runs, and then it is too late to become root in a
//! user namespace. So a test binary has `harness = false` and one line: `lab::tests![first, second];`. A test is
//! a plain function whose name is a sentence.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::privilege::{Readiness, prepare};

/// A test: its name and what it does. [`tests!`](crate::tests) makes them.
pub type Test = (&'static str, fn() -> Result<()>);

/// Why one test cannot run on a machine where others can. A test that fails with it is printed and counted as ignored.
#[derive(Debug)]
pub struct Unable(pub String);

impl Error for Unable {}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes `main` for a test binary whose tests are the given functions.
#[macro_export]
macro_rules! tests {
    (if $also:path; $($test:path),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main_if($also, &[$((stringify!($test), $test)),*])
        }
    };
    ($($test:path),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main(&[$((stringify!($test), $test)),*])
        }
    };
}

/// Runs the tests, or says in one line why they cannot run here.
pub fn main(tests: &[Test]) -> ExitCode {
    main_if(|| Ok(Readiness::Ready), tests)
}

/// The same, for tests that need more of the machine than labs do.
#[expect(clippy::print_stderr, reason = "a test binary talks to whoever ran it")]
pub fn main_if(also: fn() -> Result<Readiness>, tests: &[Test]) -> ExitCode {
    let arguments = Arguments::from_args();
    let prepared = prepare().and_then(|readiness| match readiness {
        Readiness::Ready => also(),
        Readiness::Skip(why) => Ok(Readiness::Skip(why)),
    });
    let readiness = match prepared {
        Ok(readiness) => readiness,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if let Readiness::Skip(why) = &readiness {
        eprintln!("skipped: {why}");
    }
    let trials = tests.iter().map(|test| trial(*test, &readiness)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial((name, test): Test, readiness: &Readiness) -> Trial {
    match readiness {
        Readiness::Ready => Trial::ignorable_test(name, move || outcome(test())),
        Readiness::Skip(_) => Trial::ignorable_test(name, || Ok(Completion::ignored())),
    }
}

fn outcome(done: Result<()>) -> Result<Completion, Failed> {
    match done {
        Ok(()) => Ok(Completion::Completed),
        Err(error) => match error.downcast::<Unable>() {
            Ok(Unable(why)) => Ok(Completion::ignored_with(format!("skipped: {why}"))),
            Err(error) => Err(Failed::from(format!("{error:#}"))),
        },
    }
}
