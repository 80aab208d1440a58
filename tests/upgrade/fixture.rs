//! The fixture of the trials: a lab, and a Service of each kind with a pod of its own.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use lab::addresses::{OUTSIDE_V4, load_balancer_v4};
use lab::manifest::{self, Directory, Manifest, Service};
use lab::{Egressd, Lab, Pod, Program, Protocol};

/// The address of all Services.
pub(crate) const ADDRESS: IpAddr = load_balancer_v4(2);
/// Another one, for changes.
pub(crate) const OTHER: IpAddr = load_balancer_v4(3);

/// The kinds of Services, which the kernel has in different maps and chains: a name, and annotations that all let calls
/// of the lab pass.
pub(crate) const KINDS: [(&str, &[(&str, &str)]); 4] = [
    ("plain", &[]),
    ("ports", &[("egress-destination-ports", "udp:9001,udp:9002,udp:9003,udp:9004,tcp:8080")]),
    ("ranges", &[("egress-destination-ports", "udp:9000-9999,tcp:8000-8999")]),
    ("networks", &[("egress-allowed-networks", "172.18.0.0/24")]),
];

/// The kind whose pod is changed last, behind all of [`Fixture::write_many`]: among equals, the pod with fewer changes
/// goes first.
pub(crate) const LAST_TO_MOVE: usize = 1;

/// A lab and a directory of manifests.
pub(crate) struct Fixture {
    pub(crate) lab: Lab,
    pub(crate) manifests: Directory,
}

impl Fixture {
    pub(crate) fn new() -> Result<Self> {
        // One for each kind, and one for changes.
        let lab = Lab::builder().pods(5).build()?;
        let manifests = Directory::with(&[&manifest::node(), &manifest::service_networks()])?;
        let fixture = Self { lab, manifests };
        for (index, (name, _)) in KINDS.iter().enumerate() {
            fixture.manifests.write(&kind(index))?;
            fixture.manifests.write(&manifest::endpoints(name, [fixture.pod(index).v4()]))?;
        }
        Ok(fixture)
    }

    /// The pod behind the Service of this kind.
    pub(crate) fn pod(&self, kind: usize) -> &Pod {
        let number = u8::try_from(kind + 1).unwrap_or(u8::MAX);
        self.lab.pod(number)
    }

    /// Starts one that takes everything over: it makes a change of another Service.
    pub(crate) fn started<'s>(&'s self, program: &Program, address: IpAddr) -> Result<Egressd<'s>> {
        let mut egressd = program.run(&self.lab, &self.manifests)?;
        egressd.wait_until_log_has("running")?;
        let pod = self.lab.pod(5);
        self.manifests.write(&manifest::service("other").addresses([address]).egress())?;
        self.manifests.write(&manifest::endpoints("other", [pod.v4()]))?;
        egressd.wait_until_seen(pod, OUTSIDE_V4, address.into())?;
        Ok(egressd)
    }

    /// Expects that every pod is translated.
    pub(crate) fn expect_all(&self, when: &str) -> Result<()> {
        for (index, (name, _)) in KINDS.iter().enumerate() {
            let seen = self.lab.seen_from(self.pod(index), OUTSIDE_V4, Protocol::Tcp)?;
            ensure!(seen == ADDRESS.into(), "{when}: the pod of Service {name} is seen as {seen}");
        }
        Ok(())
    }

    /// That a pod's new connections are all translated while something is done, however many there are.
    pub(crate) fn expect_only<T>(&self, kind: usize, during: impl FnOnce() -> Result<T>) -> Result<T> {
        let flood = self.lab.flood(self.pod(kind), OUTSIDE_V4)?;
        let done = during()?;
        let sent = flood.position();
        let seen = flood.end()?;
        let wrong: Vec<_> = seen.iter().filter(|(_, address)| **address != ADDRESS).take(10).collect();
        ensure!(
            wrong.is_empty(),
            "of {} datagrams of Service {} these had another source: {wrong:?}",
            seen.len(),
            KINDS[kind].0
        );
        // A receiver that was not scheduled in time loses some; losing many would be a gap in service.
        ensure!(seen.len() >= sent as usize / 100 * 98, "only {} of {sent} datagrams arrived", seen.len());
        Ok(done)
    }

    /// Writes so many Services of one pod each that all of them together are several slices of a change.
    pub(crate) fn write_many(&self) -> Result<()> {
        for number in 0..45 {
            let services: Vec<_> = (1..=100)
                .map(|pod| {
                    let name = format!("many-{number}-{pod}");
                    let service = manifest::service(&name).addresses([ADDRESS]).egress();
                    (service, manifest::endpoints(&name, [IpAddr::from([10, 0, 100 + number, pod])]))
                })
                .collect();
            let all: Vec<&dyn Manifest> =
                services.iter().flat_map(|(service, endpoints)| [service as &dyn Manifest, endpoints]).collect();
            self.manifests.write_together(&format!("many-{number}.yaml"), &all)?;
        }
        Ok(())
    }

    /// Whether egressd has no tables but those that translate.
    pub(crate) fn has_its_tables_alone(&self) -> Result<bool> {
        Ok(self.tables()? == ["kube_vip_v4", "kube_vip_v6"])
    }

    /// The names of egressd's tables.
    pub(crate) fn tables(&self) -> Result<Vec<String>> {
        let all = self.lab.node().tables()?;
        let names = all.lines().filter_map(|line| line.rsplit(' ').next());
        Ok(names.filter(|name| name.contains("kube_vip") || name.contains("egressd")).map(str::to_owned).collect())
    }

    pub(crate) fn status(&self) -> Result<String> {
        Ok(program().status(&self.lab, &self.manifests, &["--output=json"])?.1)
    }
}

/// The egressd of this tree.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_egressd"))
}

pub(crate) fn kind(index: usize) -> Service {
    let (name, annotations) = KINDS[index];
    let service = manifest::service(name).addresses([ADDRESS]).egress();
    annotations.iter().fold(service, |service, (name, value)| service.annotation(name, value))
}
