//! Completion scripts and man pages, made from the command line's own description.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::{Resettable, StyledStr};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;

/// # Errors
/// When the script cannot be written.
pub fn completion(out: &mut dyn Write, shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    // Into memory: on an error of writing it panics.
    clap_complete::generate(shell, &mut Cli::command(), "egressd", &mut script);
    out.write_all(&script).and_then(|()| out.flush()).context("cannot print the completion script")
}

/// Writes a page for each command into a directory.
///
/// # Errors
/// When one of them cannot be written.
pub fn man(directory: &Path) -> Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, directory)
}

fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, directory)?;
    }
    let plain = command.clone().after_long_help(Resettable::<StyledStr>::Reset);
    let man = Man::new(plain).source(concat!("egressd ", env!("CARGO_PKG_VERSION")));
    let file = directory.join(man.get_filename());
    page(&man, command.get_after_long_help())
        .and_then(|page| fs::write(&file, page))
        .with_context(|| format!("cannot write the man page {}", file.display()))
}

/// clap_mangen itself would call the examples EXTRA, and fill their lines.
fn page(man: &Man, examples: Option<&StyledStr>) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    if let Some(examples) = examples {
        section(&examples.to_string()).to_writer(&mut page)?;
    }
    Ok(page)
}

/// The examples of a command's help, below their heading, as lines that are not filled.
fn section(examples: &str) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines().skip(1) {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::out::FullDisk;

    #[test]
    fn a_script_that_cannot_be_written_is_an_error() {
        let error = completion(&mut FullDisk, Shell::Bash).unwrap_err();
        assert_eq!(format!("{error:#}"), "cannot print the completion script: no storage space");
    }

    #[test]
    fn a_page_that_cannot_be_written_is_an_error_with_its_name() {
        let error = format!("{:#}", man(Path::new("/nowhere")).unwrap_err());
        assert!(error.starts_with("cannot write the man page /nowhere/egressd-"), "{error}");
    }

    #[test]
    fn the_examples_of_a_page_are_lines_that_are_not_filled() {
        let directory = tempfile::tempdir().unwrap();
        man(directory.path()).unwrap();
        let page = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let plan = page("egressd-plan.1");
        let (_, examples) = plan.split_once(".SH EXAMPLES\n.nf\n").unwrap();
        assert!(examples.starts_with("# What would be translated on node\\-1"), "{examples}");
        assert!(examples.contains("\negressd plan \\-f manifests \\-\\-node node\\-1\n\n# "), "{examples}");
        assert!(examples.ends_with("\n.fi\n"), "{examples}");
        assert!(!plan.contains("EXTRA") && !plan.contains("Examples:"), "{plan}");
        let title = format!("\"egressd {}\"", env!("CARGO_PKG_VERSION"));
        assert!(plan.contains(&title), "{plan}");
        assert!(!page("egressd-version.1").contains("EXAMPLES") && page("egressd-policy-pack.1").contains("EXAMPLES"));
    }
}
