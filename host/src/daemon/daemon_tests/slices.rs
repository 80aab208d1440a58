//! A large change is carried out slice by slice, and may fail or end at each of them.

use egressd_core::ruleset::Ruleset;
use egressd_core::status::UNDER_WAY;
use egressd_core::testkit::{Seen, a, trace, whole};

use super::claims::outwards;
use super::fixture::{ADDRESS, Event, LoopFixture};
use super::kernel::Request;
use super::node_state::NodeState;
use super::policy::WIDELY;
use super::stop::finish;

/// Services of one pod each, of which two are too much for one slice.
const MANY: usize = 6;

/// A node that gets Services that come in slices.
async fn crowded() -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.settle_exactly().await;
    for service in 0..MANY {
        fixture.set_service(&format!("many-{service}"), WIDELY, ADDRESS, &[&pod(service)]);
    }
    fixture
}

fn pod(service: usize) -> String {
    format!("10.0.1.{service}")
}

/// How many of those are translated.
fn translated(kernel: &Ruleset) -> usize {
    let seen = |service| trace(kernel, &outwards(a(&pod(service))));
    (0..MANY).filter(|service| seen(*service) == Seen::As(a(ADDRESS))).count()
}

/// How many changes the kernel is asked for until all is in force.
async fn commits() -> usize {
    let (mut fixture, mut commits) = (crowded().await, 0);
    loop {
        match fixture.event().await {
            Event::Asked(request) => {
                commits += usize::from(request.writes());
                request.perform();
            }
            Event::Reported => {}
            Event::Quiet => return commits,
        }
    }
}

/// After so many of its changes.
async fn after(commits: usize) -> LoopFixture {
    let mut fixture = crowded().await;
    for _ in 0..commits {
        fixture.commit().await.perform();
    }
    fixture
}

async fn after_the_first_slice() -> LoopFixture {
    let mut fixture = crowded().await;
    fixture.commits().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_large_change_that_fails_at_any_slice_is_read_back_and_ends_exactly() {
    let commits = commits().await;
    assert!(commits >= 3, "{commits} changes are no slices");
    let failures: [fn(Request); 2] = [Request::refuse, Request::lose];
    for (at, fail) in (0..commits).flat_map(|at| failures.map(|fail| (at, fail))) {
        let mut fixture = after(at).await;
        fail(fixture.commit().await);
        while fixture.state_channel.newest().trouble.is_none() {
            fixture.reported().await;
        }
        fixture.read().await.perform();
        fixture.settle_exactly().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_large_change_services_say_that_it_is_under_way_and_the_others_are_in_force() {
    let mut fixture = after_the_first_slice().await;
    let newest = fixture.state_channel.newest();
    let (trouble, in_force) = (newest.trouble, whole(&newest.in_force.unwrap()));
    let is_under_way =
        |name: &str| in_force.statuses[&super::fixture::key(name)].findings.iter().any(|f| f.code == UNDER_WAY);
    assert!(trouble.is_none() && is_under_way("many-5") && !is_under_way("web"));
    fixture.settle_exactly().await;
}

/// Before the first round is in force nothing is reported, and nothing that it had is forgotten.
#[tokio::test(start_paused = true)]
async fn what_comes_between_slices_of_the_first_round_hides_no_service() {
    let mut fixture = LoopFixture::start(NodeState::default());
    for number in 0..MANY {
        fixture.set_service(&format!("many-{number}"), WIDELY, ADDRESS, &[&pod(number)]);
    }
    fixture.take_over().await;
    fixture.commit().await.perform();
    let request = fixture.commit().await;
    fixture.translate("dns", &["10.0.0.2"]);
    request.perform();
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_does_not_wait_for_all_slices() {
    let mut fixture = after_the_first_slice().await;
    fixture.translate("dns", &["10.0.0.2"]);
    let is_there = |fixture: &LoopFixture| {
        trace(&fixture.kernel_control.ruleset(), &outwards(a("10.0.0.2"))) == Seen::As(a(ADDRESS))
    };
    while !is_there(&fixture) {
        fixture.commits().await;
    }
    let many = translated(&fixture.kernel_control.ruleset());
    assert!(many < MANY, "{many} went first");
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_between_two_slices_comes_at_once_and_another_process_ends_exactly() {
    let mut fixture = after_the_first_slice().await;
    let request = fixture.commit().await;
    fixture.stop();
    request.perform();
    let (ended, node) = finish(fixture).await;
    assert!(ended.is_ok());
    let there = translated(&node.kernel);
    assert!(there > 0 && there < MANY, "{there}");
    goes_on_exactly(node).await;
}

async fn goes_on_exactly(node: NodeState) {
    LoopFixture::begin_with(node).await.settle_exactly().await;
}
