//! What one tenant writes is not felt by another: no policy is lost to it, and no rule.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::addresses::{OUTSIDE_V4, load_balancer_v4};
use lab::{Protocol, manifest};

use crate::guests::{HOSTILE, service, told};
use crate::policies::wait_until_failed;
use crate::stage::{OTHER_V4, Stage, WEB_V4, expect_only};

/// What packets of pod 1 were seen as while egressd is started anew and runs until `ready`.
fn restart(stage: &Stage, ready: impl Fn() -> Result<bool>) -> Result<()> {
    let seen: BTreeMap<_, _> = stage.lab.seen_during(stage.selected(), OUTSIDE_V4, Protocol::Tcp, || {
        let mut egressd = stage.run()?;
        egressd.wait_until_log_has("running")?;
        egressd.wait_until("it is through", &ready)?;
        thread::sleep(Duration::from_millis(500));
        egressd.stop()
    })?;
    expect_only(&seen, WEB_V4)
}

/// P6, P7: forty Services with 12 kB of bad ports each are invalid, and that is all.
pub(crate) fn a_tenants_bad_text_takes_no_policy_and_no_rule_from_another() -> Result<()> {
    let stage = Stage::with_web()?;
    let mut egressd = stage.run_until_translated()?;
    let bad = vec!["x"; 6_000].join(",");
    for number in 0..40 {
        let name = format!("bad-{number}");
        let service = manifest::service(&name).namespace("a-tenant").addresses([load_balancer_v4(4)]).egress();
        let service = service.annotation("egress-destination-ports", &bad);
        let endpoints = manifest::endpoints(&name, [stage.unselected().v4()]).namespace("a-tenant");
        stage.manifests.write_together(&format!("{name}.yaml"), &[&service, &endpoints])?;
    }
    let new = manifest::service("new").namespace("z-victim").addresses([OTHER_V4]).egress();
    let endpoints = manifest::endpoints("new", [stage.lab.pod(2).v4()]).namespace("z-victim");
    stage.manifests.write_together("new.yaml", &[&new, &endpoints])?;
    egressd.wait_until_seen(stage.lab.pod(2), OUTSIDE_V4, OTHER_V4.into())?;
    egressd.wait_until("the bad ones are invalid", || Ok(service(&stage, "bad-39")?["state"] == "invalid"))?;
    let slowed = told(&stage, "annotations")?["slowed"].clone();
    ensure!(slowed.is_null(), "{slowed}");
    egressd.stop()?;
    restart(&stage, || Ok(service(&stage, "bad-39")?["state"] == "invalid"))
}

/// P6: the last good draft is remembered.
pub(crate) fn a_service_whose_policy_cannot_answer_keeps_its_rules_over_a_restart() -> Result<()> {
    let stage = Stage::with_web()?;
    let egressd = stage.run_until_translated()?;
    let looping = manifest::policy("guard").wasm(&HOSTILE).annotation("order", "-1").settings(r#"{"do": "loop"}"#);
    stage.manifests.write(&looping)?;
    wait_until_failed(&stage, "web")?;
    egressd.stop()?;
    restart(&stage, || Ok(service(&stage, "web")?["state"] == "failed"))
}
