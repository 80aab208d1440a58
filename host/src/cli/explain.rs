//! Options of `explain-code`.

use clap::{Args, ValueEnum};

/// Options of `explain-code`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The codes of findings, or the reasons of Events; without any, all are listed.
    #[arg(value_name = "CODE")]
    pub codes: Vec<String>,
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
    /// The same as YAML.
    Yaml,
}
