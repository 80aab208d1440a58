//! The child's side of a compilation: a process that gives up all it can before it looks at the component.

use std::io::{self, Read, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use super::bounds::MAX_COMPONENT;
use super::child::REFUSED;
use super::compiler::native_code;
use super::confine::{MEMORY, confine};
use super::invalid_component::InvalidComponent;

/// Why a child gives up.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot limit what the compiler may use: {0}")]
    Confine(io::Error),
    #[error("cannot read the component: {0}")]
    Read(io::Error),
    #[error("cannot write the native code: {0}")]
    Write(io::Error),
    #[error(transparent)]
    InvalidComponent(#[from] InvalidComponent),
}

/// What this program does when it is executed with [`super::SUBCOMMAND`], and how many bytes of address space it may have: a
/// component on stdin becomes native code on stdout, or a sentence on stderr.
pub fn compile_child(memory: Option<u64>) -> ExitCode {
    let Err(error) = work(memory.unwrap_or(MEMORY)) else { return ExitCode::SUCCESS };
    // No reader is left when stderr is closed.
    let _ = writeln!(stderr(), "{error}");
    match error {
        Error::InvalidComponent(_) => ExitCode::from(REFUSED as u8),
        Error::Confine(_) | Error::Read(_) | Error::Write(_) => ExitCode::FAILURE,
    }
}

fn work(memory: u64) -> Result<(), Error> {
    // Before the first byte of the component.
    for lack in confine(memory).map_err(Error::Confine)? {
        let _ = writeln!(stderr(), "{}", lack.line());
    }
    let mut bytes = Vec::new();
    stdin().lock().take(MAX_COMPONENT as u64 + 1).read_to_end(&mut bytes).map_err(Error::Read)?;
    let native = native_code(&bytes)?;
    stdout().lock().write_all(&native).map_err(Error::Write)
}
