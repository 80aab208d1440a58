//! Options of `cni`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::examples;

/// The plugin, or what puts it on a node.
#[derive(Debug, Args)]
pub struct CniArgs {
    /// What to do; without it this is the plugin.
    #[command(subcommand)]
    pub command: Option<CniCommand>,
}

/// What can be done with the plugin.
#[derive(Debug, Subcommand)]
pub enum CniCommand {
    /// Copy this program into a node's directory of CNI plugins, and chain it into the network configuration.
    ///
    /// Exits with 0 when the plugin is chained, 1 when it is not, which is explained, 2 for wrong usage. Needs to be root.
    #[command(after_long_help = examples::CNI_INSTALL)]
    Install(CniInstallArgs),
    /// Take the plugin out of all network configurations of a node, and remove its file.
    ///
    /// Exits with 0 when nothing is left, 1 when something is, which is explained, 2 for wrong usage. Needs to be root.
    #[command(after_long_help = examples::CNI_REMOVE)]
    Remove(CniRemoveArgs),
}

/// Options of `cni install`.
#[derive(Debug, Args)]
pub struct CniInstallArgs {
    /// Which directories.
    #[command(flatten)]
    pub places: CniPlaces,
    /// How long a pod waits for its rules, in seconds, at most 60.
    #[arg(long, value_name = "SECONDS", env = "EGRESSD_CNI_WAIT", help_heading = "Plugin", default_value_t = 10,
          value_parser = clap::value_parser!(u8).range(1..=60))]
    pub wait: u8,
    /// What happens to a pod whose rules are not in force by then, and to each pod while egressd does not answer.
    #[arg(long, value_enum, env = "EGRESSD_CNI_FAIL", help_heading = "Plugin", default_value_t = CniFail::Open)]
    pub fail: CniFail,
    /// The status socket of egressd, as the node has it; /run/egressd/egressd.sock if not set.
    #[arg(long, value_name = "PATH", env = "EGRESSD_CNI_SOCKET", help_heading = "Plugin", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
    /// Remove instead, as `cni remove` does: for a DaemonSet that is about to be deleted.
    #[arg(long, env = "EGRESSD_CNI_REMOVE", help_heading = "Staying")]
    pub remove: bool,
    /// Whether to stay.
    #[command(flatten)]
    pub staying: CniStaying,
}

/// Options of `cni remove`.
#[derive(Debug, Args)]
pub struct CniRemoveArgs {
    /// Which directories.
    #[command(flatten)]
    pub places: CniPlaces,
    /// Leave the plugin's file: for CRI-O, which deletes a pod's network with the configuration that it was made with.
    #[arg(long, help_heading = "Plugin")]
    pub keep_plugin: bool,
    /// Whether to stay.
    #[command(flatten)]
    pub staying: CniStaying,
}

/// A node's directories.
#[derive(Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct CniPlaces {
    /// Where the container runtime looks for plugins.
    #[arg(long, value_name = "DIR", env = "EGRESSD_CNI_PLUGIN_DIR", default_value = "/opt/cni/bin", value_hint = ValueHint::DirPath)]
    pub plugin_dir: PathBuf,
    /// Where the container runtime looks for network configurations.
    #[arg(long, value_name = "DIR", env = "EGRESSD_CNI_CONFIG_DIR", default_value = "/etc/cni/net.d", value_hint = ValueHint::DirPath)]
    pub config_dir: PathBuf,
}

/// What happens beside the work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Staying")]
pub struct CniStaying {
    /// Keep running until SIGTERM or SIGINT, and do it again when another program writes the configuration; what is
    /// installed stays when it ends.
    #[arg(long)]
    pub stay: bool,
    /// Show what would be done, and do nothing; the exit code is 0 when there is nothing to do.
    #[arg(long, conflicts_with = "stay")]
    pub dry_run: bool,
}

/// What the plugin does with a pod of which it is not known that its rules are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CniFail {
    /// It begins.
    Open,
    /// It does not begin before egressd answers, whichever pod it is.
    Closed,
}
