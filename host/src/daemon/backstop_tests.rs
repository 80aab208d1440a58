//! The backstop against policies of a fake kernel. Time stands still.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::compile::table_names;
use egressd_core::node::XfrmMaker;
use egressd_core::testkit::{Forwarded, ForwardedPacket, a};
use tokio::time::advance;

use super::*;
use crate::kernel::xfrm::Policies;
use crate::kernel::xfrm::testkit::HeldPolicies;
use crate::state_channel::notices::Reader;

const POD: &str = "10.0.0.1";

struct Fixture {
    policies: HeldPolicies,
    backstop: Backstop,
    notices: Reader,
}

fn stamp() -> XfrmStamp {
    XfrmStamp { maker: XfrmMaker::of(&table_names(None)), bit: MarkBit::DEFAULT }
}

fn guarded(pods: &[&str]) -> compile::Backstop {
    let inside = vec!["10.0.0.0/8".parse::<ipnet::IpNet>().unwrap().into()];
    compile::Backstop { pods: pods.iter().map(|pod| a(pod)).collect(), inside }
}

impl Fixture {
    async fn beginning_with(policies: HeldPolicies) -> Self {
        let (kernel, notices) = (policies.clone(), Notices::default());
        let kernel = XfrmThread::over(move || Ok(kernel.clone())).await.unwrap();
        let reader = notices.reader();
        Self { policies, backstop: Backstop::adopt(kernel, stamp(), notices).await, notices: reader }
    }

    async fn begin() -> Self {
        Self::beginning_with(HeldPolicies::default()).await
    }

    async fn follow(&mut self, pods: &[&str]) {
        self.backstop.follow(Some(guarded(pods))).await;
    }

    /// What becomes of a packet of the pod that leaves the cluster without a mark.
    fn leaving(&self, pod: &str) -> Forwarded {
        self.policies.held().forward(ForwardedPacket { source: a(pod), destination: a("192.0.2.1"), mark: 0 })
    }

    fn codes(&self) -> Vec<String> {
        self.notices.now().iter().map(|finding| finding.code.to_string()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn guarded_pods_are_blocked_and_others_are_not() {
    let mut fixture = Fixture::begin().await;
    assert_eq!(fixture.backstop.marks(), None);
    fixture.follow(&[POD]).await;
    assert_eq!((fixture.leaving(POD), fixture.leaving("10.0.0.2")), (Forwarded::Blocked, Forwarded::Passed));
    assert_eq!(fixture.backstop.marks(), Some(MarkBit::DEFAULT));
    assert!(fixture.codes().is_empty());
}

/// Or packets that no table marks would be blocked.
#[tokio::test(start_paused = true)]
async fn tables_mark_packets_before_the_first_policy_and_until_the_last_is_gone() {
    let mut fixture = Fixture::begin().await;
    fixture.follow(&[]).await;
    assert_eq!(fixture.backstop.marks(), Some(MarkBit::DEFAULT));
    assert!(fixture.policies.held().policies.is_empty());
    fixture.follow(&[POD]).await;
    // What is not there cannot be deleted.
    let held = std::mem::take(&mut fixture.policies.held().policies);
    fixture.backstop.follow(None).await;
    assert_eq!(fixture.backstop.marks(), Some(MarkBit::DEFAULT));
    fixture.policies.held().policies = held;
    advance(READ_INTERVAL).await;
    fixture.backstop.follow(None).await;
    assert_eq!((fixture.backstop.marks(), fixture.leaving(POD)), (None, Forwarded::Passed));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_is_taken_over_and_follows_the_guard() {
    let mut before = Fixture::begin().await;
    before.follow(&[POD, "10.0.0.2"]).await;
    let mut fixture = Fixture::beginning_with(before.policies).await;
    assert_eq!(fixture.backstop.marks(), Some(MarkBit::DEFAULT));
    fixture.follow(&["10.0.0.2"]).await;
    assert_eq!((fixture.leaving(POD), fixture.leaving("10.0.0.2")), (Forwarded::Passed, Forwarded::Blocked));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_loses_its_guard_is_released_before() {
    let mut fixture = Fixture::begin().await;
    fixture.follow(&[POD, "10.0.0.2"]).await;
    for effect in fixture.backstop.release(&[a(POD), a("10.0.0.3")].into()) {
        fixture.backstop.commit(effect.change).await;
    }
    assert_eq!((fixture.leaving(POD), fixture.leaving("10.0.0.2")), (Forwarded::Passed, Forwarded::Blocked));
}

#[tokio::test(start_paused = true)]
async fn policies_of_another_program_take_ours_away_for_as_long_as_they_are_there() {
    let mut fixture = Fixture::begin().await;
    fixture.follow(&[POD]).await;
    fixture.policies.held().foreign.push("src 192.0.2.0/24 dst 198.51.100.0/24 dir out priority 7".to_owned());
    fixture.follow(&[POD]).await;
    assert_eq!(fixture.leaving(POD), Forwarded::Blocked);
    advance(READ_INTERVAL).await;
    fixture.follow(&[POD]).await;
    assert_eq!((fixture.leaving(POD), fixture.backstop.marks()), (Forwarded::Passed, None));
    assert_eq!(fixture.codes(), ["ipsec-in-use"]);
    fixture.policies.held().foreign.clear();
    advance(READ_INTERVAL).await;
    fixture.follow(&[POD]).await;
    assert_eq!((fixture.leaving(POD), fixture.codes()), (Forwarded::Blocked, vec![]));
}

#[tokio::test(start_paused = true)]
async fn policies_that_another_program_deleted_are_added_again() {
    let mut fixture = Fixture::begin().await;
    fixture.follow(&[POD]).await;
    fixture.policies.held().policies.clear();
    advance(READ_INTERVAL).await;
    assert!(fixture.backstop.due().is_some_and(|due| due <= clock::now()));
    fixture.follow(&[POD]).await;
    assert_eq!(fixture.leaving(POD), Forwarded::Blocked);
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_refuses_is_reported_and_tried_again_ever_later() {
    let mut fixture = Fixture::begin().await;
    fixture.policies.held().room = 1;
    let mut waits = Vec::new();
    for _ in 0..9 {
        fixture.follow(&[POD]).await;
        waits.push((fixture.backstop.due().unwrap() - clock::now()).as_secs());
        advance(READ_INTERVAL).await;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(fixture.codes(), ["backstop-missing"]);
    assert_eq!(fixture.backstop.marks(), Some(MarkBit::DEFAULT));
    fixture.policies.held().room = usize::MAX;
    fixture.follow(&[POD]).await;
    assert_eq!((fixture.leaving(POD), fixture.codes()), (Forwarded::Blocked, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_kernel_without_policies_is_reported_where_they_are_needed() {
    let kernel = XfrmThread::over(|| Err::<Policies, _>(Error::Unsupported)).await.unwrap();
    let notices = Notices::default();
    let mut backstop = Backstop::adopt(kernel, stamp(), notices.clone()).await;
    backstop.follow(None).await;
    assert!(notices.reader().now().is_empty());
    backstop.follow(Some(guarded(&[POD]))).await;
    assert_eq!(notices.reader().now()[0].code.as_str(), "backstop-missing");
    assert_eq!(backstop.marks(), None);
}
