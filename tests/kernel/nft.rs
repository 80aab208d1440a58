//! The `nft` command, as an operator would use it. It runs in the namespace of the calling thread.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// Runs a script and returns whether nft accepted it, with all that it printed.
pub(crate) fn try_script(script: &str) -> (bool, String) {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// Runs a script that nft must accept.
pub(crate) fn script(script: &str) {
    let (taken, printed) = try_script(script);
    assert!(taken, "{printed}");
}

/// What `nft list ruleset` prints, without what only an owner has: flags and the name of the process.
pub(crate) fn list() -> String {
    let output = Command::new("nft").args(["-s", "list", "ruleset"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let lines = listed.lines().filter(|line| !line.starts_with("\tflags "));
    lines.map(|line| format!("{}\n", line.split(" # ").next().unwrap_or_default())).collect()
}
