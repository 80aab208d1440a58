//! Every seed in `corpus/`, and mutations of it, through the laws of its target: quick, without an engine, and the same
//! each time. Inputs that `make fuzz` finds become seeds.

#![expect(clippy::expect_used, reason = "a corpus that cannot be read is a failed test")]

mod mutation;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mutation::{MUTATIONS, mutated};
use targets::{InputResult, TARGETS, Target};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = TARGETS.into_iter().map(trial).collect();
    trials.push(Trial::test("every_target_has_seeds_and_every_seed_a_target", every_target_has_seeds));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(target: Target) -> Trial {
    let name = format!("{}: laws hold for any bytes in the place of {}", target.name, target.reads);
    Trial::test(name, move || check_laws(target))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The seeds of a target by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(corpus().join(target)).expect("a folder of seeds");
    let mut seeds: Vec<(String, Vec<u8>)> = files
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    seeds
}

fn check_laws(target: Target) -> Result<(), Failed> {
    let seeds = seeds(target.name);
    let all: Vec<Vec<u8>> = seeds.iter().map(|(_, bytes)| bytes.clone()).collect();
    let mut answers = vec![holds(target, &[], || "no bytes".to_owned())?];
    for (name, bytes) in &seeds {
        answers.push(holds(target, bytes, || name.clone())?);
        for number in 0..MUTATIONS {
            holds(target, &mutated(bytes, &all, number), || format!("mutation {number} of {name}"))?;
        }
    }
    // Seeds that nothing is read from would lead nowhere.
    assert!(answers.contains(&InputResult::Taken), "every seed of {} is refused", target.name);
    Ok(())
}

fn holds(target: Target, bytes: &[u8], what: impl Fn() -> String) -> Result<InputResult, Failed> {
    catch_unwind(AssertUnwindSafe(|| (target.laws)(bytes)))
        .map_err(|_| format!("{}: {} breaks a law: {:?}", target.name, what(), String::from_utf8_lossy(bytes)).into())
}

fn every_target_has_seeds() -> Result<(), Failed> {
    let folders = fs::read_dir(corpus())?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let folders = folders.collect::<Result<BTreeSet<String>, std::io::Error>>()?;
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(folders, targets, "left: folders; right: targets");
    for target in targets {
        assert!(!seeds(&target).is_empty(), "{target} has no seed");
    }
    Ok(())
}
