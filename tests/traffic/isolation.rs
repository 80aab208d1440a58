//! Input of one tenant does not affect another: it loses no policy and no rule.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use lab::addresses::{OUTSIDE_V4, load_balancer_v4};
use lab::{Protocol, manifest};

use crate::fixture::{Fixture, OTHER_V4, WEB_V4, expect_only, web};
use crate::guests::{HOSTILE, policy_status, service};
use crate::policies::wait_until_failed;

/// The source addresses of pod 1 while egressd is restarted and runs until `ready`.
fn restart(fixture: &Fixture, ready: impl Fn() -> Result<bool>) -> Result<()> {
    let seen: BTreeMap<_, _> = fixture.lab.seen_during(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, || {
        let mut egressd = fixture.run()?;
        egressd.wait_until_log_has("running")?;
        egressd.wait_until("it is through", &ready)?;
        thread::sleep(Duration::from_millis(500));
        egressd.stop()
    })?;
    expect_only(&seen, WEB_V4)
}

/// P6, P7: forty Services with 12 kB of bad ports each are invalid, and that is all.
pub(crate) fn invalid_input_of_a_tenant_costs_another_no_policy_and_no_rule() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let mut egressd = fixture.run_until_translated()?;
    let bad = vec!["x"; 6_000].join(",");
    for number in 0..40 {
        let name = format!("bad-{number}");
        let service = manifest::service(&name).namespace("a-tenant").addresses([load_balancer_v4(4)]).egress();
        let service = service.annotation("egress-destination-ports", &bad);
        let endpoints = manifest::endpoints(&name, [fixture.unselected().v4()]).namespace("a-tenant");
        fixture.manifests.write_together(&format!("{name}.yaml"), &[&service, &endpoints])?;
    }
    let new = manifest::service("new").namespace("z-victim").addresses([OTHER_V4]).egress();
    let endpoints = manifest::endpoints("new", [fixture.lab.pod(2).v4()]).namespace("z-victim");
    fixture.manifests.write_together("new.yaml", &[&new, &endpoints])?;
    egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.wait_until("the bad ones are invalid", || Ok(service(&fixture, "bad-39")?["state"] == "invalid"))?;
    let slowed = policy_status(&fixture, "annotations")?["slowed"].clone();
    ensure!(slowed.is_null(), "{slowed}");
    egressd.stop()?;
    restart(&fixture, || Ok(service(&fixture, "bad-39")?["state"] == "invalid"))
}

/// P6: the last good draft is remembered.
pub(crate) fn a_service_whose_policy_cannot_answer_keeps_its_rules_over_a_restart() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let egressd = fixture.run_until_translated()?;
    let looping = manifest::policy("guard").wasm(&HOSTILE).annotation("order", "-1").settings(r#"{"do": "loop"}"#);
    fixture.manifests.write(&looping)?;
    wait_until_failed(&fixture, "web")?;
    egressd.stop()?;
    restart(&fixture, || Ok(service(&fixture, "web")?["state"] == "failed"))
}

/// Edits a dear Service of each of twelve namespaces again and again until `over`, as fast as egressd takes it in.
fn edit_dear_services(fixture: &Fixture, over: &AtomicBool) -> Result<()> {
    let networks: Vec<String> = (0..4_000).map(|i| format!("20.{}.{}.0/24", i >> 8, i & 255)).collect();
    let networks = networks.join(",");
    for edit in (0..250).cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
        for namespace in 0..12 {
            let service =
                manifest::service("dear").namespace(&format!("a{namespace}")).addresses([load_balancer_v4(4)]);
            let service =
                service.egress().annotation("egress-allowed-networks", &format!("{networks},9.9.{edit}.0/24"));
            fixture.manifests.write_together(&format!("dear-{namespace}.yaml"), &[&service])?;
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// P1, P3: the pod is seen with the source of the old or the new state, and changes take effect while the edits go
/// on.
pub(crate) fn a_new_address_and_a_new_pod_take_effect_while_others_edit_expensive_services_continuously() -> Result<()>
{
    let fixture = Fixture::with_web()?;
    let (pod, over) = (fixture.selected(), AtomicBool::new(false));
    let mut egressd = fixture.run_until_translated()?;
    let tally = thread::scope(|scope| {
        let edits = scope.spawn(|| edit_dear_services(&fixture, &over));
        let tally = fixture.lab.seen_during(pod, OUTSIDE_V4, Protocol::Tcp, || {
            egressd.wait_until_log_has("service=a11/dear")?;
            for address in [OTHER_V4, WEB_V4, OTHER_V4] {
                fixture.manifests.write(&web().addresses([address]))?;
                egressd.wait_until_seen(pod, OUTSIDE_V4, address.into())?;
            }
            fixture.manifests.write(&manifest::endpoints("web", [pod.v4(), fixture.lab.pod(2).v4()]))?;
            egressd.wait_until_seen(fixture.lab.pod(2), OUTSIDE_V4, OTHER_V4.into())
        });
        over.store(true, Ordering::Relaxed);
        edits.join().map_err(|_| anyhow!("the edits ended in a panic"))?.and(tally)
    })?;
    let expected = [WEB_V4.into(), OTHER_V4.into()];
    ensure!(tally.keys().all(|seen| expected.contains(seen)), "seen as: {tally:?}");
    egressd.stop()
}
