//! The objects of common installations name their pod networks, as far as any object does.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use egressd::source::documents::objects;
use egressd::source::manifests::snapshot;
use lab::addresses::OUTSIDE_V4;
use lab::installations::{Installation, Knowledge};
use lab::manifest::Directory;
use lab::{Egressd, Lab, Pod, Program, Protocol};

use crate::fixture::{WEB_V4, WEB_V6, expect_only, program};

/// The subnets that pods of [`Installation::VpcCni`] have addresses of.
const SUBNETS: &str = "192.168.0.0/19,192.168.32.0/19";
/// The log message while an object keeps its last good state.
const STAYS: &str = "its last good state stays in force";

pub(crate) fn the_objects_of_common_installations_name_their_pod_networks() -> Result<()> {
    for installation in Installation::ALL {
        let read = objects(installation.manifests(), "node-1").with_context(|| format!("{installation:?}"))?;
        let known = snapshot(&read);
        let of_nodes = known.nodes.values().flat_map(|node| &node.pod_networks);
        let networks: Vec<_> =
            of_nodes.chain(known.cluster_networks.values().flat_map(|networks| &networks.pods)).collect();
        let expected = installation.knowledge() == Knowledge::FromObjects;
        for address in installation.pods()?.into_iter().flatten() {
            let found = networks.iter().any(|network| network.contains(&address));
            ensure!(found == expected, "{installation:?}: {address} in {networks:?}: {found}");
        }
    }
    Ok(())
}

/// P2, for every pod of the other node: those of `web` and others.
pub(crate) fn pods_of_common_installations_reach_each_other_untranslated_whatever_fails() -> Result<()> {
    let mut lab = Lab::builder().two_nodes().pods(2).build()?;
    for installation in Installation::ALL {
        installation.connect(&mut lab)?;
        let fixture = InstallationFixture::of(installation, &lab)?;
        let trial = match installation.knowledge() {
            Knowledge::FromObjects => InstallationFixture::its_objects_name_the_pod_networks,
            Knowledge::Unknown => InstallationFixture::a_setting_names_the_pod_networks,
        };
        let far = installation.pods()?[1].clone();
        fixture.untranslated_during(&far, &mut || trial(&fixture)).with_context(|| format!("{installation:?}"))?;
        program().clean(&lab)?;
    }
    Ok(())
}

/// An installation in a lab, with manifests that egressd on the first node follows.
struct InstallationFixture<'a> {
    lab: &'a Lab,
    manifests: Directory,
    whole: String,
}

impl<'a> InstallationFixture<'a> {
    fn of(installation: Installation, lab: &'a Lab) -> Result<Self> {
        let text = installation.manifests().replace("192.0.2.2}", &format!("{WEB_V4}}}"));
        let whole = text.replace("2001:db8:1::2", &WEB_V6.to_string());
        Ok(Self { lab, manifests: Directory::new()?, whole })
    }

    /// An object that is broken from the start was never known, so there is no SNAT to private destinations; once
    /// known, it stays known.
    fn its_objects_name_the_pod_networks(&self) -> Result<()> {
        self.write(&self.broken())?;
        let mut egressd = self.run(&program())?;
        egressd.wait_until_log_has("networks-assumed")?;
        egressd.expect_seen(self.pod(), OUTSIDE_V4, Protocol::Tcp, self.pod().v4())?;
        self.write(&self.whole)?;
        self.expect_same_after_restart(egressd, &program())
    }

    /// The same for networks that only a setting names.
    fn a_setting_names_the_pod_networks(&self) -> Result<()> {
        self.write(&self.whole)?;
        let mut egressd = self.run(&program())?;
        egressd.wait_until_log_has("networks-assumed")?;
        egressd.expect_seen(self.pod(), OUTSIDE_V4, Protocol::Tcp, self.pod().v4())?;
        egressd.stop()?;
        let set = program().environment("EGRESSD_INSIDE_NETWORKS", SUBNETS);
        self.expect_same_after_restart(self.run(&set)?, &set)
    }

    /// From the moment when private destinations outside are translated to: what breaks then, and a restart, end
    /// nothing.
    fn expect_same_after_restart(&self, mut egressd: Egressd<'_>, program: &Program) -> Result<()> {
        egressd.wait_until_seen(self.pod(), OUTSIDE_V4, WEB_V4.into())?;
        self.write(&self.broken())?;
        egressd.wait_until_log_has(STAYS)?;
        egressd.expect_seen(self.pod(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
        egressd.stop()?;
        let mut egressd = self.run(program)?;
        egressd.wait_until_log_has(STAYS)?;
        egressd.wait_until_seen(self.pod(), OUTSIDE_V4, WEB_V4.into())?;
        egressd.stop()
    }

    /// The objects of the other node cannot be read.
    fn broken(&self) -> String {
        let of_other = |object: &str| object.contains("name: node-2\n");
        let broken = |object: &str| {
            let spec = if of_other(object) { "\nspec: broken\nwas:\n" } else { "\nspec:\n" };
            object.replace("\nspec:\n", spec)
        };
        self.whole.split("---\n").map(broken).collect::<Vec<_>>().join("---\n")
    }

    fn untranslated_during(&self, to: &[IpAddr], during: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let Some((first, rest)) = to.split_first() else { return during() };
        let untranslated = || self.untranslated_during(rest, during);
        let tally = self.lab.seen_during(self.pod(), *first, Protocol::Udp, untranslated)?;
        expect_only(&tally, self.pod().like(*first))
    }

    fn write(&self, text: &str) -> Result<()> {
        self.manifests.write_text("cluster.yaml", text)
    }

    fn run(&self, program: &Program) -> Result<Egressd<'_>> {
        program.run(self.lab, &self.manifests)
    }

    fn pod(&self) -> &Pod {
        self.lab.pod(1)
    }
}
