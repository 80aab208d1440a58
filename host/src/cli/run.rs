//! Options of `run`.

use std::net::SocketAddr;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::{Input, Locks, Publish, Socket, address};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What decides over the rules.
    #[command(flatten)]
    pub input: Input,
    /// How to watch it.
    #[command(flatten)]
    pub watching: Watching,
    /// Where it shows that it lives.
    #[command(flatten)]
    pub locks: Locks,
    /// Replace tables of our names at the start, whoever made them, instead of taking them over.
    ///
    /// What is in them is not looked at. The old goes and the new comes in one batch: a packet that is in the old
    /// chain at that moment may leave untranslated. Of more than 4,096 elements and rules the rest follows in slices,
    /// and until then its pods are untranslated. Open connections stay as they are.
    #[arg(long, env = "EGRESSD_EGRESS_CLEAN", help_heading = "Node",
          value_parser = BoolishValueParser::new())]
    pub egress_clean: bool,
    /// What to write into the cluster. Less needs fewer permissions: deploy/components/publish-events, publish-none.
    ///
    /// Has no effect with --manifests, where nothing is written.
    #[arg(long, value_enum, value_name = "WHAT", env = "EGRESSD_PUBLISH", help_heading = "Output",
          default_value_t = Publish::All)]
    pub publish: Publish,
}

/// How to watch `run`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Watching {
    /// Where to answer `egressd status`.
    #[command(flatten)]
    pub socket: Socket,
    /// Serve /metrics on this address, as in 127.0.0.1:9808; without it nothing is served.
    ///
    /// /livez and /readyz are served, too, for one more release: probes are for `egressd probe`. An address that another
    /// process has is tried again, and reported meanwhile.
    ///
    /// Whoever reaches the address reads the names of all Services that are translated here. Brackets are accepted
    /// around IPv4 too, as in [192.0.2.1]:9808.
    #[arg(long, value_name = "ADDR:PORT", env = "EGRESSD_HTTP", value_parser = address::address_and_port)]
    pub http: Option<SocketAddr>,
    /// How to log to stderr. What is logged is up to EGRESSD_LOG.
    #[arg(long, value_enum, env = "EGRESSD_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How `run` logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}
