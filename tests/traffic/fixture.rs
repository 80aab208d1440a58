//! The fixture of most tests: a lab, and manifests for its node.

use std::net::IpAddr;

use anyhow::Result;
use lab::addresses::{load_balancer_v4, load_balancer_v6};
use lab::manifest::{self, Directory, EndpointSlice, Service};
use lab::{Egressd, Lab, Pod, Program, Seen};

/// The address of the Service [`web`], IPv4.
pub(crate) const WEB_V4: IpAddr = load_balancer_v4(2);
/// The same, IPv6.
pub(crate) const WEB_V6: IpAddr = load_balancer_v6(2);
/// Another address that the node holds, for the Service [`web`] to move to.
pub(crate) const OTHER_V4: IpAddr = load_balancer_v4(3);

/// A lab and a directory of manifests, so far of the node and the service networks only.
pub(crate) struct Fixture {
    pub(crate) lab: Lab,
    pub(crate) manifests: Directory,
}

impl Fixture {
    pub(crate) fn new() -> Result<Self> {
        Self::in_lab(Lab::new()?)
    }

    pub(crate) fn in_lab(lab: Lab) -> Result<Self> {
        let manifests = Directory::with(&[&manifest::node(), &manifest::service_networks()])?;
        Ok(Self { lab, manifests })
    }

    /// With the Service `web`, which selects pod 1.
    pub(crate) fn with_web() -> Result<Self> {
        let fixture = Self::new()?;
        fixture.manifests.write(&web())?;
        fixture.manifests.write(&fixture.web_endpoints())?;
        Ok(fixture)
    }

    /// Two nodes, and a Service of this name in front of pod 1 of each, in both families.
    pub(crate) fn on_two_nodes(name: &str, service: &Service) -> Result<Self> {
        let fixture = Self::in_lab(Lab::builder().two_nodes().build()?)?;
        fixture.manifests.write(&manifest::second_node())?;
        fixture.manifests.write(service)?;
        for node in fixture.lab.nodes() {
            for address in [node.pod(1).v4(), node.pod(1).v6()] {
                fixture.manifests.write(&manifest::endpoints(name, [address]).on_node(node.name()))?;
            }
        }
        Ok(fixture)
    }

    /// Pod 1, which `web` selects where it exists.
    pub(crate) fn selected(&self) -> &Pod {
        self.lab.pod(1)
    }

    /// Pod 3, which no Service selects.
    pub(crate) fn unselected(&self) -> &Pod {
        self.lab.pod(3)
    }

    pub(crate) fn web_endpoints(&self) -> EndpointSlice {
        manifest::endpoints("web", [self.selected().v4()])
    }

    pub(crate) fn run(&self) -> Result<Egressd<'_>> {
        program().run(&self.lab, &self.manifests)
    }

    /// Runs egressd and waits until pod 1 is translated.
    pub(crate) fn run_until_translated(&self) -> Result<Egressd<'_>> {
        let mut egressd = self.run()?;
        egressd.wait_until_seen(self.selected(), lab::addresses::OUTSIDE_V4, WEB_V4.into())?;
        Ok(egressd)
    }

    /// Runs egressd on this Service in front of pod 1, until TCP calls to this port are translated in both families.
    pub(crate) fn run_in_both_families(&self, web: &Service, port: u16) -> Result<Egressd<'_>> {
        let pod = self.selected();
        self.manifests.write(web)?;
        self.manifests.write(&manifest::endpoints("web", [pod.v4()]))?;
        self.manifests.write(&manifest::endpoints("web", [pod.v6()]))?;
        let mut egressd = self.run()?;
        egressd.wait_until_seen(pod, (lab::addresses::OUTSIDE_V4, port), WEB_V4.into())?;
        egressd.wait_until_seen(pod, (lab::addresses::OUTSIDE_V6, port), WEB_V6.into())?;
        Ok(egressd)
    }

    /// That nothing leads to the address of `web`. As an address of the node it is still one that nothing is translated
    /// towards.
    pub(crate) fn expect_no_element(&self) -> Result<()> {
        let rules = self.lab.node().ruleset()?;
        let left = [format!(": {WEB_V4}"), format!("to {WEB_V4}")].iter().any(|text| rules.contains(text));
        anyhow::ensure!(!left, "something is left of the Service:\n{rules}");
        Ok(())
    }

    /// Whether egressd's tables are on the node.
    pub(crate) fn has_tables(&self) -> Result<bool> {
        Ok(self.lab.node().tables()?.contains("kube_vip"))
    }
}

pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_egressd"))
}

/// The Service `web` with egress and one address of each family.
pub(crate) fn web() -> Service {
    manifest::service("web").addresses([WEB_V4, WEB_V6]).egress()
}

/// That calls were made, and all seen as the same.
pub(crate) fn expect_only(tally: &std::collections::BTreeMap<Seen, usize>, expected: IpAddr) -> Result<()> {
    let seen: Vec<Seen> = tally.keys().copied().collect();
    anyhow::ensure!(seen == [expected.into()], "expected all calls to be seen as {expected}: {tally:?}");
    Ok(())
}
