//! Options of `explain-code`.

use clap::{Args, ValueEnum};

/// Options of `explain-code`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code of a finding, or the reason of an Event; without it, all are listed.
    pub code: Option<String>,
    /// How to print it.
    #[arg(long, short, value_enum, help_heading = "Output", default_value_t = ExplainOutput::Text)]
    pub output: ExplainOutput,
}

/// How `explain-code` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainOutput {
    /// Lines for people.
    Text,
    /// Everything, for programs.
    Json,
}
