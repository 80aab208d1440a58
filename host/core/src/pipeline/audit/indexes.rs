//! Each entry of an index belongs to an existing subject, and the kernel has the planned elements of each pod.

use std::net::IpAddr;

use super::{AuditSlice, AuditSubject, AuditedPart, Disagreement, Keys, behind, first_of_all, last_of_many};
use crate::compile::{keep, kept_pods};
use crate::diff::{Applied, Common, Scope};
use crate::model::SubjectKey;
use crate::pipeline::Pipeline;
use crate::pipeline::places::{IndexCheck, Named};
use crate::pipeline::pods::OutsidePodNetworks;

impl Pipeline {
    pub(super) fn audit_pods(&self, after: Option<IpAddr>, applied: &Applied, most: usize) -> AuditSlice<IpAddr> {
        let [indexed, elsewhere] = self.derived.pods.behind(after);
        let in_kernel = Box::new(applied.pods_behind(after, most).into_iter()) as Keys<'_, IpAddr>;
        let known = Box::new(self.derived.known.range(behind(after)).copied()) as Keys<'_, IpAddr>;
        let pods = first_of_all(most, [indexed, elsewhere, in_kernel, known]);
        let wrong = pods.iter().filter(|pod| !self.is_indexed_as_planned(**pod));
        let mut disagreements: Vec<Disagreement> = wrong.map(|pod| of_address(*pod, AuditedPart::Pods)).collect();
        if let Some(first) = pods.first()
            && self.differs(applied, Scope::Pods(pods.clone(), Common::Same))
        {
            disagreements.push(Disagreement { subject: AuditSubject::PodsFrom(*first), part: AuditedPart::Rules });
        }
        AuditSlice { disagreements, last: last_of_many(&pods, most) }
    }

    /// Whether the kernel is believed to hold something else in this part than what is planned.
    pub(super) fn differs(&self, applied: &Applied, scope: Scope) -> bool {
        let kept = self.derived.kept();
        let scope = scope.with_kept(kept_pods(&kept));
        let target = self.target(&scope);
        applied.differs(&scope, target, |after, before| keep(after, before, &kept))
    }

    fn is_indexed_as_planned(&self, pod: IpAddr) -> bool {
        let (pods, plans) = (&self.derived.pods, &self.derived.plans);
        let speaks = |key: &SubjectKey| plans.get(key).is_some_and(|plan| plan.pods().any(|one| one == pod));
        let is_elsewhere = !pods.of(pod).is_empty() && self.is_elsewhere(pod) == OutsidePodNetworks::Yes;
        pods.of(pod).iter().all(speaks) && pods.elsewhere().contains(&pod) == is_elsewhere
    }

    pub(super) fn audit_sharers(&self, after: Option<IpAddr>, most: usize) -> AuditSlice<IpAddr> {
        let sharing = &self.derived.sharing;
        let has = |(created, key): &(i64, SubjectKey), address: IpAddr| {
            self.derived.counted.get(key).is_some_and(|counted| counted.shares.have(*created, address))
        };
        let lead_back = |address: &IpAddr| IndexCheck::of(sharing.ages(*address).map(|age| has(age, *address)));
        look_up(sharing.behind(after), most, lead_back, |address| of_address(address, AuditedPart::Sharing))
    }

    pub(super) fn audit_places(&self, after: Option<IpAddr>, most: usize) -> AuditSlice<IpAddr> {
        let lead_back = |address: &IpAddr| self.places.leads_back(*address);
        look_up(self.places.behind(after), most, lead_back, |address| of_address(address, AuditedPart::Places))
    }

    pub(super) fn audit_named(&self, after: Option<Named>, most: usize) -> AuditSlice<Named> {
        let of_node = |(name, _)| Disagreement { subject: AuditSubject::NodeNamed(name), part: AuditedPart::Places };
        look_up(self.places.named_behind(after), most, |named| self.places.names(named), of_node)
    }
}

/// Looks at addresses or names until so many entries were looked up: many Services may have one address.
fn look_up<K: Clone>(
    all: impl Iterator<Item = K>,
    most: usize,
    look: impl Fn(&K) -> IndexCheck,
    wrong: impl Fn(K) -> Disagreement,
) -> AuditSlice<K> {
    let (mut disagreements, mut entries) = (Vec::new(), 0);
    for one in all {
        let looked = look(&one);
        entries += looked.entries;
        if !looked.holds {
            disagreements.push(wrong(one.clone()));
        }
        if entries >= most {
            return AuditSlice { disagreements, last: Some(one) };
        }
    }
    AuditSlice { disagreements, last: None }
}

fn of_address(address: IpAddr, part: AuditedPart) -> Disagreement {
    Disagreement { subject: AuditSubject::Address(address), part }
}
