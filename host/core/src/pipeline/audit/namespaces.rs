//! What all Services of a namespace have together: numbers that are added up, of some ten thousand in a few
//! milliseconds. Where it is full its Services are worked out together, as with each change of one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AuditSlice, AuditSubject, AuditedPart, Disagreement};
use crate::model::SubjectKey;
use crate::pipeline::Pipeline;
use crate::pipeline::limits::Alternative;
use crate::plan::SubjectResult;

impl Pipeline {
    /// At least one namespace, and as many as have the Services of a slice.
    pub(super) fn audit_namespaces(&self, after: Option<&Arc<str>>, most: usize) -> AuditSlice<Arc<str>> {
        let mut disagreements = Vec::new();
        let mut last = after.cloned();
        let mut services = 0;
        while services < most {
            last = self.namespace_behind(last.as_ref());
            let Some(namespace) = &last else { break };
            services += 1 + self.derived.usage.count(namespace);
            let parts = [
                (AuditedPart::Size, self.is_counted_whole(namespace)),
                (AuditedPart::Limits, self.is_limited(namespace)),
            ];
            let wrong = parts.into_iter().find(|(_, holds)| !holds);
            let subject = || AuditSubject::Namespace(Arc::clone(namespace));
            disagreements.extend(wrong.map(|(part, _)| Disagreement { subject: subject(), part }));
        }
        AuditSlice { disagreements, last }
    }

    fn namespace_behind(&self, namespace: Option<&Arc<str>>) -> Option<Arc<str>> {
        // No text is between one and the same with this behind it.
        let first = namespace.map_or_else(String::new, |namespace| format!("{namespace}\0"));
        let key = SubjectKey::first_of(first.as_str());
        let of_services = self.subjects.range(key.clone()..).next().map(|(key, _)| key);
        let counted = self.derived.counted.range(key.clone()..).next().map(|(key, _)| key);
        let refused = self.derived.refused.range(key..).next().map(|(key, _)| key);
        let of_keys = [of_services, counted, refused].into_iter().flatten().map(|key| Arc::clone(&key.namespace));
        of_keys.chain(self.derived.usage.namespace_since(&first)).min()
    }

    /// Whether the namespace has as much as its Services have together.
    fn is_counted_whole(&self, namespace: &Arc<str>) -> bool {
        let counted = self.derived.counted.range(SubjectKey::first_of(Arc::clone(namespace))..);
        let counted = counted.take_while(|(key, _)| key.namespace == *namespace);
        self.derived.usage.is_sum_of(namespace, counted.filter_map(|(_, counted)| counted.demand))
    }

    /// Whether what is in force instead of what exceeds a limit, and the most that the namespace has on its way,
    /// follow. Where the node is full, it decides.
    fn is_limited(&self, namespace: &Arc<str>) -> bool {
        let usage = &self.derived.usage;
        let (instead, peak) = if usage.fits(namespace) {
            (BTreeMap::new(), None)
        } else {
            let here = self.here(&self.derived.sharing);
            let (instead, peak) = self.refusals(here, &usage.without_the_node(), &self.newest_of(namespace));
            (instead, Some(peak))
        };
        let known = || -> BTreeMap<&SubjectKey, &Alternative> {
            let refused = self.derived.refused.range(SubjectKey::first_of(Arc::clone(namespace))..);
            refused.take_while(|(key, _)| key.namespace == *namespace).collect()
        };
        usage.peak(namespace) == peak
            && (self.derived.node_is_full || instead.iter().collect::<BTreeMap<_, _>>() == known())
    }

    fn newest_of(&self, namespace: &Arc<str>) -> BTreeMap<SubjectKey, SubjectResult> {
        let here = self.here(&self.derived.sharing);
        let keys = self.subjects.of_namespace(namespace).map(|(key, _)| key);
        keys.filter_map(|key| Some((key.clone(), self.newest(here, key)?))).collect()
    }

    /// Whether the limits of the node decided what they decide now. Where they do, all Services are worked out, as with
    /// each change then.
    pub(super) fn is_limited_as_a_node(&self) -> bool {
        let derived = &self.derived;
        if derived.node_is_full == derived.usage.fits_the_node() || !derived.usage.is_summed() {
            return false;
        }
        if !derived.node_is_full {
            return true;
        }
        let here = self.here(&derived.sharing);
        let all = self.subjects.keys().filter_map(|key| Some((key.clone(), self.newest(here, key)?))).collect();
        self.refusals(here, &self.settings.limits, &all).0 == derived.refused
    }
}
