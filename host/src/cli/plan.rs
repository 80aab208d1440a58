//! Options of `plan`.

use clap::{Args, ValueEnum};

use super::Input;

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What decides over the rules.
    #[command(flatten)]
    pub input: Input,
    /// How to print it.
    #[arg(long, short, value_enum, help_heading = "Output", default_value_t = Output::Table)]
    pub output: Output,
}

/// How `plan` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Rules as a table, then the findings.
    Table,
    /// As table, with whole lists and more columns.
    Wide,
    /// The name of each Service that is translated, as in service/NAMESPACE/NAME; the findings go to stderr.
    Name,
    /// The ruleset as `nft -f` takes it; the findings go to stderr.
    Nft,
    /// Everything, for programs.
    Json,
    /// The same as YAML.
    Yaml,
}
