//! Arguments and environment → checked settings. The only parser of settings.

mod fail_closed;
mod limits;
mod node;
mod origin;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use egressd_core::compile::{self, InstanceName};
use egressd_core::finding::Finding;
use egressd_core::model::{self, AddressTrust, AnnotationPrefix, ClusterSettings, InsideNetworks};
use egressd_core::owner::Owner;
use egressd_core::pipeline::Settings;
use egressd_core::plan::SharedAddresses;
use egressd_core::policy::Limits as PolicyLimits;
use egressd_core::ruleset::TableNames;
use ipnet::IpNet;

use crate::cli::{self, Annotations, Input, Instance, Networks, Socket, Source};
use crate::rights::Publish;
use crate::source::Origin;

/// What `run` and `plan` need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub origin: Origin,
    pub namespace: String,
    /// What outlives the process.
    pub state_dir: PathBuf,
    /// What all policies together may cost.
    pub policies: PolicyLimits,
    /// What the core needs to know.
    pub settings: Settings,
    /// What is set and has no effect.
    pub findings: Vec<Finding>,
}

/// Checks everything before anything begins.
///
/// # Errors
/// The first setting that is wrong: which one, what it says, what would be right.
pub fn config(input: &Input) -> Result<Config> {
    let Input { source, networks, annotations, policies, limits, instance } = input;
    let Source { namespace, owner, shared_addresses, trust_address_annotation, state_dir, .. } = source;
    let origin = origin::origin(source)?;
    let Annotations { annotation_prefix, egress_with_nftables } = annotations;
    let settings = Settings {
        node: node::node(source, &origin)?,
        tables: tables(instance)?
            .in_layout(tables::layout(source.table_layout)?)
            .at(tables::priority(source.priority)?),
        trust: match origin {
            // Who writes the directory writes the status too.
            Origin::Manifests(_) => AddressTrust::Annotation,
            Origin::Cluster(..) if *trust_address_annotation => AddressTrust::Annotation,
            Origin::Cluster(..) => AddressTrust::Status,
        },
        owner: self::owner(*owner),
        prefix: prefix(annotation_prefix)?,
        cluster: cluster(networks, &origin)?,
        shared: shared(*shared_addresses),
        limits: limits::of_services(limits),
        on_unavailable: fail_closed::on_unavailable(source),
        on_change: fail_closed::on_change(source),
        unknown_pods: fail_closed::unknown_pods(source, &origin)?,
        mark: tables::mark(source.mark_mask)?,
        tunnel: None,
    };
    origin::can_be_published(&origin, &settings.node)?;
    let findings = with_nftables(egress_with_nftables.as_deref())?.into_iter().collect();
    Ok(Config {
        origin,
        namespace: namespace.clone(),
        state_dir: state_dir.clone(),
        policies: limits::of_policies(policies),
        settings,
        findings,
    })
}

/// A setting as messages name it, with the variable that sets it or could set it.
fn setting(option: &str, variable: &'static str) -> String {
    format!("{option} ({})", cli::name_in_use(variable))
}

/// What is inside, as far as settings say it.
fn cluster(networks: &Networks, origin: &Origin) -> Result<ClusterSettings> {
    let Networks { pod_networks, service_networks, inside_networks } = networks;
    Ok(ClusterSettings {
        pod_networks: self::networks(&setting("--pod-networks", "EGRESSD_POD_NETWORKS"), pod_networks.as_deref())?,
        service_networks: self::networks(
            &setting("--service-networks", "EGRESSD_SERVICE_NETWORKS"),
            service_networks.as_deref(),
        )?,
        inside: inside(inside_networks.as_deref())?,
        api_server: vec![],
        origin: match origin {
            Origin::Manifests(_) => model::Origin::Manifests,
            Origin::Cluster(..) => model::Origin::Cluster,
        },
    })
}

