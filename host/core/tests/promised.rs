//! By which plans a Service's pods may be translated, as far as what is in force knows it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use egressd_core::decision::OnChange;
use egressd_core::in_force::{AppliedRound, PendingRound, PossiblePlans, UnixTime};
use egressd_core::model::{SubjectKey, Uid};
use egressd_core::plan::{Rules, SubjectPlan};
use egressd_core::record::{Record, RecordState, SettledSubject};
use egressd_core::status::SubjectStatus;
use egressd_core::testkit::{a, rule};
use imbl::OrdMap;
use proptest::prelude::*;

const NOW: UnixTime = UnixTime(1);

fn key() -> SubjectKey {
    SubjectKey::service("shop", "web")
}

/// A plan for these pods.
fn plan(pods: &[&str], address: &str) -> Arc<SubjectPlan> {
    service([rule(pods.iter().map(|pod| a(pod)), a(address))].into_iter().collect())
}

fn service(rules: Rules) -> Arc<SubjectPlan> {
    let uid = Uid::new("uid").unwrap();
    let on_change = OnChange::default();
    let foreign = Default::default();
    let guarded = Default::default();
    Arc::new(SubjectPlan { uid, created: 0, rules, foreign, guarded, on_change })
}

/// A round with this plan for the only Service.
fn round(plan: Option<&Arc<SubjectPlan>>) -> PendingRound {
    let status = Arc::new(SubjectStatus::under_way(None));
    let outcome = RecordState::Settled(SettledSubject { plan: plan.cloned(), status, reporting: None });
    let record = Arc::new(Record { uid: Uid::new("uid").unwrap(), outcome });
    PendingRound { records: OrdMap::unit(key(), record), changed: [key()].into(), overview: Arc::default() }
}

fn in_force(plan: Option<&Arc<SubjectPlan>>) -> AppliedRound {
    let mut in_force = AppliedRound::default();
    in_force.take_over(&round(plan), NOW);
    in_force
}

fn one_of(in_force: &AppliedRound) -> Vec<Arc<SubjectPlan>> {
    match in_force.promised(&key()) {
        PossiblePlans::OneOf(plans) => plans.into_iter().cloned().collect(),
        PossiblePlans::Unknown => panic!("it is known"),
    }
}

#[test]
fn a_plan_in_force_is_what_pods_are_promised() {
    let plan = plan(&["10.0.0.1"], "192.0.2.1");
    assert_eq!(one_of(&in_force(Some(&plan))), [plan]);
    assert_eq!(one_of(&in_force(None)), []);
}

/// Connections may have been made by a plan that nothing says is in force, and that was taken back meanwhile.
#[test]
fn a_plan_that_was_begun_may_have_been_promised_until_another_is_wholly_in_force() {
    let [old, new] = ["192.0.2.1", "192.0.2.2"].map(|address| plan(&["10.0.0.1"], address));
    let mut in_force = in_force(Some(&old));
    in_force.hold_back(&round(Some(&new)), "the kernel refuses", NOW);
    in_force.hold_back(&round(Some(&old)), "the kernel refuses", NOW);
    assert_eq!(one_of(&in_force), [Arc::clone(&old), new]);
    in_force.take_over(&round(Some(&old)), NOW);
    assert_eq!(one_of(&in_force), [old]);
}

#[test]
fn a_large_change_that_is_overtaken_on_its_way_leaves_what_its_pods_may_have_been_promised() {
    let pods = ["10.0.0.1", "10.0.0.2"];
    let [old, new] = ["192.0.2.1", "192.0.2.2"].map(|address| plan(&pods, address));
    let mut in_force = in_force(Some(&old));
    in_force.take_over_partly(&round(Some(&new)), &pods_of(&pods[1..]), NOW);
    in_force.take_over_partly(&round(Some(&old)), &pods_of(&pods[..1]), NOW);
    assert!(in_force.is_behind(), "the first pod is on its way back");
    assert_eq!(one_of(&in_force), [Arc::clone(&old), new]);
    in_force.take_over_partly(&round(Some(&old)), &BTreeSet::new(), NOW);
    assert_eq!((in_force.is_behind(), one_of(&in_force)), (false, vec![old]));
}

fn pods_of(pods: &[&str]) -> BTreeSet<IpAddr> {
    pods.iter().map(|pod| a(pod)).collect()
}

