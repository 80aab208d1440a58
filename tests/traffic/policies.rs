//! Policies come, change, go wrong and go, under load: packets are right throughout, and other Services never
//! notice (P7).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::addresses::{NODE_NAME, OTHER_OUTSIDE_V4, OUTSIDE_V4};
use lab::manifest::{self, Policy, policy};
use lab::{Egressd, Flood, Protocol};

use crate::changes::expect_exact;
use crate::fixture::{Fixture, OTHER_V4, WEB_V4, program, web};
use crate::guests::{HOSTILE, PRIVATE_GUARD, gzip, policy_status, private_guard, service, wait_until_trouble};
use crate::history::History;

/// Where the outside host is; a guard that excludes it takes the translation away.
const OUTSIDE: &str = "172.18.0.0/24";
/// An unused address.
const NOWHERE: &str = "192.0.2.0/24";

/// Two Services with a pod each, both calling the outside world as fast as they can.
struct ParallelCalls {
    web: Flood,
    other: Flood,
    history: History,
}

impl ParallelCalls {
    fn begin(fixture: &Fixture, egressd: &mut Egressd<'_>) -> Result<Self> {
        fixture.manifests.write(&manifest::service("other").addresses([OTHER_V4]).egress())?;
        fixture.manifests.write(&manifest::endpoints("other", [fixture.lab.pod(2).v4()]))?;
        egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, OTHER_V4.into())?;
        let web = fixture.lab.flood(fixture.selected(), OUTSIDE_V4)?;
        let other = fixture.lab.flood(fixture.lab.pod(2), OTHER_OUTSIDE_V4)?;
        Ok(Self { web, other, history: History::beginning_as(WEB_V4) })
    }

    /// Writes a policy about `web`, and waits until its pod is seen as this.
    fn change(&mut self, fixture: &Fixture, egressd: &mut Egressd<'_>, guard: &Policy, address: IpAddr) -> Result<()> {
        let begun = self.web.position();
        fixture.manifests.write(guard)?;
        egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, address.into())?;
        self.history.changed_to(address, [begun, self.web.position()]);
        Ok(())
    }

    fn end(self) -> Result<()> {
        let sent = [self.web.position(), self.other.position()];
        self.history.expect_right(&self.web.end()?, sent[0])?;
        History::beginning_as(OTHER_V4).expect_right(&self.other.end()?, sent[1])
    }
}

/// Only for Services with the label, unless it is changed.
fn for_web(policy: Policy) -> Policy {
    policy.annotation("services", "guarded=yes")
}

fn fixture() -> Result<Fixture> {
    let fixture = Fixture::with_web()?;
    fixture.manifests.write(&web().label("guarded", "yes"))?;
    Ok(fixture)
}

