//! Programs that a test writes and runs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Writes a program. Another process does it: what another thread of a test starts in that moment would have the open
/// file as well, and the kernel runs no file that is open for writing.
///
/// # Errors
/// When it cannot be written.
pub fn script(program: &Path, text: &str) -> Result<()> {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat > \"$1\" && chmod 0755 \"$1\"", "sh"]).arg(program).stdin(Stdio::piped());
    let mut writer = writer.spawn()?;
    // Its end is the end of the text.
    writer.stdin.take().context("there is no pipe")?.write_all(text.as_bytes())?;
    ensure!(writer.wait()?.success(), "cannot write {}", program.display());
    Ok(())
}
