//! Settings of annotations, and those that kube-vip's users already have.

use anyhow::{Result, ensure};
use lab::Protocol;
use lab::addresses::{
    NODE_NAME, OUTSIDE_V4, OUTSIDE_V6, POD_NETWORK_V4, POD_NETWORK_V6, SERVICE_NETWORK_V4, SERVICE_NETWORK_V6,
};
use lab::manifest::{self, Directory, endpoints};
use lab::{Lab, Program};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, WEB_V6, program, web};

const OURS: &str = "example.org";

/// P1: beside a kube-vip that acts on its own annotations. `loadbalancerIPs` is one of them.
pub(crate) fn a_custom_prefix_leaves_kube_vips_annotations_without_effect() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (kube_vips, ours) = (fixture.selected(), fixture.lab.pod(2));
    let service = manifest::service("ours")
        .addresses([OTHER_V4, WEB_V4])
        .annotation_of(OURS, "egress", "true")
        .annotation_of(OURS, "loadbalancerIPs", &OTHER_V4.to_string())
        .annotation("loadbalancerIPs", &WEB_V4.to_string())
        .annotation("egress-denied-networks", "0.0.0.0/0");
    fixture.manifests.write(&service)?;
    fixture.manifests.write(&endpoints("ours", [ours.v4()]))?;
    let mut egressd = prefixed().run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(ours, OUTSIDE_V4, OTHER_V4.into())?;
    egressd.expect_seen(kube_vips, OUTSIDE_V4, Protocol::Tcp, kube_vips.v4())?;
    egressd.stop()?;
    expect_that_plan_takes_the_option(&fixture)
}

fn prefixed() -> Program {
    program().environment("EGRESSD_ANNOTATION_PREFIX", OURS)
}

fn expect_that_plan_takes_the_option(fixture: &Fixture) -> Result<()> {
    let directory = fixture.manifests.path().to_string_lossy().into_owned();
    let state = format!("{directory}/.state");
    let plan = |prefix: &str| {
        let arguments = ["plan", "--node", NODE_NAME, "--manifests", &directory];
        let arguments = [&arguments[..], &["--state-dir", &state, "--annotation-prefix", prefix]].concat();
        program().output(&fixture.lab, &arguments)
    };
    let printed = String::from_utf8(plan(OURS)?.stdout)?;
    ensure!(printed.contains("default/ours") && !printed.contains("default/web"), "{printed}");
    let refused = plan("Example.org/")?;
    let printed = String::from_utf8(refused.stderr)?;
    ensure!(!refused.status.success() && printed.lines().count() == 1, "{printed}");
    ensure!(printed.contains("\"Example.org/\" is not a valid lowercase DNS name"), "{printed}");
    Ok(())
}

/// P2, P10: kube-vip's names, and kube-vip's form of values.
pub(crate) fn kube_vips_environment_variables_are_understood() -> Result<()> {
    let lab = Lab::builder().pods(2).build()?;
    let (pod, other) = (lab.pod(1), lab.pod(2));
    let manifests =
        Directory::with(&[&web().egress_ipv6(), &endpoints("web", [pod.v4()]), &endpoints("web", [pod.v6()])])?;
    let program = program()
        .environment("egress_podcidr", &format!("{POD_NETWORK_V4},{POD_NETWORK_V6}"))
        .environment("egress_servicecidr", &format!("{SERVICE_NETWORK_V4}, {SERVICE_NETWORK_V6}"))
        .environment("egress_withnftables", "false")
        .environment("instance_name", "blue");
    let mut egressd = program.run(&lab, &manifests)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;
    // Nothing of IPv6 would be translated if its networks were unknown.
    egressd.wait_until_seen(pod, OUTSIDE_V6, WEB_V6.into())?;
    egressd.expect_seen(pod, other.v4(), Protocol::Tcp, pod.v4())?;
    egressd.expect_seen(pod, other.v6(), Protocol::Tcp, pod.v6())?;
    egressd.wait_until_log_has("egress_withnftables is false, which has no effect")?;
    let tables = lab.node().tables()?;
    ensure!(tables.contains("kube_vip_blue_v4") && !tables.contains("kube_vip_v4"), "{tables}");
    egressd.stop()
}
