//! `egressd cni install` and `egressd cni remove`.

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Entry, Goal, Job, Places, ProgramFile, Report, stay};
use crate::cli::{CniArgs, CniCommand, CniFail, CniInstallArgs, CniPlaces, CniRemoveArgs, CniStaying};
use crate::cni::{self, OnFailure};
use crate::out;

/// What was typed; without a command it is the plugin. `stop` ends what stays.
///
/// # Errors
/// When the system has no threads or signals for it, or nothing can be printed.
pub fn run<F: Future<Output = ()>>(args: &CniArgs, stop: impl FnOnce() -> Result<F>) -> Result<ExitCode> {
    let Some(command) = &args.command else { return Ok(cni::run()) };
    let (job, staying) = match command {
        CniCommand::Install(args) => (installing(args), &args.staying),
        CniCommand::Remove(args) => (removing(args), &args.staying),
    };
    match staying {
        CniStaying { stay: true, .. } => follow(&job, stop),
        CniStaying { dry_run: true, .. } => {
            let report = job.show();
            print(&report)?;
            Ok(code(report.done.is_empty() && report.problems.is_empty()))
        }
        CniStaying { .. } => {
            let report = job.carry_out();
            print(&report)?;
            Ok(code(report.problems.is_empty()))
        }
    }
}

fn installing(args: &CniInstallArgs) -> Job {
    let on_failure = match args.fail {
        CniFail::Open => OnFailure::Open,
        CniFail::Closed => OnFailure::Closed,
    };
    let wait = Duration::from_secs(args.wait.into());
    let entry = Entry { wait, on_failure, socket: args.socket.clone().filter(|path| !path.as_os_str().is_empty()) };
    let goal = if args.remove { Goal::Unchained(ProgramFile::Goes) } else { Goal::Chained(entry) };
    Job { places: places(&args.places), goal }
}

fn removing(args: &CniRemoveArgs) -> Job {
    let program = if args.keep_plugin { ProgramFile::Stays } else { ProgramFile::Goes };
    Job { places: places(&args.places), goal: Goal::Unchained(program) }
}

fn places(typed: &CniPlaces) -> Places {
    Places::new(typed.plugin_dir.clone(), typed.config_dir.clone())
}

fn follow<F: Future<Output = ()>>(job: &Job, stop: impl FnOnce() -> Result<F>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(async {
        // A closed stdout is no reason to stop.
        stay(job, stop()?, |report| print(report).unwrap_or_default()).await;
        Ok(ExitCode::SUCCESS)
    })
}

fn code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(report: &Report) -> Result<()> {
    let lines = || {
        report.done.iter().try_for_each(|step| writeln!(out::stdout(), "{step}"))?;
        report.problems.iter().try_for_each(|problem| writeln!(out::stderr(), "egressd: {problem}"))
    };
    lines().context("cannot print what was done")
}