/// What cannot be loaded, and a part of the error.
fn bad_modules() -> Result<Vec<(Policy, &'static str)>> {
    let named = || policy("guard").annotation("order", "100");
    let half = &PRIVATE_GUARD[..PRIVATE_GUARD.len() / 2];
    let bomb = gzip(&vec![0; 64 << 20])?;
    Ok(vec![
        (named().wasm(half), "policy guard"),
        (named().wasm(b"\0asm\x01\0\0\0"), "core module"),
        (named().wasm(b"\0asm\x0d\0\x01\0"), "exports none of"),
        (named().wasm(b"\x7fELF\x02\x01\x01\0"), "native code"),
        (named().wasm(b"not wasm"), "policy guard"),
        (named().gzip(&bomb), "becomes larger than 4194304 bytes"),
        (named().gzip(b"not gzip"), "cannot decompress policy.wasm.gz"),
        (named(), "binaryData has neither policy.wasm nor policy.wasm.gz"),
        (named().wasm(&PRIVATE_GUARD).annotation("sha256", &"0".repeat(64)), "has the SHA-256"),
        (named().wasm(&PRIVATE_GUARD).annotation("mode", "on"), "is not enforce, shadow or off"),
        (named().wasm(&PRIVATE_GUARD).settings("networks: []"), "data.settings is not a JSON object"),
        (named().wasm(&PRIVATE_GUARD).settings(r#"{"network": []}"#), "cannot use the settings of policy guard"),
    ])
}

/// P7: load, change the settings, replace by every kind of bad module, by one that reaches for what is not the
/// Service's own, roll back, delete.
pub(crate) fn adding_changing_breaking_and_deleting_a_policy_never_leaves_a_wrong_packet() -> Result<()> {
    let fixture = fixture()?;
    let mut egressd = fixture.run_until_translated()?;
    let mut load = ParallelCalls::begin(&fixture, &mut egressd)?;
    let untranslated = fixture.selected().v4();
    load.change(&fixture, &mut egressd, &for_web(private_guard(OUTSIDE)?), untranslated)?;
    load.change(&fixture, &mut egressd, &for_web(private_guard(NOWHERE)?), WEB_V4)?;
    for (bad, sentence) in bad_modules()? {
        fixture.manifests.write(&for_web(bad))?;
        wait_until_trouble(&fixture, "guard", sentence)?;
        ensure!(policy_status(&fixture, "guard")?["state"] == "enforced", "the last good one stays in force");
    }
    for misdeed in ["foreign-address", "foreign-source", "panic", "loop"] {
        fixture.manifests.write(&for_web(misbehaving(misdeed)))?;
        wait_until_failed(&fixture, "web")?;
    }
    load.change(&fixture, &mut egressd, &for_web(private_guard(OUTSIDE)?), untranslated)?;
    let begun = load.web.position();
    fixture.manifests.remove(&private_guard(OUTSIDE)?)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    load.history.changed_to(WEB_V4, [begun, load.web.position()]);
    load.end()?;
    expect_exact(&fixture)?;
    egressd.stop()
}

/// The hostile policy under the guard's name.
fn misbehaving(misdeed: &str) -> Policy {
    let guard = policy("guard").wasm(&HOSTILE).annotation("order", "100");
    guard.settings(&format!(r#"{{"do": "{misdeed}"}}"#))
}

pub(crate) fn wait_until_failed(fixture: &Fixture, name: &str) -> Result<()> {
    lab::wait_until(&format!("Service {name} has failed"), lab::DEADLINE, || {
        Ok(service(fixture, name)?["state"] == "failed")
    })
}

/// P7: what a policy does to one Service is not felt by another, whatever it costs.
pub(crate) fn a_live_edit_takes_effect_while_a_policy_loops_for_another_service() -> Result<()> {
    let fixture = fixture()?;
    for number in 0..40 {
        let name = format!("noisy-{number}");
        let noisy = manifest::service(&name).addresses([OTHER_V4]).egress().label("noisy", "yes");
        let last = 100 + number;
        let endpoints = manifest::endpoints(&name, [IpAddr::from([10, 0, 0, last])]);
        fixture.manifests.write_together(&format!("{name}.yaml"), &[&noisy, &endpoints])?;
    }
    let mut egressd = fixture.run_until_translated()?;
    for misdeed in ["loop", "log-storm"] {
        fixture.manifests.write(&misbehaving(misdeed).annotation("services", "noisy=yes"))?;
        wait_until_failed(&fixture, "noisy-39")?;
        for address in [OTHER_V4, WEB_V4] {
            fixture
                .manifests
                .write(&manifest::service("noisy-0").addresses([address]).egress().label("noisy", "yes"))?;
            fixture.manifests.write(&web().addresses([address]))?;
            let begun = Instant::now();
            egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, address.into())?;
            // Takes a fraction of a second on an idle machine; the bound is for one that is busy.
            ensure!(begun.elapsed() < Duration::from_secs(30), "{misdeed}: the edit took {:?}", begun.elapsed());
        }
    }
    // Each input was evaluated once: forty prompt failures are far below the limit of a policy.
    let slowed = policy_status(&fixture, "guard")?["slowed"].clone();
    ensure!(slowed.is_null() || slowed.to_string().contains("it is evaluated once per second only"), "{slowed}");
    egressd.stop()
}

/// The built-in policy by a ConfigMap of its name. The prefix is no setting of its own: whoever sets it there is
/// refused, and nothing changes (P6, P7).
pub(crate) fn the_built_in_policy_has_the_hosts_prefix_and_can_be_disabled() -> Result<()> {
    let fixture = fixture()?;
    let mut egressd = fixture.run_until_translated()?;
    let moved = policy("annotations").settings(r#"{"prefix": "egress.example.com"}"#);
    fixture.manifests.write(&moved)?;
    wait_until_trouble(&fixture, "annotations", "set that option as intended, and remove the setting")?;
    fixture.lab.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    fixture.manifests.write(&policy("annotations").annotation("mode", "off"))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, fixture.selected().v4().into())?;
    ensure!(policy_status(&fixture, "annotations")?["state"] == "off");
    fixture.manifests.remove(&moved)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    egressd.stop()
}

/// P7: a bad ConfigMap replaces no good policy, not even over a restart.
pub(crate) fn the_last_good_policy_is_in_force_after_a_restart_with_a_bad_one() -> Result<()> {
    let fixture = fixture()?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&private_guard(OUTSIDE)?)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, fixture.selected().v4().into())?;
    fixture.manifests.write(&policy("guard").wasm(b"bad"))?;
    wait_until_trouble(&fixture, "guard", "the last good one stays in force")?;
    egressd.stop()?;
    let seen = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, || {
        let mut egressd = fixture.run()?;
        wait_until_trouble(&fixture, "guard", "the last good one stays in force")?;
        egressd.wait_until_log_has("running")?;
        thread::sleep(Duration::from_millis(300));
        egressd.stop()
    })?;
    let all: BTreeMap<_, _> = seen;
    crate::fixture::expect_only(&all, fixture.selected().v4())
}

