//! Which egressd of several, and where it is found.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Which egressd of several on one node.
#[derive(Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct Instance {
    /// Names the tables kube_vip_NAME_v4 and kube_vip_NAME_v6 instead of kube_vip_v4 and kube_vip_v6.
    #[arg(long, value_name = "NAME", env = "EGRESSD_INSTANCE_NAME")]
    pub instance_name: Option<String>,
}

/// Where a running egressd answers `egressd status` and `egressd probe`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct Socket {
    /// The unix socket of `egressd status` and `egressd probe`; /run/egressd/egressd.sock, or egressd-NAME.sock with an instance name.
    #[arg(long, value_name = "PATH", env = "EGRESSD_SOCKET", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

/// Where egressds of one node show each other that they live.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct Locks {
    /// Where the locks of instances are: @default.lock, or NAME.lock with an instance name.
    ///
    /// The same for all instances of a node. Where the kernel has no owners of tables (before Linux 6.9), a lock is all
    /// that keeps `clean --all` from taking the tables of an egressd that runs.
    #[arg(long, value_name = "DIR", env = "EGRESSD_LOCK_DIR", default_value = "/run/egressd",
          value_hint = ValueHint::DirPath)]
    pub lock_dir: PathBuf,
}