/// The same for a source that is to be followed, and not only read once.
///
/// # Errors
/// As [`config`], and when the source is standard input.
pub fn to_follow(input: &Input) -> Result<Config> {
    let config = config(input)?;
    origin::can_be_followed(&config.origin)?;
    Ok(config)
}

/// The names of our tables.
///
/// # Errors
/// When the instance's name is none.
pub fn tables(instance: &Instance) -> Result<TableNames> {
    Ok(self::instance(instance)?.tables())
}

/// Which egressd of several this is.
///
/// # Errors
/// When the instance's name is none.
pub fn instance(instance: &Instance) -> Result<compile::Instance> {
    Ok(instance_name(instance)?.map_or(compile::Instance::Default, compile::Instance::Named))
}

/// Where `status` asks.
///
/// # Errors
/// When the instance's name is none.
pub fn socket(socket: &Socket, instance: &Instance) -> Result<PathBuf> {
    if let Some(path) = &socket.socket {
        return Ok(path.clone());
    }
    let name = instance_name(instance)?.map_or_else(|| "egressd".to_owned(), |name| format!("egressd-{name}"));
    Ok(Path::new(RUNTIME_DIR).join(format!("{name}.sock")))
}

/// Where sockets of system services live, by the Filesystem Hierarchy Standard.
const RUNTIME_DIR: &str = "/run/egressd";

fn instance_name(instance: &Instance) -> Result<Option<InstanceName>> {
    let name = instance.instance_name.as_deref().filter(|name| !name.is_empty());
    name.map(InstanceName::new)
        .transpose()
        .with_context(|| format!("cannot use {}", setting("--instance-name", "EGRESSD_INSTANCE_NAME")))
}

/// How much is written into the cluster.
pub fn publish(typed: cli::Publish) -> Publish {
    match typed {
        cli::Publish::None => Publish::Nothing,
        cli::Publish::Events => Publish::Events,
        cli::Publish::All => Publish::All,
    }
}

fn owner(typed: cli::Owner) -> Owner {
    match typed {
        cli::Owner::Auto => Owner::Auto,
        cli::Owner::Address => Owner::Address,
        cli::Owner::VipHost => Owner::VipHost,
        cli::Owner::Any => Owner::Any,
    }
}

fn shared(typed: cli::SharedAddresses) -> SharedAddresses {
    match typed {
        cli::SharedAddresses::Allow => SharedAddresses::Allow,
        cli::SharedAddresses::Oldest => SharedAddresses::Oldest,
    }
}

/// Empty means not set, as for kube-vip's own variables.
fn prefix(text: &str) -> Result<AnnotationPrefix> {
    if text.is_empty() {
        return Ok(AnnotationPrefix::default());
    }
    AnnotationPrefix::new(text).context("cannot use --annotation-prefix (EGRESSD_ANNOTATION_PREFIX)")
}

/// `egress_withnftables`, with the values that kube-vip accepts as yes and no (Go's `strconv.ParseBool`).
fn with_nftables(value: Option<&str>) -> Result<Option<Finding>> {
    match value.unwrap_or_default() {
        "" | "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(None),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Some(Finding::warning(
            "no-effect",
            "egress_withnftables is false, which has no effect: egressd has nftables and nothing else; remove it",
        ))),
        other => Err(anyhow!("cannot use egress_withnftables: {other:?} is not true or false")),
    }
}

/// `none`, in any case, or networks. Empty means not set.
fn inside(value: Option<&str>) -> Result<InsideNetworks> {
    if value.is_some_and(|value| value.trim().eq_ignore_ascii_case("none")) {
        return Ok(InsideNetworks::Nothing);
    }
    let named = networks("--inside-networks (EGRESSD_INSIDE_NETWORKS)", value)?;
    Ok(if named.is_empty() { InsideNetworks::NotSet } else { InsideNetworks::These(named) })
}

/// kube-vip's form: comma-separated, blanks around items are fine, empty means not set.
fn networks(setting: &str, value: Option<&str>) -> Result<Vec<IpNet>> {
    let items = value.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| network(item).map_err(|right| anyhow!("cannot use {setting}: {item:?} is not {right}"))).collect()
}

