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
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// How `plan` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Rules as a table, then the findings.
    Table,
    /// The ruleset as `nft -f` takes it; the findings go to stderr.
    Nft,
    /// Everything, for programs.
    Json,
}
