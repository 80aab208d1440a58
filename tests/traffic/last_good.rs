//! P6 and P4: objects that cannot be read when egressd starts are remembered, so that a restart with a broken file
//! neither stops nor widens translation.

use anyhow::{Result, ensure};
use lab::addresses::{OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::manifest::{self, Manifest, endpoints};
use lab::{Egressd, Protocol};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, expect_only, program, web};
use crate::guests::{policy_status, private_guard};

/// Where `web` is not translated to: it stands for the pods of another node.
const INSIDE: &str = "172.19.0.0/16";
/// The network of the outside host.
const OUTSIDE: &str = "172.18.0.0/24";

/// All that a fixture has, in one file, as people dump it, and another Service beside it that can be edited.
struct Dump(Fixture);

impl Dump {
    fn new() -> Result<Self> {
        let fixture = Fixture::new()?;
        let (slice, pod) = (fixture.web_endpoints(), fixture.lab.pod(2));
        fixture.manifests.write_together("dump.yaml", &[&far_node(), &web(), &slice])?;
        fixture.manifests.write(&manifest::service("other").addresses([OTHER_V4]).egress())?;
        fixture.manifests.write(&endpoints("other", [pod.v4()]))?;
        Ok(Self(fixture))
    }

    /// Starts egressd, and waits until what can be read is in force.
    fn start(&self) -> Result<Egressd<'_>> {
        let mut egressd = self.0.run()?;
        egressd.wait_until_seen(self.0.lab.pod(2), OUTSIDE_V4, OTHER_V4.into())?;
        Ok(egressd)
    }

    /// Nothing has changed: the pod leaves with the Service's address, and destinations inside stay inside.
    fn expect_unchanged(&self, egressd: &Egressd<'_>) -> Result<()> {
        let pod = self.0.selected();
        egressd.expect_seen(pod, OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
        egressd.expect_seen(pod, OTHER_OUTSIDE_V4, Protocol::Udp, pod.v4())
    }

    fn restart_with(&self, text: &str) -> Result<()> {
        self.0.manifests.write_text("dump.yaml", text)?;
        let tally = self.0.lab.seen_during(self.0.selected(), OUTSIDE_V4, Protocol::Udp, || {
            for _ in 0..2 {
                let mut egressd = self.start()?;
                egressd.wait_until_log_has("dump.yaml")?;
                self.expect_unchanged(&egressd)?;
                let (code, printed) = program().diff(&self.0.lab, &self.0.manifests)?;
                ensure!(code == Some(0), "`diff` reads what `run` does ({code:?}):\n{printed}");
                egressd.stop()?;
            }
            Ok(())
        })?;
        expect_only(&tally, WEB_V4)
    }
}

/// Another node, with its pods.
fn far_node() -> manifest::Node {
    manifest::second_node().pod_networks(&[INSIDE])
}

/// What becomes of a file while egressd is away, and a restart after it, and another one.
pub(crate) fn an_invalid_file_at_the_start_neither_stops_nor_widens_translation() -> Result<()> {
    let dump = Dump::new()?;
    let whole = [far_node().yaml(), web().yaml(), dump.0.web_endpoints().yaml()].map(|yaml| yaml.to_string());
    let [node, service, slice] = &whole;
    let egressd = dump.start()?;
    dump.expect_unchanged(&egressd)?;
    egressd.stop()?;
    let broken = "kind: Service\nmetadata: [this, is, never, closed\n";
    let typo = node.replace(INSIDE, "172.19.0.0/166");
    let loud = service.replace("LoadBalancer", "Loud");
    let texts = [
        broken.to_owned(),
        String::new(),
        format!("{node}---\n{loud}---\n{slice}"),
        format!("{typo}---\n{service}---\n{slice}"),
    ];
    for text in texts {
        dump.restart_with(&text)?;
    }
    // Corrected objects count, and deleted ones are gone.
    dump.0.manifests.write_together("dump.yaml", &[&web(), &dump.0.web_endpoints()])?;
    let mut egressd = dump.start()?;
    egressd.wait_until_seen(dump.0.selected(), OTHER_OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

/// As after an update from a release that remembered no manifests: the rules of a named Service stay.
pub(crate) fn a_service_that_was_never_remembered_keeps_what_was_in_force() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    std::fs::remove_dir_all(fixture.manifests.state().join("sources"))?;
    let loud = web().yaml().to_string().replace("LoadBalancer", "Loud");
    fixture.manifests.write_text(&web().file_name(), &loud)?;
    let tally = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Udp, || {
        let mut egressd = fixture.run()?;
        egressd.wait_until_log_has("service-unreadable")?;
        egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Udp, WEB_V4)?;
        egressd.stop()
    })?;
    expect_only(&tally, WEB_V4)?;
    fixture.manifests.write(&web().addresses([OTHER_V4]))?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.stop()
}

/// P7: nothing passes where a guard was in force, though its file is broken, and though nothing but its policy is
/// remembered.
pub(crate) fn a_guard_in_a_broken_file_is_in_force_after_a_restart() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let (pod, guard) = (fixture.selected(), private_guard(OUTSIDE)?);
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&guard)?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    egressd.stop()?;
    let unreadable = guard.yaml().to_string().replace("policy.wasm.gz: ", "policy.wasm.gz: '?' # ");
    ensure!(unreadable != guard.yaml().to_string(), "the manifest of a policy is written otherwise");
    let tally = fixture.lab.seen_during(pod, OUTSIDE_V4, Protocol::Udp, || {
        for text in ["data: [never, closed", &unreadable] {
            fixture.manifests.write_text(&guard.file_name(), text)?;
            let mut egressd = fixture.run()?;
            egressd.wait_until_log_has(&guard.file_name())?;
            egressd.wait_until("the guard is in force", || {
                Ok(policy_status(&fixture, "guard").is_ok_and(|guard| guard["state"] == "enforced"))
            })?;
            egressd.stop()?;
            std::fs::remove_dir_all(fixture.manifests.state().join("sources"))?;
        }
        Ok(())
    })?;
    expect_only(&tally, pod.v4())
}

/// A mount that is late, or was emptied by mistake; and the empty list that really means nothing.
pub(crate) fn an_empty_directory_at_the_start_is_awaited() -> Result<()> {
    let fixture = Fixture::with_web()?;
    fixture.run_until_translated()?.stop()?;
    fixture.manifests.move_away()?;
    std::fs::create_dir(fixture.manifests.path())?;
    let mut egressd = fixture.run()?;
    egressd.wait_until_log_has("manifests-missing")?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    fixture.manifests.write_text("nothing.yaml", "apiVersion: v1\nkind: List\nitems: []\n")?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, fixture.selected().v4().into())?;
    egressd.stop()
}