/// P7: policies in force have precedence over new ones, also after a restart, whatever the name of the new one.
pub(crate) fn a_policy_beyond_the_limit_does_not_displace_one_in_force() -> Result<()> {
    let fixture = fixture()?;
    let limited = || program().environment("EGRESSD_POLICIES_MOST", "1").run(&fixture.lab, &fixture.manifests);
    let mut egressd = limited()?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    let untranslated = fixture.selected().v4();
    fixture.manifests.write(&private_guard(OUTSIDE)?)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, untranslated.into())?;
    fixture.manifests.write(&policy("a").wasm(&HOSTILE).annotation("order", "-1"))?;
    wait_until_trouble(&fixture, "a", "the limit of policies, 1, is reached; remove one, or raise --policies-most")?;
    egressd.stop()?;
    let seen = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, || {
        let egressd = limited()?;
        wait_until_trouble(&fixture, "a", "the limit of policies, 1, is reached")?;
        ensure!(policy_status(&fixture, "guard")?["state"] == "enforced");
        egressd.stop()
    })?;
    crate::fixture::expect_only(&seen, untranslated)
}

/// A policy that never loaded stops no egress, unless its operator requires it.
pub(crate) fn a_policy_that_never_loaded_stops_no_egress_unless_it_is_required() -> Result<()> {
    let fixture = fixture()?;
    let mut egressd = fixture.run_until_translated()?;
    fixture.manifests.write(&policy("guard").wasm(b"bad"))?;
    wait_until_trouble(&fixture, "guard", "none of it is in force")?;
    ensure!(policy_status(&fixture, "guard")?["state"] == "refused");
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&policy("guard").wasm(b"bad").annotation("on-failure", "closed"))?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, fixture.selected().v4().into())?;
    ensure!(policy_status(&fixture, "guard")?["state"] == "missed");
    let findings = service(&fixture, "web")?["findings"].to_string();
    ensure!(findings.contains("policy guard failed: it is not loaded: "), "{findings}");
    egressd.stop()
}

/// `plan` loads policies as `run` does, and fails where one is refused.
pub(crate) fn plan_loads_policies_as_run_does() -> Result<()> {
    let fixture = fixture()?;
    let plan = || {
        let directory = fixture.manifests.path();
        program().output(&fixture.lab, &["plan", "--node", NODE_NAME, "--manifests", &directory.to_string_lossy()])
    };
    fixture.manifests.write(&for_web(private_guard(OUTSIDE)?))?;
    let printed = String::from_utf8(plan()?.stdout)?;
    ensure!(printed.contains(&format!("any except {OUTSIDE}")), "{printed}");
    fixture.manifests.write(&policy("guard").wasm(b"bad"))?;
    let output = plan()?;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(output.status.code() == Some(1) && printed.contains("error: policy guard: "), "{printed}");
    Ok(())
}
