//! sigs.k8s.io/knftables, the library of kube-proxy: an ordinary Go module, built where Go is installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use lab::{Namespace, output_of};

use super::{NoResult, RuleCost};
use crate::measure::Times;

const TURNS: u32 = 30;

/// The program, or the reason why it is missing.
static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(build);

pub(super) fn measure(namespace: &Namespace, count: u32) -> Result<RuleCost, NoResult> {
    let program = PROGRAM.as_ref().map_err(|why| NoResult::skipped(why))?;
    let program = program.to_str().expect("cargo's folders have names in UTF-8");
    let mut command = namespace.command(program);
    command.args([count, TURNS].map(|number| number.to_string()));
    let printed = output_of(&mut command).map_err(|error| NoResult::skipped(&format!("{error:#}")))?;
    let mut times = printed.lines().map(|line| Duration::from_nanos(line.parse().unwrap()));
    let cold = times.next().expect("it prints the start first");
    Ok(RuleCost { cold, change: Times::of(times.collect()) })
}

fn build() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/peers/knftables");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("knftables");
    if Command::new("go").arg("version").output().is_err() {
        return Err("there is no Go".to_owned());
    }
    let mut go = Command::new("go");
    go.current_dir(source).env("CGO_ENABLED", "0").args(["build", "-trimpath", "-o"]).arg(&program).arg(".");
    // Where no module proxy can be reached it cannot be built, and the other figures are wanted all the same.
    output_of(&mut go).map(|_| program).map_err(|error| format!("{error:#}"))
}