#[test]
fn before_the_first_round_and_after_too_many_plans_it_is_unknown() {
    let mut open = AppliedRound::default();
    open.wait(&round(Some(&plan(&["10.0.0.1"], "192.0.2.1"))));
    assert_eq!(open.promised(&key()), PossiblePlans::Unknown);
    let mut in_force = in_force(None);
    for number in 1..=9 {
        assert_ne!(in_force.promised(&key()), PossiblePlans::Unknown);
        let plan = plan(&["10.0.0.1"], &format!("192.0.2.{number}"));
        in_force.hold_back(&round(Some(&plan)), "the kernel refuses", NOW);
    }
    assert_eq!(in_force.promised(&key()), PossiblePlans::Unknown);
    in_force.take_over(&round(None), NOW);
    assert_eq!(one_of(&in_force), []);
}

/// The part of a round that the kernel applies.
#[derive(Clone, Debug)]
enum RoundResult {
    /// The kernel takes all of it.
    Whole,
    /// So many pods go over with the first slice, and so many with later ones, before something newer comes.
    Partly(usize, usize),
    /// The kernel refuses after so many pods.
    Refused(usize),
}

const PODS: [&str; 3] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

/// To which address each pod is translated.
type Translation = BTreeMap<IpAddr, IpAddr>;

fn translations() -> impl Strategy<Value = Translation> {
    let address = prop_oneof![Just(None), (1..3u8).prop_map(|last| Some(IpAddr::from([192, 0, 2, last])))];
    prop::collection::vec(address, PODS.len()).prop_map(|addresses| {
        let pods = PODS.iter().zip(addresses);
        pods.filter_map(|(pod, address)| Some((a(pod), address?))).collect()
    })
}

fn fates() -> impl Strategy<Value = RoundResult> {
    prop_oneof![
        Just(RoundResult::Whole),
        (0..3usize, 0..2usize).prop_map(|(first, later)| RoundResult::Partly(first, later)),
        (0..3usize).prop_map(RoundResult::Refused),
    ]
}

fn planned(translation: &Translation) -> Option<Arc<SubjectPlan>> {
    let rules = translation.iter().map(|(pod, address)| rule([*pod], *address)).collect();
    (!translation.is_empty()).then(|| service(rules))
}

/// What the kernel does with pods, and what is shown of it.
struct Fixture {
    kernel: Translation,
    in_force: AppliedRound,
}

impl Fixture {
    fn meet(&mut self, next: &Translation, fate: &RoundResult) {
        let newest = round(planned(next).as_ref());
        let all: Vec<IpAddr> = PODS.iter().map(|pod| a(pod)).collect();
        let differ: Vec<IpAddr> = all.into_iter().filter(|pod| self.kernel.get(pod) != next.get(pod)).collect();
        match *fate {
            RoundResult::Whole => {
                self.go_over(next, &differ);
                self.in_force.take_over(&newest, NOW);
            }
            RoundResult::Partly(first, later) => {
                let (first, rest) = differ.split_at(first.min(differ.len()));
                self.go_over(next, first);
                self.in_force.take_over_partly(&newest, &rest.iter().copied().collect(), NOW);
                self.go_over(next, &rest[..later.min(rest.len())]);
            }
            RoundResult::Refused(pods) => {
                self.go_over(next, &differ[..pods.min(differ.len())]);
                self.in_force.hold_back(&newest, "the kernel refuses", NOW);
            }
        }
    }

    fn go_over(&mut self, next: &Translation, pods: &[IpAddr]) {
        for pod in pods {
            self.kernel.remove(pod);
            self.kernel.extend(next.get(pod).map(|address| (*pod, *address)));
        }
    }

    fn is_promised(&self, pod: IpAddr, address: IpAddr) -> bool {
        let translates = |plan: &Arc<SubjectPlan>| {
            plan.rules.iter().any(|rule| rule.sources().contains(&pod) && rule.address() == address)
        };
        match self.in_force.promised(&key()) {
            PossiblePlans::OneOf(plans) => plans.into_iter().any(translates),
            PossiblePlans::Unknown => true,
        }
    }
}

proptest! {
    /// Whatever is refused, and whichever change another one overtakes. Catches: a plan that is forgotten while a pod
    /// is translated by it, so that its connections would outlive it.
    #[test]
    fn whatever_the_kernel_translates_a_pod_by_may_have_been_promised(
        first in translations(),
        history in prop::collection::vec((translations(), fates()), 1..8),
    ) {
        let mut fixture = Fixture { kernel: first.clone(), in_force: in_force(planned(&first).as_ref()) };
        for (next, fate) in history {
            fixture.meet(&next, &fate);
            for (pod, address) in &fixture.kernel {
                prop_assert!(fixture.is_promised(*pod, *address), "{pod} to {address}");
            }
        }
    }
}
