//! `egressd policy`: the tools of those who write policies.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{Annotations, Networks, examples, namespace};

/// What can be done with a policy before a cluster sees it.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Make a directory NAME with a policy in Rust that builds and tests at once.
    ///
    /// It brings the SDK and the contract along. The policy translates only one destination port; the validator denies
    /// Services that ask for others.
    #[command(after_long_help = examples::NEW)]
    New(New),
    /// Compile a policy's crate to a component. Needs Rust, and its target wasm32-unknown-unknown.
    #[command(after_long_help = examples::BUILD)]
    Build(Build),
    /// Show what a component contains, and whether egressd accepts it with these settings.
    ///
    /// Exits with 0 when it does, 1 when it does not, 2 for wrong usage.
    #[command(after_long_help = examples::CHECK)]
    Check(Component),
    /// Run a policy's golden cases through its component.
    ///
    /// With EGRESSD_BLESS=1 in the environment, the results are written into the cases. Exits with 0 when all are as
    /// expected, 1 when one is not, 2 when that cannot be determined or for wrong usage.
    #[command(after_long_help = examples::TEST)]
    Test(Test),
    /// Show the result for each Service when this policy is enforced beside those in the directory. Changes nothing.
    ///
    /// Exits with 0 when all is well, 1 when there is a finding of severity error, 2 for wrong usage.
    #[command(after_long_help = examples::RUN_POLICY)]
    Run(RunPolicy),
    /// Measure one evaluation, with the built-in policy beside it.
    #[command(after_long_help = examples::BENCH)]
    Bench(Bench),
    /// Print the ConfigMap that loads a policy.
    #[command(after_long_help = examples::PACK)]
    Pack(Pack),
    /// Show what another version, or other settings, would change for each Service.
    ///
    /// Exits with 0 when nothing changes, 1 when something does, 2 when that cannot be determined or for wrong usage.
    #[command(after_long_help = examples::DIFF_POLICIES)]
    Diff(DiffPolicies),
}

/// Options of `policy new`.
#[derive(Debug, Args)]
pub struct New {
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// What it is.
    #[arg(long, value_enum, default_value_t = PolicyKind::Policy)]
    pub kind: PolicyKind,
}

/// What a policy can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyKind {
    /// Answers with rules.
    Policy,
    /// Accepts or denies what policies answer.
    Validator,
}

/// Options of `policy build`.
#[derive(Debug, Args)]
pub struct Build {
    /// The directory of its crate.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Where to write the component, instead of DIR/NAME.wasm.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// A component and its settings.
#[derive(Debug, Args)]
pub struct Component {
    /// The component.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// A file with its settings: a JSON object; without it there are none.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub settings: Option<PathBuf>,
}

/// Options of `policy test`.
#[derive(Debug, Args)]
pub struct Test {
    /// The directory of its crate, with the cases in `cases`; or the directory of the cases itself.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// The component; without it, the only file *.wasm in DIR.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub component: Option<PathBuf>,
}

/// Services from manifests, on a node that holds every address.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub struct ManifestArgs {
    /// A directory of manifests, as for `egressd plan`; policies in it are asked too.
    #[arg(long, short = 'f', visible_alias = "filename", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub manifests: PathBuf,
    /// The node's name, as EndpointSlices call it; the host name, when it is not given.
    #[arg(long, value_name = "NAME", env = "EGRESSD_NODE")]
    pub node: Option<String>,
    /// The namespace whose ConfigMaps may be policies.
    #[arg(long, short, value_name = "NAME", env = "EGRESSD_NAMESPACE", default_value = "egressd",
          value_parser = namespace::namespace)]
    pub namespace: String,
    /// Its place among the policies: the built-in one has 0. 100, or what the ConfigMap of its name in DIR says.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub order: Option<i32>,
    /// Which networks belong to the cluster.
    #[command(flatten)]
    pub networks: Networks,
    /// How annotations are read.
    #[command(flatten)]
    pub annotations: Annotations,
}

/// Options of `policy run`.
#[derive(Debug, Args)]
pub struct RunPolicy {
    /// The policy.
    #[command(flatten)]
    pub component: Component,
    /// The Services.
    #[command(flatten)]
    pub scene: ManifestArgs,
    /// Show this Service alone.
    #[arg(long, value_name = "NAMESPACE/NAME", help_heading = "Output")]
    pub service: Option<String>,
}

/// Options of `policy bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// The policy.
    #[command(flatten)]
    pub component: Component,
    /// A directory of manifests whose Services are asked about; without it, one Service with one endpoint.
    #[arg(long, short = 'f', visible_alias = "filename", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub manifests: Option<PathBuf>,
    /// The node's name, as EndpointSlices call it.
    #[arg(long, value_name = "NAME", env = "EGRESSD_NODE", default_value = "node-a")]
    pub node: String,
    /// How many evaluations to measure.
    #[arg(long, value_name = "NUMBER", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: u32,
}

/// Options of `policy pack`.
#[derive(Debug, Args)]
pub struct Pack {
    /// The policy.
    #[command(flatten)]
    pub component: Component,
    /// The ConfigMap's name, which is what status and messages call the policy; without it, the name it gives itself.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The namespace that egressd is in.
    #[arg(long, short, value_name = "NAME", env = "EGRESSD_NAMESPACE", default_value = "egressd",
          value_parser = namespace::namespace)]
    pub namespace: String,
    /// Its place among the policies: the built-in one has 0.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, allow_negative_numbers = true)]
    pub order: i32,
    /// Whether its answers are applied.
    #[arg(long, value_enum, default_value_t = PackMode::Enforce)]
    pub mode: PackMode,
    /// What becomes of a Service when the policy fails; keep-last, unless it is required.
    #[arg(long, value_enum)]
    pub on_failure: Option<PackOnFailure>,
    /// As closed, and a node is not ready before it was loaded once. Validators are, unless --on-failure says otherwise.
    #[arg(long, conflicts_with = "on_failure")]
    pub required: bool,
    /// A label selector: only these Services are asked about.
    #[arg(long, value_name = "SELECTOR")]
    pub services: Option<String>,
    /// A label selector: only Services in these namespaces are asked about.
    #[arg(long, value_name = "SELECTOR")]
    pub namespaces: Option<String>,
}

/// Whether a policy's answers are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackMode {
    /// Its answers are applied.
    Enforce,
    /// What would change is reported, and nothing of it is applied.
    Shadow,
}

/// What becomes of a Service when its policy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackOnFailure {
    /// Its last good rules stay in force.
    KeepLast,
    /// It has no rules.
    Closed,
    /// The others decide without it.
    Skip,
}

/// Options of `policy diff`.
#[derive(Debug, Args)]
pub struct DiffPolicies {
    /// The current component.
    #[arg(value_hint = ValueHint::FilePath)]
    pub old: PathBuf,
    /// The new component.
    #[arg(value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// A file with the settings of both: a JSON object.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub settings: Option<PathBuf>,
    /// A file with other settings for the new one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub new_settings: Option<PathBuf>,
    /// The Services.
    #[command(flatten)]
    pub scene: ManifestArgs,
}
