//! Options of `status` and `probe`.

use clap::{Args, ValueEnum};

use super::{Instance, Socket};

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where egressd answers.
    #[command(flatten)]
    pub socket: Socket,
    /// Which egressd of several.
    #[command(flatten)]
    pub instance: Instance,
    /// Instead, list what is inside the cluster, and so never translated to: each network and address with the reason.
    #[arg(long, help_heading = "Output")]
    pub inside: bool,
    /// How to print it.
    #[arg(long, short, value_enum, help_heading = "Output", default_value_t = StatusOutput::Table)]
    pub output: StatusOutput,
}

/// Options of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// What to ask.
    #[arg(value_enum)]
    pub question: Question,
    /// Where egressd answers.
    #[command(flatten)]
    pub socket: Socket,
    /// Which egressd of several.
    #[command(flatten)]
    pub instance: Instance,
}

/// What `probe` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Question {
    /// Does it work, or is it stuck?
    Live,
    /// Is its first round in force?
    Ready,
}

/// How `status` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusOutput {
    /// Services as a table, then the findings.
    Table,
    /// As table, with more columns.
    Wide,
    /// The name of each Service in the table, as in service/NAMESPACE/NAME.
    Name,
    /// Everything, for programs.
    Json,
    /// The same as YAML.
    Yaml,
}
