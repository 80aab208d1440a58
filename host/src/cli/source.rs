//! Where Services come from, and what decides over their rules.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum, ValueHint};

use super::{Announcements, DetectNetworks, Instance, Limits, Networks, Pods, Policies, Published, namespace};

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

/// Where Services come from, and on which node this is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub struct Source {
    /// A directory or file of manifests instead of a cluster; without it, the cluster's API server is followed.
    ///
    /// May be given several times; of an object in two of them, the first counts. With `plan` and `diff`, `-` is
    /// standard input.
    /// EGRESSD_MANIFESTS names one.
    ///
    /// YAML or JSON: Services, EndpointSlices or Endpoints, Nodes, Namespaces, ServiceCIDRs, Pods, policies, and what Calico,
    /// Cilium, flannel and kubeadm say about networks. Other kinds, hidden files and subdirectories are ignored. Write
    /// files atomically (to a temporary name, then rename): what is in a file is in force as soon as it is closed.
    #[arg(long, short = 'f', visible_alias = "filename", value_name = "DIR|FILE", env = "EGRESSD_MANIFESTS",
          value_hint = ValueHint::AnyPath)]
    pub manifests: Vec<PathBuf>,
    /// Where nodes publish themselves without a cluster.
    #[command(flatten)]
    pub published: Published,
    /// How to reach the API server; without it, as a pod does: by its service account.
    ///
    /// Several files are separated by colons; of several, those that do not exist are skipped, as by kubectl. Has no
    /// effect with --manifests.
    #[arg(long, value_name = "FILE", env = "EGRESSD_KUBECONFIG", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<OsString>,
    /// This node's name, as EndpointSlices call it. With --manifests, the host name when it is not given.
    #[arg(long, value_name = "NAME", env = "EGRESSD_NODE", help_heading = "Node")]
    pub node: Option<String>,
    /// The namespace whose ConfigMaps may be policies: the one that egressd itself is in. Selects no Services.
    #[arg(long, short, value_name = "NAME", env = "EGRESSD_NAMESPACE", default_value = "egressd",
          value_parser = namespace::namespace)]
    pub namespace: String,
    /// How this node knows that it holds a Service's address, and so translates to it.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_OWNER", help_heading = "Addresses",
          default_value_t = Owner::Auto)]
    pub owner: Owner,
    /// What to do with an address that Services of several namespaces have.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_SHARED_ADDRESSES", help_heading = "Addresses",
          default_value_t = SharedAddresses::Allow)]
    pub shared_addresses: SharedAddresses,
    /// What becomes of the packets of a Service's pods that are not translated, where neither a policy nor the annotation
    /// egressd.io/on-unavailable says (docs/fail-closed.md).
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_ON_UNAVAILABLE", help_heading = "Addresses",
          default_value_t = OnUnavailable::Pass)]
    pub on_unavailable: OnUnavailable,
    /// What becomes of connections that contradict a change of the rules, where no policy says: kube-vip.io/flush-conntrack
    /// does for its Service (docs/connections.md).
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_ON_CHANGE", help_heading = "Addresses",
          default_value_t = OnChange::Keep)]
    pub on_change: OnChange,
    /// What becomes of packets whose source is in this node's pod networks and no pod that is known (docs/fail-closed.md).
    ///
    /// `drop` needs `--pods watch` or, with --manifests, a Pod for each pod of the node.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_UNKNOWN_PODS", help_heading = "Addresses",
          default_value_t = UnknownPods::Pass)]
    pub unknown_pods: UnknownPods,
    /// Whether to watch the pods of this node, so that no EndpointSlice takes a pod of another namespace.
    ///
    /// Needs the rights of deploy/components/pods, which sets it. Without them it is as with ignore, and reported. Has no
    /// effect with --manifests: there, Pods count where there are any.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_PODS", default_value_t = Pods::Ignore)]
    pub pods: Pods,
    /// Where to look for the cluster's networks, towards which nothing is translated.
    ///
    /// `all` needs the rights of deploy/components/networks, which sets it. What does not exist or may not be read is
    /// skipped. Has no effect with --manifests: there, such objects count where there are any.
    #[arg(long, value_enum, value_name = "WHERE", env = "EGRESSD_DETECT_NETWORKS", help_heading = "Networks",
          default_value_t = DetectNetworks::Nodes)]
    pub detect_networks: DetectNetworks,
    /// Whether to watch which nodes MetalLB, Cilium and kube-vip name as those that announce Services' addresses, for --owner=auto.
    ///
    /// Needs the rights of deploy/components/placement, which sets it. What does not exist or may not be read is
    /// skipped.
    /// Has no effect with --manifests: there, such objects and Leases count where there are any.
    #[arg(long, value_enum, value_name = "HOW", env = "EGRESSD_ANNOUNCEMENTS", help_heading = "Addresses",
          default_value_t = Announcements::Ignore)]
    pub announcements: Announcements,
    /// Use addresses that only kube-vip.io/loadbalancerIPs or spec.loadBalancerIP names, as always with --manifests.
    ///
    /// Whoever may edit a Service can then use any address for it; without this option, only those in its
    /// status.loadBalancer.ingress are used.
    #[arg(long, env = "EGRESSD_TRUST_ADDRESS_ANNOTATION", help_heading = "Addresses",
          value_parser = BoolishValueParser::new())]
    pub trust_address_annotation: bool,
    /// Where to save the annotations that were accepted last, so that invalid ones do not stop egress after a restart.
    ///
    /// `plan` reads it as `run` would, and does not write it.
    #[arg(long, value_name = "DIR", env = "EGRESSD_STATE_DIR", help_heading = "Node", default_value = "/var/lib/egressd",
          value_hint = ValueHint::DirPath)]
    pub state_dir: PathBuf,
    /// The layout of the tables: 2, or 1 before an update is undone to a release that has no other (docs/upgrade.md).
    #[arg(long, value_name = "NUMBER", env = "EGRESSD_TABLE_LAYOUT", help_heading = "Node")]
    pub table_layout: Option<u32>,
    /// The priority of the chain that translates, from -199 to 99; chains with smaller ones run first.
    ///
    /// The first source NAT of a connection decides. A smaller number puts egressd before another program's chain that
    /// the finding `nat-before-ours` names; connection tracking is at -200, and masquerade rules of kube-proxy and flannel
    /// are at 100. A change affects no packet.
    #[arg(
        long,
        value_name = "NUMBER",
        env = "EGRESSD_PRIORITY",
        help_heading = "Node",
        default_value_t = 90,
        allow_negative_numbers = true
    )]
    pub priority: i32,
    /// The bit of packet marks that egressd may use, on kernels before 6.9 and for guarded pods only (docs/fail-closed.md).
    ///
    /// Exactly one, decimal or with 0x, which no other program of the node uses. Two egressds of a node need different ones.
    #[arg(long, value_name = "MASK", env = "EGRESSD_MARK_MASK", help_heading = "Node", default_value = "0x1000",
          value_parser = mask)]
    pub mark_mask: u32,
}

