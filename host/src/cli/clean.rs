//! Options of `clean`.

use std::net::SocketAddr;

use clap::Args;

use super::{Instance, Locks, Socket, address};

/// Options of `clean`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct CleanArgs {
    /// Which egressd of several.
    #[command(flatten)]
    pub instance: Instance,
    /// Where others show that they live.
    #[command(flatten)]
    pub locks: Locks,
    /// Also remove what other instances left behind: tables made by egressd that no running egressd uses, whatever
    /// their names, and free locks.
    #[arg(long, help_heading = "What to remove")]
    pub all: bool,
    /// Also remove tables in a layout of a newer egressd that this one does not know; without this option they stay.
    #[arg(long, help_heading = "What to remove")]
    pub newer_layout: bool,
    /// Show what would be removed and what would stay, and remove nothing; the exit code is the same.
    #[arg(long, conflicts_with = "stay", help_heading = "What to remove")]
    pub dry_run: bool,
    /// Keep running afterwards until SIGTERM or SIGINT, for a DaemonSet that cleans nodes; retry while something is
    /// left.
    #[arg(long, help_heading = "Staying")]
    pub stay: bool,
    /// With --stay: answers `egressd probe`; ready means that nothing is left.
    #[command(flatten)]
    pub socket: Socket,
    /// With --stay: also serve /livez and /readyz on this address, for one more release.
    #[arg(long, value_name = "ADDR:PORT", env = "EGRESSD_HTTP", help_heading = "Staying", value_parser = address::address_and_port)]
    pub http: Option<SocketAddr>,
}
