//! Endpoints that no policy is shown, and that are guarded all the same (P12): a Service of another type translates
//! nothing, one with too many endpoints no new ones, and what a Node lists as its own address is not translated; but what
//! asked for `drop` is not to leave for that.

use std::net::IpAddr;

use super::Pipeline;
use crate::decision::OnUnavailable;
use crate::model::{Snapshot, SubjectView, Unusable};
use crate::net::RareAddresses;
use crate::plan::GUARDED_PODS_OF_A_NODE;
use crate::stray::asked_unavailable;

impl Pipeline {
    /// The endpoints on this node that are not in the view, as many as are guarded whatever limits say.
    pub(super) fn held_back(&self, snapshot: &Snapshot, view: &SubjectView) -> RareAddresses {
        let slices = || snapshot.slices.get(view.subject.key()).into_iter().flat_map(|slices| slices.values());
        // Of nearly all Services every endpoint is shown, and that is found without looking at them.
        if slices().map(|slice| slice.endpoints.len()).sum::<usize>() == view.subject.endpoints.len() {
            return RareAddresses::default();
        }
        let shown = |address: IpAddr| {
            view.subject.endpoints.binary_search_by_key(&address, |endpoint| endpoint.address).is_ok()
        };
        let listed = slices().flat_map(|slice| slice.endpoints.iter());
        let here = listed.filter(|endpoint| endpoint.node.as_deref() == Some(&*self.settings.node));
        let addresses = here.map(|endpoint| endpoint.address).filter(|address| !shown(*address));
        addresses.filter(|address| Unusable::of(*address).is_none()).take(GUARDED_PODS_OF_A_NODE).collect()
    }

    /// Whether something asks for `drop`, as far as that is known without an answer of the policies.
    pub(super) fn may_drop(&self, view: &SubjectView) -> bool {
        let asked = asked_unavailable(view.subject.annotations(), &self.settings.prefix);
        let annotation = asked.and_then(|asked| asked.effect());
        let last = self.drafts.get(view.subject.uid()).and_then(|draft| draft.on_unavailable);
        [annotation, last, Some(self.settings.on_unavailable)].contains(&Some(OnUnavailable::Drop))
    }
}