fn mask(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u32::from_str_radix(digits, 16));
    number.map_err(|_| "it must be a number, decimal or with 0x, as in 0x1000".to_owned())
}

/// What becomes of an address that Services of several namespaces have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SharedAddresses {
    /// Each of them is translated to it, with a warning; which Services may share one is the load balancer's decision.
    Allow,
    /// Only Services of the namespace whose Service is the oldest are translated to it.
    Oldest,
}

/// What becomes of a Service's pods that are not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnUnavailable {
    /// Their packets leave with another source, as without egress.
    Pass,
    /// What they send out of the cluster is dropped.
    Drop,
}

/// What becomes of connections that contradict a change of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnChange {
    /// They keep their source address until they end.
    Keep,
    /// They are deleted from connection tracking, so that their next packet is translated by the rules in force.
    Sever,
}

/// What becomes of what is not known to be a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UnknownPods {
    /// Its packets leave as without egressd.
    Pass,
    /// What it sends out of the cluster is dropped.
    Drop,
}

/// How a node knows that it holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Owner {
    /// The load balancer names this node, else kube-vip.io/vipHost does; else the address is on one of this node's
    /// interfaces.
    Auto,
    /// The address is on one of this node's interfaces; kube-vip.io/vipHost is ignored.
    Address,
    /// kube-vip.io/vipHost names this node; for load balancers that put addresses on no interface.
    VipHost,
    /// This node holds every address; for a single node.
    Any,
}

/// How annotations are read, and what kube-vip's users may have set.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Annotations")]
pub struct Annotations {
    /// What stands before the slash in the names of the annotations, for use beside kube-vip.
    #[arg(long, value_name = "NAME", env = "EGRESSD_ANNOTATION_PREFIX", default_value = "kube-vip.io")]
    pub annotation_prefix: String,
    /// kube-vip's choice between iptables and nftables. Accepted without effect: egressd uses nftables only.
    #[arg(long, value_name = "BOOLEAN", env = "egress_withnftables", hide = true)]
    pub egress_with_nftables: Option<String>,
}
