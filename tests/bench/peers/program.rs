//! Programs that read commands from standard input.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::NoResult;
use crate::clock::{self, used};

/// What a program used of the processor to do that.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<Duration, NoResult> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (output, used) = used(clock::children, || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early prints the reason.
            stdin.write_all(input.as_bytes()).ok();
        }
        child.wait_with_output()
    });
    match output {
        Ok(output) if output.status.success() => Ok(used),
        Ok(output) => Err(NoResult::skipped(&format!("{name}: {}", String::from_utf8_lossy(&output.stderr)))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(NoResult::skipped(&format!("there is no {name}"))),
        Err(error) => Err(NoResult::skipped(&format!("cannot start {name}: {error}"))),
    }
}
