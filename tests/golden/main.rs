//! One folder below `tests/golden` is one test: `README.md` says what it shows, `manifests/`
//! is the state of the cluster, and `before/`, where it exists, the state before.
//!
//! The result is compared exactly: `plan.txt` (the output of `egressd plan` on `node-a`), `ruleset.nft` (the
//! same with `-o nft`) and `changes.nft` (the changes from `before/`, or from nothing). `EGRESSD_BLESS=1` writes
//! these files again; review them before you commit.
//!
//! Beside the folders there are two files: `mistakes.txt` has what is reported about mistakes that users make,
//! and `messages.txt` one line for each message with sample values, in the order of their codes.

mod case;
mod difference;
mod messages;
mod mistakes;
mod scenario;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use egressd::policies::Sandbox;
use libtest_mimic::{Arguments, Failed, Trial};

use case::{GoldenCase, Mode};

/// What makes the text of a file beside the folders.
type Page = fn(&Sandbox) -> anyhow::Result<String>;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let bless = env::var_os("EGRESSD_BLESS").is_some_and(|value| !value.is_empty());
    let mode = if bless { Mode::Bless } else { Mode::Compare };
    // Compiled once: it takes longer than all the rest.
    let sandbox = Sandbox::new()?;
    let pages: [(&str, Page); 2] = [("mistakes", mistakes::page), ("messages", messages::page)];
    let pages = pages.map(|(name, page)| {
        let sandbox = sandbox.clone();
        let run = move || scenario::check(&format!("{name}.txt"), &page(&sandbox)?, mode);
        Trial::test(name, move || run().map_err(|error| Failed::from(format!("{error:#}"))))
    });
    let cases = cases()?.into_iter().map(|case| {
        let name = case.name();
        let sandbox = sandbox.clone();
        Trial::test(name, move || case.run(&sandbox, mode).map_err(|error| Failed::from(format!("{error:#}"))))
    });
    Ok(libtest_mimic::run(&arguments, cases.chain(pages).collect()).exit_code())
}

/// The folder of modules among the stories.
const MODULES: &str = "messages";

/// Every other folder beside this file, sorted.
fn cases() -> io::Result<Vec<GoldenCase>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden"))? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with(MODULES) {
            cases.push(GoldenCase::new(path));
        }
    }
    cases.sort();
    Ok(cases)
}