fn network(item: &str) -> Result<IpNet, String> {
    let network: IpNet = item.parse().map_err(|_| "a network like 10.0.0.0/16 or fd00:10::/48".to_owned())?;
    if matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        return Err("a network that packets have; write it as IPv4, like 10.0.0.0/16".to_owned());
    }
    if network.trunc() == network { Ok(network) } else { Err(format!("a network; write {}", network.trunc())) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use egressd_core::plan::{Capacity, Limits};

    use egressd_core::ruleset::Priority;

    use super::*;

    fn refusal(value: &str) -> String {
        networks("--pod-networks (EGRESSD_POD_NETWORKS)", Some(value)).unwrap_err().to_string()
    }

    #[test]
    fn networks_of_both_families_may_be_mixed_and_blanks_do_not_matter() {
        let parsed = networks("x", Some(" 10.0.0.0/16, fd00:10::/48 ,")).unwrap();
        assert_eq!(parsed, ["10.0.0.0/16".parse().unwrap(), "fd00:10::/48".parse::<IpNet>().unwrap()]);
        assert!(networks("x", None).unwrap().is_empty());
    }

    #[test]
    fn a_bad_network_is_named_with_what_would_be_right() {
        let begin = "cannot use --pod-networks (EGRESSD_POD_NETWORKS): ";
        assert_eq!(
            refusal("10.0.0.0/33"),
            format!("{begin}\"10.0.0.0/33\" is not a network like 10.0.0.0/16 or fd00:10::/48")
        );
        assert_eq!(refusal("10.0.0.1/16"), format!("{begin}\"10.0.0.1/16\" is not a network; write 10.0.0.0/16"));
    }

    #[test]
    fn what_is_inside_beside_what_is_known_is_named_or_none() {
        assert_eq!(inside(None).unwrap(), InsideNetworks::NotSet);
        assert_eq!(inside(Some(" , ")).unwrap(), InsideNetworks::NotSet);
        assert_eq!(inside(Some(" None ")).unwrap(), InsideNetworks::Nothing);
        assert_eq!(
            inside(Some("10.0.0.0/8,fd00::/48")).unwrap(),
            InsideNetworks::These(["10.0.0.0/8", "fd00::/48"].map(|network| network.parse().unwrap()).to_vec())
        );
        assert_eq!(
            inside(Some("none,10.0.0.0/8")).unwrap_err().to_string(),
            "cannot use --inside-networks (EGRESSD_INSIDE_NETWORKS): \"none\" is not a network like 10.0.0.0/16 or \
             fd00:10::/48"
        );
    }

    fn typed(arguments: &[&str]) -> Result<Config> {
        let arguments = [&["egressd", "plan"], arguments].concat();
        let cli::Command::Plan(plan) = clap::Parser::try_parse_from(arguments).map(|cli: cli::Cli| cli.command)? else {
            panic!("plan was typed");
        };
        config(&plan.input)
    }

    #[test]
    fn manifests_are_trusted_and_a_cluster_is_only_on_request() {
        let trust = |arguments: &[&str]| typed(arguments).unwrap().settings.trust;
        assert_eq!(trust(&["--manifests", "/m", "--kubeconfig", "/k"]), AddressTrust::Annotation);
        assert_eq!(trust(&["--node", "a", "--kubeconfig", "/k"]), AddressTrust::Status);
        assert_eq!(
            trust(&["--node", "a", "--kubeconfig", "/k", "--trust-address-annotation"]),
            AddressTrust::Annotation
        );
    }

    #[test]
    fn what_policies_may_cost_is_what_the_core_says_unless_it_is_set() {
        let policies_of = |arguments: &[&str]| typed(&[&["--manifests", "/m"], arguments].concat()).unwrap().policies;
        assert_eq!(policies_of(&[]), PolicyLimits::default());
        let set = policies_of(&[
            "--policies-most=1",
            "--policies-mebibytes=2",
            "--policies-cpu-seconds=3",
            "--policies-wait-seconds=4",
        ]);
        let seconds = Duration::from_secs;
        assert_eq!(set, PolicyLimits { policies: 1, native: 2 << 20, time: seconds(3), wait: seconds(4) });
    }

    #[test]
    fn limits_that_are_not_typed_are_those_of_the_core_and_none_is_zero() {
        assert_eq!(typed(&["--manifests", "/m"]).unwrap().settings.limits, Limits::default());
        let few = typed(&["--manifests", "/m", "--limit-namespace-networks=7"]).unwrap().settings.limits;
        assert_eq!(few.namespace, Capacity { networks: 7, ..Limits::default().namespace });
        assert!(typed(&["--manifests", "/m", "--limit-service-rules=0"]).is_err());
    }

    #[test]
    fn a_priority_is_between_connection_tracking_and_masquerading() {
        let priority_of =
            |argument: &str| typed(&["--manifests", "/m", argument]).map(|config| config.settings.tables.priority);
        assert_eq!(typed(&["--manifests", "/m"]).unwrap().settings.tables.priority, Priority::DEFAULT);
        assert_eq!(priority_of("--priority=-150").unwrap().number(), -150);
        let refused = format!("{:#}", priority_of("--priority=100").unwrap_err());
        assert!(
            refused.starts_with("cannot use --priority (EGRESSD_PRIORITY): 100 is not from -199 to 99"),
            "{refused}"
        );
    }

    #[test]
    fn two_instances_have_two_sockets() {
        let socket_of = |name: Option<&str>| {
            let instance = Instance { instance_name: name.map(str::to_owned) };
            socket(&Socket { socket: None }, &instance).unwrap()
        };
        assert_eq!(socket_of(None), Path::new("/run/egressd/egressd.sock"));
        assert_eq!(socket_of(Some("blue")), Path::new("/run/egressd/egressd-blue.sock"));
    }

    #[test]
    fn a_prefix_that_no_annotation_can_have_is_refused_in_one_sentence() {
        assert_eq!(prefix("example.org").unwrap().to_string(), "example.org");
        assert_eq!(prefix("").unwrap(), AnnotationPrefix::default());
        assert_eq!(
            format!("{:#}", prefix("Example.org/").unwrap_err()),
            "cannot use --annotation-prefix (EGRESSD_ANNOTATION_PREFIX): \"Example.org/\" is not a valid lowercase \
             DNS name; write one like kube-vip.io, without a slash"
        );
    }

    #[test]
    fn kube_vips_choice_of_nftables_is_accepted_and_the_other_choice_is_reported() {
        for yes in [None, Some(""), Some("true"), Some("1"), Some("T")] {
            assert_eq!(with_nftables(yes).unwrap(), None);
        }
        for no in ["false", "0", "False"] {
            assert_eq!(with_nftables(Some(no)).unwrap().unwrap().code, "no-effect");
        }
        let error = with_nftables(Some("yes")).unwrap_err();
        assert_eq!(error.to_string(), "cannot use egress_withnftables: \"yes\" is not true or false");
    }

    #[test]
    fn each_instance_can_be_named_whatever_the_environment_has() {
        let named = |setting: &str| {
            let arguments = ["egressd", "clean", &format!("--instance-name={setting}")];
            let Ok(cli::Cli { command: cli::Command::Clean(args) }) = clap::Parser::try_parse_from(arguments) else {
                panic!("{setting:?} was typed");
            };
            instance(&args.instance).unwrap()
        };
        for name in ["", "-x", "..", "--all"] {
            assert_eq!(named(name).setting(), name);
        }
    }

    #[test]
    fn an_instance_name_that_is_none_is_refused() {
        let error = tables(&Instance { instance_name: Some("a b".to_owned()) }).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "cannot use --instance-name (EGRESSD_INSTANCE_NAME): \"a b\" must be 1 to 200 letters, digits, '.', '_' or '-'"
        );
    }
}
