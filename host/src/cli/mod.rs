//! The command line: what can be typed, and nothing of what it does.

mod address;
mod clean;
mod cni;
mod environment;
mod examples;
mod explain;
mod instance;
mod limits;
mod namespace;
mod networks;
mod plan;
mod policies;
mod policy;
mod publish;
mod run;
mod source;
mod status;
mod watched;

use std::env;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

pub use clean::CleanArgs;
pub use cni::{CniArgs, CniCommand, CniFail, CniInstallArgs, CniPlaces, CniRemoveArgs, CniStaying};
pub use environment::{OTHER_NAMES, name_in_use};
pub use explain::{ExplainArgs, ExplainOutput};
pub use instance::{Instance, Locks, Socket};
pub use limits::Limits;
pub use networks::{DetectNetworks, Networks};
pub use plan::{Output, PlanArgs};
pub use policies::Policies;
pub use policy::{
    Bench, Build, Component, DiffPolicies, ManifestArgs, New, Pack, PackMode, PackOnFailure, PolicyCommand, PolicyKind,
    RunPolicy, Test,
};
pub use publish::{Publish, Published};
pub use run::{LogFormat, Run, Watching};
pub use source::{Annotations, Input, OnChange, OnUnavailable, Owner, SharedAddresses, Source, UnknownPods};
pub use status::{ProbeArgs, Question, StatusArgs, StatusOutput};
pub use watched::{Announcements, Pods};

/// A stable source address for the pods behind a Kubernetes Service.
///
/// egressd watches Services, asks its policies what their annotations mean, and programs nftables so that what
/// their pods send out of the cluster comes from the Service's own load-balancer address.
#[derive(Debug, Parser)]
#[command(name = "egressd", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What egressd can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep this node's nftables in step with a source of Services, until SIGTERM or SIGINT.
    ///
    /// The rules stay in force when egressd ends, and the next one takes them over as they are; `egressd clean`
    /// removes them. Needs CAP_NET_ADMIN.
    #[command(after_long_help = examples::RUN)]
    Run(Run),
    /// Show what `run` would do, and what is wrong with the input. Changes nothing, needs no privileges.
    ///
    /// Exits with 0 when all is well, 1 when there is a finding of severity error, 2 for wrong usage.
    #[command(after_long_help = examples::PLAN)]
    Plan(PlanArgs),
    /// Show the difference between the kernel's tables and the rules that `run` would install, as nftables text.
    ///
    /// Reads the kernel, changes nothing, and works while a daemon owns the tables; needs CAP_NET_ADMIN. Exits with
    /// 0 without differences, 1 with some, 2 when that cannot be determined or for wrong usage.
    #[command(after_long_help = examples::DIFF)]
    Diff(Input),
    /// Ask the running egressd what is in force: every Service's state, and how many connections it translated.
    ///
    /// Exits with 0 when egressd answers, 1 when it does not, 2 for wrong usage.
    #[command(after_long_help = examples::STATUS)]
    Status(StatusArgs),
    /// Check the running egressd, as an exec probe of the kubelet does.
    ///
    /// Exits with 0 when the answer is yes, 1 when it is no or there is none within three seconds, 2 for wrong usage.
    #[command(after_long_help = examples::PROBE)]
    Probe(ProbeArgs),
    /// Remove egressd's tables from this network namespace, which ends translation.
    ///
    /// A table that a running egressd uses stays. Exits with 0 when everything was removed, 1 when something is left,
    /// which is named with the reason, 2 for wrong usage. Needs CAP_NET_ADMIN.
    #[command(after_long_help = examples::CLEAN)]
    Clean(CleanArgs),
    /// Be a CNI plugin that lets a pod begin when its rules are in force, or put that plugin on a node.
    ///
    /// A container runtime starts the plugin, as `egressd-cni`; people start `cni install` and `cni remove`.
    Cni(CniArgs),
    /// Write, test and pack policies. Offline: no cluster, no kernel, no privileges.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Explain codes of findings and reasons of Events: meaning, cause and remedy.
    ///
    /// Exits with 0, 1 for a code that is not in the list, 2 for wrong usage.
    #[command(after_long_help = examples::EXPLAIN_CODE)]
    ExplainCode(ExplainArgs),
    /// Print a completion script for a shell.
    #[command(visible_alias = "completions", after_long_help = examples::COMPLETION)]
    Completion {
        /// Which shell.
        shell: Shell,
    },
    /// Write man pages, one for each command, into a directory that is there.
    #[command(after_long_help = examples::MAN)]
    Man {
        /// Where to write them.
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// Print the release of this egressd.
    Version,
}

impl Cli {
    /// What was typed, and what the environment sets. With help, the version and wrong usage the process ends.
    pub fn typed() -> Self {
        let command = with_one_name(environment::with_variables(Self::command(), &|name| env::var_os(name)));
        let matches = command.clone().try_get_matches();
        let matches = matches.unwrap_or_else(|error| environment::with_source(error, &command, env::args_os()).exit());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The same command, whose version is that of the program, whichever command is asked for it.
fn with_one_name(command: clap::Command) -> clap::Command {
    command.display_name("egressd").mut_subcommands(with_one_name)
}
