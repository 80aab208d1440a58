//! The process that a container runtime starts.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use super::PLUGIN_NAME;
use super::ask::ask;
use super::config::MAX_CONFIG;
use super::plugin::{End, Output, Request, Step, begin};
use crate::out;

/// Whether a program that is started by this name is the plugin.
pub fn is_plugin(name: &OsStr) -> bool {
    Path::new(name).file_name() == Some(OsStr::new(PLUGIN_NAME))
}

/// The plugin, from standard input to its exit code.
pub fn run() -> ExitCode {
    let variable = |name: &str| env::var_os(name).unwrap_or_default().to_string_lossy().into_owned();
    let input = input();
    let request = Request { command: &variable("CNI_COMMAND"), arguments: &variable("CNI_ARGS"), input: &input };
    let output = match begin(request) {
        Step::Finish(output) => output,
        Step::Ask(question) => question.finish(ask(&question)),
    };
    end(&output)
}

/// One byte more than is understood at most. What cannot be read is no configuration, which is reported as such.
fn input() -> Vec<u8> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_CONFIG).unwrap_or(u64::MAX).saturating_add(1);
    io::stdin().lock().take(most).read_to_end(&mut bytes).ok();
    bytes
}

fn end(output: &Output) -> ExitCode {
    if let Some(note) = &output.note {
        // A closed stderr is no reason not to answer.
        let _ = writeln!(out::stderr(), "{PLUGIN_NAME}: {note}");
    }
    let printed = if output.result.is_empty() { Ok(()) } else { writeln!(out::stdout(), "{}", output.result) };
    match (output.end, printed) {
        (End::Success, Ok(())) => ExitCode::SUCCESS,
        (End::Failure, _) | (End::Success, Err(_)) => ExitCode::FAILURE,
    }
}
