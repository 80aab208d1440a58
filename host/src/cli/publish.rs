//! What is published, and where.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// Where nodes publish themselves without a cluster.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Source")]
pub struct Published {
    /// A directory in which the nodes of this machine publish themselves, each in NODE.json; for a lab or a demo.
    ///
    /// For several egressds with --manifests on one machine: `run` writes the EgressNode of its own node there, whatever
    /// --publish says, and reads those of the others, whose further addresses are inside then. The directory has to be there, and
    /// only those who run egressd may write to it. A node that ended leaves its file. In a cluster EgressNodes are objects.
    #[arg(long, value_name = "DIR", env = "EGRESSD_PUBLISH_DIR", value_hint = ValueHint::DirPath)]
    pub publish_dir: Option<PathBuf>,
}

/// What `run` writes into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Publish {
    /// Nothing.
    None,
    /// Events on Services, policies and this node.
    Events,
    /// Events, the active endpoint of Services, the status of policies and the EgressNode of this node.
    All,
}
