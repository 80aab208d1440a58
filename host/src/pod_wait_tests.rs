#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::model::ObjectReference;
use egressd_core::pipeline::Missing;

use super::*;

const WAIT: Duration = Duration::from_secs(1);

fn pod(name: &str) -> PodAnnouncement {
    PodAnnouncement { pod: ObjectReference::new("shop", name), uid: None, addresses: vec!["10.0.0.5".parse().unwrap()] }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_time_and_knows_what_was_missing() {
    let (waits, mut announced) = pod_waits();
    assert_eq!(waits.wait(pod("web-1"), WAIT).await, WaitEnd::Late(WaitState::NotBegun));
    // Whoever waited is gone, and the pod is announced all the same.
    let come = announced.next().await;
    assert_eq!(come.len(), 1);
    assert!(come.into_iter().next().unwrap().is_now(PodProgress::Waits(Missing::Object)).is_none());

    let missing = PodProgress::Waits(Missing::Object);
    let (end, still) = tokio::join!(waits.wait(pod("web-1"), WAIT), async {
        let one = announced.next().await.remove(0);
        one.is_now(missing.clone())
    });
    assert_eq!(end, WaitEnd::Late(WaitState::Known(missing)));
    assert!(still.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_as_soon_as_nothing_is_left_to_wait_for() {
    for progress in [PodProgress::InForce(Default::default()), PodProgress::Unselected, PodProgress::NotWatched] {
        let (waits, mut announced) = pod_waits();
        let (end, still) = tokio::join!(waits.wait(pod("web-1"), WAIT), async {
            let one = announced.next().await.remove(0);
            let one = one.is_now(PodProgress::Waits(Missing::Object)).unwrap();
            one.is_now(progress.clone())
        });
        assert_eq!(end, WaitEnd::Done(progress));
        assert!(still.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_wait_at_once_and_more_than_there_is_room_for_do_not() {
    let (waits, _announced) = pod_waits();
    let local = tokio::task::LocalSet::new();
    let all: Vec<_> = (0..MOST_WAITING + 1)
        .map(|number| {
            let waits = waits.clone();
            local.spawn_local(async move { waits.wait(pod(&format!("web-{number}")), WAIT).await })
        })
        .collect();
    local.await;
    let mut refused = 0;
    for one in all {
        refused += usize::from(one.await.unwrap() == WaitEnd::TooMany);
    }
    assert_eq!(refused, 1);
}
