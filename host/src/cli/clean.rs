//! Options of `clean`.

use std::net::SocketAddr;

use clap::Args;

use super::{Instance, Locks, Socket, address};

/// Options of `clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Which egressd of several.
    #[command(flatten)]
    pub instance: Instance,
    /// Where others show that they live.
    #[command(flatten)]
    pub locks: Locks,
    /// Remove what every other instance left behind, too: tables of egressd's making that no running egressd looks
    /// after, whatever they are called, and locks that are free.
    #[arg(long)]
    pub all: bool,
    /// Remove tables that a newer egressd made in a layout which this one does not know, too; without it they stay.
    #[arg(long)]
    pub newer_layout: bool,
    /// Stay afterwards until SIGTERM or SIGINT, as a DaemonSet that removes does; try again while something is left.
    #[arg(long)]
    pub stay: bool,
    /// With --stay: answers `egressd probe`; ready means that nothing is left.
    #[command(flatten)]
    pub socket: Socket,
    /// With --stay: serve /livez and /readyz on this address, too, for one more release.
    #[arg(long, value_name = "ADDR:PORT", env = "EGRESSD_HTTP", value_parser = address::address_and_port)]
    pub http: Option<SocketAddr>,
}
