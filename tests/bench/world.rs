//! Many Services, evaluated by a substitute that costs nothing, so that the rest can be measured alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use egressd_core::chain::{ChainDecision, ChainResult};
use egressd_core::decision::{Draft, Rule};
use egressd_core::diff::{Applied, Changes, Comparison};
use egressd_core::in_force::{AppliedRound, PendingRound, UnixTime};
use egressd_core::model::{ChangeKey, ClusterSettings, Context, Service, Snapshot, SubjectView};
use egressd_core::owner::Owner;
use egressd_core::pipeline::{Pipeline, Settings};
use egressd_core::plan::Limits;
use egressd_core::testkit::{RuleParts, SnapshotBuilder, n, service, settings, settings_of_many};

use crate::asks::{EgressRequest, Policy};

/// The default number of endpoints of a Service.
const ENDPOINTS: u32 = 2;
/// The number of Services' addresses: enough that no Service of a measurement gets its current address again.
const ADDRESSES: u32 = 499;

/// A node with so many Services of a kind.
pub(crate) struct World {
    pub(crate) pipeline: Pipeline,
    pub(crate) snapshot: Snapshot,
    policy: Policy,
    /// How many endpoints a Service has.
    each: u32,
    /// The kernel's content.
    pub(crate) applied: Applied,
    /// The result of the last step.
    newest: PendingRound,
    in_force: AppliedRound,
}

/// Of a node that has no Service yet.
pub(crate) fn pipeline() -> Pipeline {
    Pipeline::new(settings_within(settings_of_many(Owner::Any).limits), BTreeMap::new())
}

/// In the cluster of the measurements.
pub(crate) fn settings_within(limits: Limits) -> Settings {
    let cluster = ClusterSettings {
        pod_networks: vec![n("10.0.0.0/8")],
        service_networks: vec![n("172.30.0.0/16")],
        ..ClusterSettings::default()
    };
    Settings { cluster, limits, ..settings(Owner::Any) }
}

impl World {
    /// With so many Services, all of which were evaluated.
    pub(crate) fn with(count: u32, kind: EgressRequest) -> Self {
        let mut world = Self::unknown(count, kind, ENDPOINTS);
        world.answer_all();
        world
    }

    /// So many Services, each with so many endpoints, none of them evaluated.
    pub(crate) fn unknown(count: u32, kind: EgressRequest, each: u32) -> Self {
        let mut world = Self { each, ..Self::empty(settings_of_many(Owner::Any).limits, kind.policy()) };
        for number in 0..count {
            world.insert(number, 0);
        }
        world
    }

    pub(crate) fn empty(limits: Limits, policy: Policy) -> Self {
        Self::of(settings_within(limits), policy)
    }

    /// Without Services.
    pub(crate) fn of(settings: Settings, policy: Policy) -> Self {
        let (snapshot, applied, newest, in_force) = Default::default();
        let pipeline = Pipeline::new(settings, BTreeMap::new());
        Self { pipeline, snapshot, policy, each: ENDPOINTS, applied, newest, in_force }
    }

    /// Evaluates all Services.
    pub(crate) fn answer_all(&mut self) {
        let keys = self.snapshot.services.keys().cloned().map(ChangeKey::Subject).chain([ChangeKey::Cluster]).collect();
        self.answer(&keys);
    }

    /// Adds or changes a Service in the snapshot; `turn` changes its address.
    pub(crate) fn insert(&mut self, number: u32, turn: u32) -> ChangeKey {
        self.put_numbered(number, turn, self.endpoint(number, 0))
    }

    /// Gives the first endpoint of a Service another address, which no other has.
    pub(crate) fn replace_endpoint(&mut self, number: u32, turn: u32) -> ChangeKey {
        self.put_numbered(number, 0, Ipv4Addr::from(0x0ac8_0001 + turn))
    }

    fn put_numbered(&mut self, number: u32, turn: u32, first: Ipv4Addr) -> ChangeKey {
        let address = Ipv4Addr::from(0x0b00_0000 + (number + turn) % ADDRESSES);
        let service = service(&format!("service-{number}"), &[&address.to_string()]);
        let rest = (1..self.each).map(|place| self.endpoint(number, place)).collect::<Vec<_>>();
        self.put_service(service, [first].into_iter().chain(rest))
    }

    /// Adds or changes any Service, with endpoints on this node.
    pub(crate) fn put_service(
        &mut self,
        service: Service,
        endpoints: impl IntoIterator<Item = impl ToString>,
    ) -> ChangeKey {
        let key = service.key.clone();
        let endpoints: Vec<String> = endpoints.into_iter().map(|endpoint| endpoint.to_string()).collect();
        let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
        SnapshotBuilder::default().service(service, &endpoints).add_to(&mut self.snapshot);
        ChangeKey::Subject(key)
    }

    fn endpoint(&self, number: u32, place: u32) -> Ipv4Addr {
        Ipv4Addr::from(0x0a01_0001 + number * self.each + place)
    }

    /// Removes a Service from the snapshot.
    pub(crate) fn remove(&mut self, key: &ChangeKey) {
        if let ChangeKey::Subject(key) = key {
            self.snapshot.services.remove(key);
            self.snapshot.slices.remove(key);
        }
    }

    /// What the loop does with an update, but for the policies.
    pub(crate) fn compare_after(&mut self, keys: &BTreeSet<ChangeKey>) -> Comparison {
        self.answer(keys);
        self.pipeline.next_try(Duration::ZERO);
        self.step()
    }

    /// The comparison of the newest result with the kernel's state.
    pub(crate) fn step(&mut self) -> Comparison {
        let step = self.pipeline.step();
        drop(self.pipeline.take_news());
        self.newest = step.newest;
        self.applied.add_outstanding(step.scope);
        self.applied.compare(self.pipeline.target(self.applied.scope()), |_, _| {})
    }

    /// The changes from the kernel's state to the desired one.
    pub(crate) fn changes(&self, comparison: &Comparison) -> Changes {
        comparison.changes(&self.applied)
    }

    /// Marks a comparison as applied.
    pub(crate) fn apply(&mut self, comparison: Comparison) {
        comparison.apply_to(&mut self.applied);
        self.mark_applied();
    }

    /// Marks the result of the last step as applied as a whole.
    pub(crate) fn mark_applied(&mut self) {
        self.applied.clear_outstanding();
        self.in_force.take_over(&std::mem::take(&mut self.newest), UnixTime(1));
    }

    fn answer(&mut self, keys: &BTreeSet<ChangeKey>) {
        let questions = self.pipeline.update(&self.snapshot, keys);
        let context = self.pipeline.context();
        let answers = questions.into_iter().map(|question| {
            let rules = (self.policy)(plain(&context, &question.view), &question.view);
            (question, ChainResult::new(ChainDecision::Draft(Draft::of(rules).into())))
        });
        let answers = answers.collect();
        self.pipeline.answer(answers);
    }
}

/// From all endpoints on this node to the first address.
fn plain(context: &Context, view: &SubjectView) -> Rule {
    RuleParts {
        sources: view.local_endpoints(context).map(|endpoint| endpoint.address).collect::<Vec<IpAddr>>(),
        ..Rule::new("ipv4", view.subject.addresses[0]).into()
    }
    .rule()
}
