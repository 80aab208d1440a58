//! The harness of a test binary that builds labs.
//!
//! The standard harness starts threads before any code of ours runs, and then it is too late to become root in a
//! user namespace. So a test binary has `harness = false` and one line: `lab::tests![first, second];`. A test is
//! a plain function whose name is a sentence.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::privilege::{Readiness, prepare};

/// A test: its name and what it does. [`tests!`](crate::tests) makes them.
pub type Test = (&'static str, fn() -> Result<()>);

/// Why one test cannot run on a machine where others can. A test that fails with it is printed and counted as ignored.
#[derive(Debug)]
pub struct Unsupported(pub String);

impl Error for Unsupported {}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tests that need the same of the machine: what that is, and the tests.
pub type TestGroup<'a> = (fn() -> Result<Readiness>, &'a [Test]);

/// The given functions as a list of [`Test`]s.
#[macro_export]
macro_rules! list {
    ($($test:path),* $(,)?) => { &[$((stringify!($test), $test)),*] };
}

/// Writes `main` for a test binary whose tests are the given functions.
#[macro_export]
macro_rules! tests {
    (if $also:path; $($test:path),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main_if($also, $crate::list![$($test),*])
        }
    };
    ($($test:path),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::main($crate::list![$($test),*])
        }
    };
}

/// How many trials run at once for each processor: most of a trial is waiting.
const TRIALS_PER_PROCESSOR: usize = 2;

/// Runs the tests, or prints the reason why they cannot run on this machine.
pub fn main(tests: &[Test]) -> ExitCode {
    main_if(|| Ok(Readiness::Ready), tests)
}

/// The same, for tests that need more of the machine than labs do.
pub fn main_if(also: fn() -> Result<Readiness>, tests: &[Test]) -> ExitCode {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let arguments = Arguments::from_args();
    let threads = arguments.test_threads.unwrap_or(processors * TRIALS_PER_PROCESSOR);
    run(&Arguments { test_threads: Some(threads), ..arguments }, also, tests)
}

/// The same, for tests that keep a processor busy: one for each.
pub fn main_one_per_processor(tests: &[Test]) -> ExitCode {
    run(&Arguments::from_args(), || Ok(Readiness::Ready), tests)
}

/// The same, for tests with a shared fixture: one after the other, in this order, on the thread that calls.
pub fn main_one_by_one(also: fn() -> Result<Readiness>, tests: &[Test]) -> ExitCode {
    run(&Arguments { test_threads: Some(1), ..Arguments::from_args() }, also, tests)
}

fn run(arguments: &Arguments, also: fn() -> Result<Readiness>, tests: &[Test]) -> ExitCode {
    let prepared = prepare().and_then(|readiness| match readiness {
        Readiness::Ready => also(),
        Readiness::Skip(why) => Ok(Readiness::Skip(why)),
    });
    conclude(arguments, [(prepared, tests)])
}

/// Runs tests that build no labs. A group whose need is not met is skipped, and the others run.
pub fn main_of_groups(groups: &[TestGroup<'_>]) -> ExitCode {
    let arguments = Arguments::from_args();
    conclude(&arguments, groups.iter().map(|(needs, tests)| (needs(), *tests)))
}

/// What tests need that run everywhere.
///
/// # Errors
/// Never.
pub fn nothing() -> Result<Readiness> {
    Ok(Readiness::Ready)
}

#[expect(clippy::print_stderr, reason = "a test binary talks to whoever ran it")]
fn conclude<'a>(arguments: &Arguments, groups: impl IntoIterator<Item = (Result<Readiness>, &'a [Test])>) -> ExitCode {
    let mut trials = Vec::new();
    for (prepared, tests) in groups {
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
        trials.extend(tests.iter().map(|test| trial(*test, &readiness)));
    }
    libtest_mimic::run(arguments, trials).exit_code()
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
        Err(error) => match error.downcast::<Unsupported>() {
            Ok(Unsupported(why)) => Ok(Completion::ignored_with(format!("skipped: {why}"))),
            Err(error) => Err(Failed::from(format!("{error:#}"))),
        },
    }
}
