//! Pods that are announced: whoever waits is answered when the kernel has what selects them, and not before.

use std::sync::Arc;
use std::time::Duration;

use egressd_core::model::{Labels, ObjectReference, Phase, Pod, PodNetwork, Pods, Uid};
use egressd_core::pipeline::{Missing, PodAnnouncement, PodProgress};
use egressd_core::testkit::{Seen, a, trace};
use tokio::task::JoinHandle;

use super::claims::outwards;
use super::fixture::{ADDRESS, LoopFixture, key};
use crate::pod_wait::{WaitEnd, WaitState};

const POD: &str = "10.0.0.1";
const WAIT: Duration = Duration::from_secs(30);

/// The pod that the Service `web` selects, without an address.
fn pods() -> Pods {
    let pod = Pod {
        name: ObjectReference::new("default", "web-1"),
        uid: Uid::new("1").unwrap(),
        phase: Phase::Alive,
        network: PodNetwork::Own,
        addresses: Vec::new(),
        labels: Labels::from([("app", "web")]),
        started: None,
    };
    let mut pods = Pods::default();
    pods.insert(Arc::new(pod));
    pods
}

fn waits(fixture: &LoopFixture) -> JoinHandle<WaitEnd> {
    let announcement = PodAnnouncement {
        pod: ObjectReference::new("default", "web-1"),
        uid: Some(Uid::new("1").unwrap()),
        addresses: vec![a(POD)],
    };
    let pod_waits = fixture.pod_waits.clone();
    tokio::spawn(async move { pod_waits.wait(announcement, WAIT).await })
}

#[tokio::test(start_paused = true)]
async fn whoever_announces_a_pod_is_answered_once_the_kernel_has_its_translation() {
    let mut fixture = LoopFixture::begin().await;
    fixture.pods(pods());
    fixture.translate("web", &[]);
    fixture.settle().await;
    let waits = waits(&fixture);
    let commit = fixture.commit().await;
    assert!(!waits.is_finished(), "it is not committed");
    commit.perform();
    fixture.reported().await;
    assert_eq!(trace(&fixture.kernel_control.ruleset(), &outwards(a(POD))), Seen::As(a(ADDRESS)));
    assert_eq!(waits.await.unwrap(), WaitEnd::Done(PodProgress::InForce([key("web")].into())));
}

#[tokio::test(start_paused = true)]
async fn the_object_may_come_while_its_pod_is_waited_for() {
    let mut fixture = LoopFixture::begin().await;
    fixture.pods(Pods::default());
    fixture.translate("web", &[]);
    fixture.settle().await;
    let waits = waits(&fixture);
    tokio::time::sleep(WAIT / 2).await;
    assert!(!waits.is_finished());
    fixture.pods(pods());
    fixture.settle().await;
    assert_eq!(waits.await.unwrap(), WaitEnd::Done(PodProgress::InForce([key("web")].into())));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_never_known_is_late_and_one_that_nothing_selects_is_not_waited_for() {
    let mut fixture = LoopFixture::begin().await;
    fixture.pods(Pods::default());
    fixture.settle().await;
    let late = waits(&fixture);
    fixture.settle().await;
    assert_eq!(late.await.unwrap(), WaitEnd::Late(WaitState::Known(PodProgress::Waits(Missing::Object))));
    fixture.pods(pods());
    let unselected = waits(&fixture);
    fixture.settle().await;
    assert_eq!(unselected.await.unwrap(), WaitEnd::Done(PodProgress::Unselected));
}
