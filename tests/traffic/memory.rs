//! Policies in a container with little memory.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::addresses::OUTSIDE_V4;
use lab::{Memory, Protocol, wait_until};

use crate::fixture::{Fixture, WEB_V4, program};
use crate::guests::{policy_status, private_guard, wait_until_trouble};

/// More than egressd takes, and less than a compiler needs beside it.
const TIGHT_MEMORY: u64 = 191 << 20;
const AMPLE_MEMORY: u64 = 4 << 30;
/// It is tried again every half minute, by a child that lets all others on the machine go first.
const RETRY_TIMEOUT: Duration = Duration::from_mins(3);

/// P7: it is not compiled at the risk of the whole container. Policies in force stay, the message names limit and
/// remedy, and it is loaded once there is room.
pub(crate) fn a_policy_waits_until_the_container_has_memory_to_compile_it() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let memory = Memory::limited(TIGHT_MEMORY)?;
    let mut egressd = program().within(&memory).run(&fixture.lab, &fixture.manifests)?;
    egressd.wait_until_seen(fixture.selected(), OUTSIDE_V4, WEB_V4.into())?;
    fixture.manifests.write(&private_guard("192.0.2.0/24")?)?;
    wait_until_trouble(&fixture, "guard", "the memory limit of egressd's container, 191 MiB, leaves less than")?;
    wait_until_trouble(&fixture, "guard", "raise it (resources.limits.memory); none of it is in force")?;
    egressd.expect_seen(fixture.selected(), OUTSIDE_V4, Protocol::Tcp, WEB_V4)?;
    memory.limit(AMPLE_MEMORY)?;
    let loaded = wait_until("the policy is loaded", RETRY_TIMEOUT, || {
        Ok(policy_status(&fixture, "guard")?["state"] == "enforced")
    });
    loaded.with_context(|| egressd.circumstances())?;
    ensure!(policy_status(&fixture, "guard")?["trouble"].is_null(), "{}", policy_status(&fixture, "guard")?);
    egressd.stop()
}
