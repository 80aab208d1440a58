//! The simplest case: one Service, one pod, one call.

use anyhow::Result;
use lab::Protocol;
use lab::addresses::OUTSIDE_V4;

use crate::fixture::{Fixture, WEB_V4, web};

/// P1, P5.
pub(crate) fn a_pod_behind_a_service_is_seen_with_its_address_until_the_service_is_deleted() -> Result<()> {
    let fixture = Fixture::with_web()?;
    let pod = fixture.selected();
    fixture.lab.expect_seen(pod, OUTSIDE_V4, Protocol::Tcp, pod.v4())?;

    let mut egressd = fixture.run()?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, WEB_V4.into())?;

    fixture.manifests.remove(&web())?;
    egressd.wait_until_seen(pod, OUTSIDE_V4, pod.v4().into())?;
    fixture.expect_no_element()?;
    egressd.stop()
}
