//! What is reported while the kernel has not taken a change over: what is in force still, and why nothing newer is.

use egressd_core::reporting::Reporter;
use egressd_core::status::{State, SubjectStatus};
use egressd_core::testkit::{a, whole};

use super::fixture::{ADDRESS, LoopFixture, key};
use super::policy::{DEFECTIVE, NOTHING, TRANSLATE};

/// `web` and `dns` are in force.
async fn two_services() -> LoopFixture {
    let mut fixture = LoopFixture::begin().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.translate("dns", &["10.0.0.2"]);
    fixture.settle_exactly().await;
    fixture
}

/// The state, the endpoints, and whether more is not in force.
fn gist(status: &SubjectStatus) -> (State, Vec<String>, bool) {
    (status.state, status.endpoints.iter().map(ToString::to_string).collect(), status.is_held_back())
}

/// What [`gist`] says of one that translates a pod.
fn translates(pod: &str, is_held_back: bool) -> (State, Vec<String>, bool) {
    (State::Translating, vec![pod.to_owned()], is_held_back)
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_change_is_refused_is_reported_as_it_was_and_no_other_is() {
    let mut fixture = two_services().await;
    let (before, kernel) = (fixture.state_channel.newest().in_force.unwrap(), fixture.kernel_control.ruleset());
    fixture.translate("web", &["10.0.0.3"]);
    fixture.commit().await.refuse();
    let newest = fixture.reported().await;
    let after = newest.in_force.unwrap();
    assert!(newest.trouble.unwrap().contains("do what a test forbids"));
    let [shown, shown_before] = [&after, &before].map(|in_force| whole(in_force));
    assert_eq!((&shown.plan, after.at, &fixture.kernel_control.ruleset()), (&shown_before.plan, before.at, &kernel));
    assert_eq!(gist(&fixture.status("web")), translates("10.0.0.1", true));
    assert!(fixture.status("web").reason().unwrap().contains("retrying"));
    assert_eq!(shown.statuses[&key("dns")], shown_before.statuses[&key("dns")]);
    assert_eq!(shown.reporting.get(&key("dns")), shown_before.reporting.get(&key("dns")));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_change_is_refused_publishes_nothing_from_this_node() {
    let mut fixture = two_services().await;
    fixture.translate("web", &["10.0.0.3"]);
    fixture.commit().await.refuse();
    let reporting = whole(&fixture.reported().await.in_force.unwrap()).reporting[&key("web")].clone();
    assert_eq!((reporting.reporter, reporting.active.iter().count()), (Reporter::Active, 0));
}

#[tokio::test(start_paused = true)]
async fn a_new_service_that_is_refused_is_idle_and_says_why() {
    let mut fixture = two_services().await;
    fixture.translate("mail", &["10.0.0.3"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    assert_eq!(gist(&fixture.status("mail")), (State::Idle, vec![], true));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_end_is_refused_is_reported_until_it_is_gone_from_the_kernel() {
    let mut fixture = two_services().await;
    fixture.remove("web");
    fixture.commit().await.refuse();
    fixture.reported().await;
    assert_eq!(gist(&fixture.status("web")), translates("10.0.0.1", true));
    let newest = fixture.settle_exactly().await;
    assert!(!newest.in_force.unwrap().subjects.contains_key(&key("web")));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_back_before_the_kernel_took_it_over_leaves_no_trouble() {
    let mut fixture = two_services().await;
    fixture.translate("web", &["10.0.0.3"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    fixture.translate("web", &["10.0.0.1"]);
    fixture.read().await.perform();
    assert_eq!(fixture.reported().await.trouble, None);
    assert_eq!(gist(&fixture.status("web")), translates("10.0.0.1", false));
    fixture.is_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn before_the_first_round_is_in_force_nothing_is_reported_to_be() {
    let mut fixture = LoopFixture::start(Default::default());
    fixture.translate("web", &["10.0.0.1"]);
    fixture.take_over().await;
    for _ in 0..2 {
        fixture.commit().await.refuse();
        let newest = fixture.reported().await;
        assert!(newest.in_force.is_none() && newest.unready().unwrap().contains("do what a test forbids"));
        fixture.read().await.perform();
    }
    fixture.settle_exactly().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_a_defect_is_neither_carried_out_nor_tried_again() {
    let mut fixture = two_services().await;
    let kernel = fixture.kernel_control.ruleset();
    fixture.set_service("web", DEFECTIVE, ADDRESS, &["10.0.0.3"]);
    let newest = fixture.reported().await;
    assert!(newest.trouble.unwrap().contains("the plan is not applied"));
    assert_eq!(gist(&fixture.status("web")), translates("10.0.0.1", true));
    assert_eq!(gist(&fixture.status("dns")), translates("10.0.0.2", false));
    fixture.is_quiet().await;
    assert_eq!(fixture.kernel_control.ruleset(), kernel);
}

#[tokio::test(start_paused = true)]
async fn beside_a_defect_no_other_change_is_carried_out_and_after_it_all_are() {
    let mut fixture = two_services().await;
    fixture.set_service("web", DEFECTIVE, ADDRESS, &["10.0.0.3"]);
    fixture.reported().await;
    fixture.set_service("dns", NOTHING, ADDRESS, &["10.0.0.2"]);
    fixture.reported().await;
    assert_eq!(gist(&fixture.status("dns")), translates("10.0.0.2", true));
    fixture.set_service("web", TRANSLATE, "11.0.0.3", &["10.0.0.3"]);
    fixture.settle_exactly().await;
    assert_eq!(fixture.status("web").addresses, [a("11.0.0.3")]);
}

#[tokio::test(start_paused = true)]
async fn a_defect_ends_the_tries_of_what_was_refused_and_it_is_read_before_the_next_change() {
    let mut fixture = two_services().await;
    fixture.translate("dns", &["10.0.0.4"]);
    fixture.commit().await.refuse();
    fixture.reported().await;
    fixture.set_service("web", DEFECTIVE, ADDRESS, &["10.0.0.3"]);
    assert!(fixture.reported().await.trouble.unwrap().contains("the plan is not applied"));
    fixture.is_quiet().await;
    fixture.translate("web", &["10.0.0.3"]);
    fixture.read().await.perform();
    fixture.settle_exactly().await;
}
