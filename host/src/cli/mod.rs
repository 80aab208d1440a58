//! The command line: what can be typed, and nothing of what it does.

mod address;
mod limits;
mod networks;
mod policies;
mod policy;
mod publish;
mod watched;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use limits::Limits;
pub use networks::{DetectNetworks, Networks};
pub use policies::Policies;
pub use policy::{
    Bench, Build, Component, DiffPolicies, New, Pack, PackMode, PackOnFailure, PolicyCommand, PolicyKind, RunPolicy,
    Scene, Test,
};
pub use publish::{Publish, Published};
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
    Run(Run),
    /// Show what `run` would do, and what is wrong with the input. Touches nothing, needs no privileges.
    ///
    /// Exits with 0 when all is well, 1 when there is a finding of severity error, 2 for wrong usage.
    Plan(PlanArgs),
    /// Show what lies between the kernel's tables and what `run` would make of its input, as nftables text.
    ///
    /// Reads the kernel, changes nothing, and works while a daemon owns the tables; needs CAP_NET_ADMIN. Exits with
    /// 0 when nothing differs, 1 when something does, 2 when that cannot be told or for wrong usage.
    Diff(Input),
    /// Ask the running egressd what is in force: every Service's state, and how many connections it translated.
    ///
    /// Exits with 0 when egressd answers, 1 when it does not, 2 for wrong usage.
    Status(StatusArgs),
    /// Ask the running egressd one question, as a kubelet's exec probe does.
    ///
    /// Exits with 0 when the answer is yes, 1 when it is no or none comes within three seconds, 2 for wrong usage.
    Probe(ProbeArgs),
    /// Remove egressd's tables from this network namespace: nothing is translated any more.
    ///
    /// A table that a running egressd looks after stays. Exits with 0 when nothing is left of what was to be removed,
    /// 1 when something is, which is named with the reason, 2 for wrong usage. Needs CAP_NET_ADMIN.
    Clean(CleanArgs),
    /// Write, test and pack policies. Offline: no cluster, no kernel, no privileges.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// What `run` executes to compile a policy, in a process that can be stopped. Not for people.
    #[command(hide = true)]
    CompilePolicy {
        /// Bytes of address space; unless given, what it may have at most
        memory: Option<u64>,
    },
}

/// Where Services come from, and on which node this is.
#[derive(Debug, Args)]
pub struct Source {
    /// A directory or file of manifests instead of a cluster; without it, the cluster's API server is followed.
    ///
    /// May be given several times; of what two of them say, the first counts. With `plan` and `diff`, `-` is standard input.
    /// EGRESSD_MANIFESTS names one.
    ///
    /// YAML or JSON: Services, EndpointSlices or Endpoints, Nodes, Namespaces, ServiceCIDRs, Pods, policies, and what Calico,
    /// Cilium, flannel and kubeadm say about networks. Other kinds are passed over, and so are hidden files and subdirectories. Write files atomically (to a
    /// temporary name, then rename): what is in a file is in force as soon as it is closed.
    #[arg(long, value_name = "DIR|FILE", env = "EGRESSD_MANIFESTS", value_hint = ValueHint::AnyPath)]
    pub manifests: Vec<PathBuf>,
    /// Where nodes publish themselves without a cluster.
    #[command(flatten)]
    pub published: Published,
    /// How to reach the API server; without it, as a pod does: by its service account.
    ///
    /// Several files are separated by colons, as for kubectl. Has no effect with --manifests.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<OsString>,
    /// This node's name, as EndpointSlices call it. With --manifests, the host name when it is not given.
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node: Option<String>,
    /// The namespace whose ConfigMaps may be policies: the one that egressd itself is in.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = "egressd")]
    pub namespace: String,
    /// How this node knows that it holds a Service's address, and so translates to it.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_OWNER", default_value_t = Owner::Auto)]
    pub owner: Owner,
    /// What to do with an address that Services of several namespaces have.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_SHARED_ADDRESSES", default_value_t = SharedAddresses::Allow)]
    pub shared_addresses: SharedAddresses,
    /// Whether to watch the pods of this node, so that no EndpointSlice takes a pod of another namespace.
    ///
    /// Needs the rights of deploy/components/pods, which sets it. Without them it is as with ignore, and reported. Has no
    /// effect with --manifests: there, Pods count where there are any.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_PODS", default_value_t = Pods::Ignore)]
    pub pods: Pods,
    /// Where to look for the cluster's networks, towards which nothing is translated.
    ///
    /// `all` needs the rights of deploy/components/networks, which sets it. What is not there or may not be read is done
    /// without. Has no effect with --manifests: there, such objects count where there are any.
    #[arg(long, value_enum, value_name = "WHERE", env = "EGRESSD_DETECT_NETWORKS",
          default_value_t = DetectNetworks::Nodes)]
    pub detect_networks: DetectNetworks,
    /// Whether to watch which nodes MetalLB, Cilium and kube-vip name as those that announce Services' addresses, for --owner=auto.
    ///
    /// Needs the rights of deploy/components/placement, which sets it. What is not there or may not be read is done without.
    /// Has no effect with --manifests: there, such objects and Leases count where there are any.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_ANNOUNCEMENTS", default_value_t = Announcements::Ignore)]
    pub announcements: Announcements,
    /// Use addresses that only kube-vip.io/loadbalancerIPs or spec.loadBalancerIP names, as always with --manifests.
    ///
    /// Whoever may edit a Service can then take any address for it; without this, only those in its
    /// status.loadBalancer.ingress are.
    #[arg(long, env = "EGRESSD_TRUST_ADDRESS_ANNOTATION", value_parser = BoolishValueParser::new())]
    pub trust_address_annotation: bool,
    /// Where to remember the annotations that were accepted last, so that bad ones do not stop egress over a restart.
    ///
    /// `plan` reads it as `run` would, and does not write it.
    #[arg(long, value_name = "DIR", env = "EGRESSD_STATE_DIR", default_value = "/var/lib/egressd",
          value_hint = ValueHint::DirPath)]
    pub state_dir: PathBuf,
    /// The layout of the tables: 2, or 1 before an update is undone to a release that has no other (docs/upgrade.md).
    #[arg(long, value_name = "NUMBER", env = "EGRESSD_TABLE_LAYOUT")]
    pub table_layout: Option<u32>,
}

