//! Whatever an index has belongs to a Service that is there, and the kernel has of each pod what the plans say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Disagreement, Found, Keys, Part, Subject, first_of_all, last_of_many};
use crate::compile::keep;
use crate::diff::{Applied, Common, Scope};
use crate::model::ServiceKey;
use crate::pipeline::Pipeline;
use crate::pipeline::pods::Elsewhere;

impl Pipeline {
    pub(super) fn audit_pods(&self, after: Option<IpAddr>, applied: &Applied, most: usize) -> Found<IpAddr> {
        let [indexed, elsewhere] = self.derived.pods.behind(after);
        let known = Box::new(applied.pods_behind(after, most).into_iter()) as Keys<'_, IpAddr>;
        let pods = first_of_all(most, [indexed, elsewhere, known]);
        let wrong = pods.iter().filter(|pod| !self.is_indexed_as_planned(**pod));
        let mut disagreements: Vec<Disagreement> = wrong.map(|pod| of_address(*pod, Part::Pods)).collect();
        if let Some(first) = pods.first()
            && self.differs(applied, Scope::Pods(pods.clone(), Common::Same))
        {
            disagreements.push(Disagreement { subject: Subject::PodsFrom(*first), part: Part::Rules });
        }
        Found { disagreements, last: last_of_many(&pods, most) }
    }

    /// Whether the kernel is believed to hold something else in this part than the plans say.
    pub(super) fn differs(&self, applied: &Applied, scope: Scope) -> bool {
        let (target, kept) = (self.target(&scope), self.derived.kept());
        applied.differs(&scope, target, |after, before| keep(after, before, &kept))
    }

    fn is_indexed_as_planned(&self, pod: IpAddr) -> bool {
        let (pods, plans) = (&self.derived.pods, &self.derived.plans);
        let speaks = |key: &ServiceKey| plans.get(key).is_some_and(|plan| plan.sources().any(|source| source == pod));
        let is_elsewhere = !pods.of(pod).is_empty() && self.is_elsewhere(pod) == Elsewhere::Yes;
        pods.of(pod).iter().all(speaks) && pods.elsewhere().contains(&pod) == is_elsewhere
    }

    pub(super) fn audit_sharers(&self, after: Option<IpAddr>, most: usize) -> Found<IpAddr> {
        let sharing = &self.derived.sharing;
        let addresses = first_of_all(most, [Box::new(sharing.behind(after)) as Keys<'_, IpAddr>]);
        let is_had = |address: IpAddr| {
            let mut ages = sharing.ages(address).peekable();
            ages.peek().is_some() && ages.all(|(created, key)| self.shares(key).have(*created, address))
        };
        let wrong = wrong(&addresses, is_had, Part::Sharing);
        Found { disagreements: wrong, last: last_of_many(&addresses, most) }
    }

    pub(super) fn audit_places(&self, after: Option<IpAddr>, most: usize) -> Found<IpAddr> {
        let addresses = first_of_all(most, [Box::new(self.places.behind(after)) as Keys<'_, IpAddr>]);
        let concerns = |address: IpAddr, key: &ServiceKey| {
            self.places.by_service().get(key).is_some_and(|addresses| addresses.contains(&address))
        };
        let lead_back = |address: IpAddr| self.places.of(address).iter().all(|key| concerns(address, key));
        let wrong = wrong(&addresses, lead_back, Part::Places);
        Found { disagreements: wrong, last: last_of_many(&addresses, most) }
    }
}

fn wrong(addresses: &BTreeSet<IpAddr>, holds: impl Fn(IpAddr) -> bool, part: Part) -> Vec<Disagreement> {
    addresses.iter().filter(|address| !holds(**address)).map(|address| of_address(*address, part)).collect()
}

fn of_address(address: IpAddr, part: Part) -> Disagreement {
    Disagreement { subject: Subject::Address(address), part }
}
