//! Policies in a container with little memory.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::{Memory, Protocol, wait_until};

use crate::guests::{policy_status, private_guard, wait_until_trouble};
use crate::stage::{Stage, WEB_V4, program};

/// More than egressd takes, and less than a compiler needs beside it.
const LITTLE: u64 = 191 << 20;
const ENOUGH: u64 = 4 << 30;
/// It is tried again every half minute, by a child that lets all others on the machine go first.
const AGAIN: Duration = Duration::from_mins(3);

/// P7: it is not compiled at the risk of the whole container. What is in force stays, the sentence names limit and
/// remedy, and it is loaded once there is room.
pub(crate) fn a_policy_waits_until_the_container_has_memory_to_compile_it() -> Result<()> {
    let stage = Stage::with_web()?;
    let memory = Memory::limited(LITTLE)?;
    let mut egressd = program().within(&memory).run(&stage.lab, &stage.manifests)?;
    egressd.wait_until_seen(stage.selected(), OUTSIDE_V4, WEB_V4.into())?;
    stage.manifests.write(&private_guard("192.0.2.0/24")?)?;
    wait_until_trouble(&stage, "guard", "the memory limit of egressd's container, 191 MiB, leaves less than")?;
    wait_until_trouble(&stage, "guard", "raise it (resources.limits.memory); nothing of it is in force")?;
    egressd.expect_seen(stage.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    memory.limit(ENOUGH)?;
    let loaded =
        wait_until("the policy is loaded", AGAIN, || Ok(policy_status(&stage, "guard")?["state"] == "enforced"));
    loaded.with_context(|| egressd.circumstances())?;
    ensure!(policy_status(&stage, "guard")?["trouble"].is_null(), "{}", policy_status(&stage, "guard")?);
    egressd.stop()
}