/// What becomes of an address that Services of several namespaces have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SharedAddresses {
    /// Each of them is translated to it, with a warning; which Services may share one is the load balancer's decision.
    Allow,
    /// Only Services of the namespace whose Service is the oldest are translated to it.
    Oldest,
}

/// How a node knows that it holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Owner {
    /// The node that the load balancer names, else kube-vip.io/vipHost; else it is on one of this node's interfaces.
    Auto,
    /// It is on one of this node's interfaces, whatever kube-vip.io/vipHost says.
    Address,
    /// kube-vip.io/vipHost names this node; for load balancers that put addresses on no interface.
    VipHost,
    /// It always does; for a single box.
    Any,
}

/// How annotations are read, and what kube-vip's users may have set.
#[derive(Clone, Debug, Args)]
pub struct Annotations {
    /// What stands before the slash in the names of the annotations, for use beside kube-vip.
    #[arg(long, value_name = "NAME", env = "EGRESSD_ANNOTATION_PREFIX", default_value = "kube-vip.io")]
    pub annotation_prefix: String,
    /// kube-vip's choice between iptables and nftables. Accepted without effect: here is only nftables.
    #[arg(long, value_name = "BOOLEAN", env = "egress_withnftables", hide = true)]
    pub egress_with_nftables: Option<String>,
}

/// Which egressd of several on one node.
#[derive(Debug, Args)]
pub struct Instance {
    /// Names the tables kube_vip_NAME_v4 and kube_vip_NAME_v6 instead of kube_vip_v4 and kube_vip_v6.
    #[arg(long, value_name = "NAME", env = "instance_name")]
    pub instance_name: Option<String>,
}

/// Where a running egressd answers `egressd status` and `egressd probe`.
#[derive(Debug, Args)]
pub struct Socket {
    /// The unix socket of `egressd status` and `egressd probe`; /run/egressd/egressd.sock, or egressd-NAME.sock with an instance name.
    #[arg(long, value_name = "PATH", env = "EGRESSD_SOCKET", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

/// Where egressds of one node show each other that they live.
#[derive(Clone, Debug, Args)]
pub struct Locks {
    /// Where the locks of instances are: @default.lock, or NAME.lock with an instance name.
    ///
    /// The same for all instances of a node. Where the kernel has no owners of tables (before Linux 6.9), a lock is all
    /// that keeps `clean --all` from taking the tables of an egressd that runs.
    #[arg(long, value_name = "DIR", env = "EGRESSD_LOCK_DIR", default_value = "/run/egressd",
          value_hint = ValueHint::DirPath)]
    pub lock_dir: PathBuf,
}

/// How to watch `run`.
#[derive(Debug, Args)]
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
    /// One JSON object a line.
    Json,
}

/// What decides over the rules: the same for `run`, `plan` and `diff`, so that all three mean the same.
#[derive(Debug, Args)]
pub struct Input {
    /// Where Services come from.
    #[command(flatten)]
    pub source: Source,
    /// Which networks belong to the cluster.
    #[command(flatten)]
    pub networks: Networks,
    /// How annotations are read.
    #[command(flatten)]
    pub annotations: Annotations,
    /// What policies may cost.
    #[command(flatten)]
    pub policies: Policies,
    /// Which egressd of several.
    #[command(flatten)]
    pub instance: Instance,
    /// How much Services may use.
    #[command(flatten)]
    pub limits: Limits,
}

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
    #[arg(long, env = "egress_clean", value_parser = BoolishValueParser::new())]
    pub egress_clean: bool,
    /// What to write into the cluster. Less needs fewer permissions: deploy/components/publish-events, publish-none.
    ///
    /// Has no effect with --manifests, where nothing is written.
    #[arg(long, value_enum, value_name = "WHAT", env = "EGRESSD_PUBLISH", default_value_t = Publish::All)]
    pub publish: Publish,
}

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
    #[arg(long)]
    pub inside: bool,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t = StatusOutput::Table)]
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
    /// Everything, for programs.
    Json,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What decides over the rules.
    #[command(flatten)]
    pub input: Input,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// How `plan` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Rules as a table, then the findings.
    Table,
    /// The ruleset as `nft -f` takes it; the findings go to stderr.
    Nft,
    /// Everything, for programs.
    Json,
}
