//! What all policies together may cost.

use clap::Args;

/// The limits of all policies together; the built-in one counts for none. What is in force has its place before anything
/// that is new, also where a limit is lower than before.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Policies")]
pub struct Policies {
    /// How many policies there may be, those in shadow mode among them.
    #[arg(long, value_name = "NUMBER", env = "EGRESSD_POLICIES_MOST", default_value_t = Policies::default().policies_most)]
    pub policies_most: usize,
    /// How much memory their native code may take, in MiB. It is some seven times as large as the component.
    #[arg(long, value_name = "MIB", env = "EGRESSD_POLICIES_MEBIBYTES", default_value_t = Policies::default().policies_mebibytes)]
    pub policies_mebibytes: u32,
    /// How much processor time compiling all of them may take, in seconds: every start needs it again.
    #[arg(long, value_name = "SECONDS", env = "EGRESSD_POLICIES_CPU_SECONDS", default_value_t = Policies::default().policies_cpu_seconds)]
    pub policies_cpu_seconds: u32,
    /// How long the first Services wait for policies, where none are remembered from an earlier run, in seconds.
    ///
    /// Policies that are not loaded by then are loaded in the background. Where some are remembered, the first Services
    /// wait for those only.
    #[arg(long, value_name = "SECONDS", env = "EGRESSD_POLICIES_WAIT_SECONDS", default_value_t = Policies::default().policies_wait_seconds)]
    pub policies_wait_seconds: u32,
}

impl Default for Policies {
    fn default() -> Self {
        Self { policies_most: 64, policies_mebibytes: 128, policies_cpu_seconds: 60, policies_wait_seconds: 60 }
    }
}
