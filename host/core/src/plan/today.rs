//! An earlier draft with the current endpoints and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::decision::{Draft, Rule};
use crate::model::{Context, SubjectView};
use crate::net::Family;

/// The draft without endpoints that are no longer the Service's own, and with its current addresses (P1). The policies
/// have not chosen among them yet; but with none the pod would leave by an address that neither they nor the Service
/// named (P3).
pub(crate) fn today(context: &Context, view: &SubjectView, draft: &Draft) -> Draft {
    let local: BTreeSet<IpAddr> = view.local_endpoints(context).map(|endpoint| endpoint.address).collect();
    let mut draft = draft.clone();
    let todays = todays(&draft, &view.subject.addresses);
    draft.retain_rules(|rule| {
        rule.retain_sources(|source| local.contains(&source));
        rule.replace_addresses(|address| todays.get(&address).copied())
    });
    draft
}

/// For each address of a draft the own one that it stands for today: itself, or what came in its place. Several go over
/// in order to own ones of their family that no rule has; where there are no more, to the first, which is preferred.
fn todays(draft: &Draft, own: &[IpAddr]) -> BTreeMap<IpAddr, IpAddr> {
    let of_rules = || draft.rules().iter().flat_map(Rule::addresses);
    let used: BTreeSet<IpAddr> = of_rules().collect();
    let mut todays: BTreeMap<IpAddr, IpAddr> =
        own.iter().filter(|address| used.contains(address)).map(|address| (*address, *address)).collect();
    for family in Family::ALL {
        let mut of_family = own.iter().copied().filter(|address| Family::of(*address) == family).peekable();
        let Some(first) = of_family.peek().copied() else { continue };
        let mut free = of_family.filter(|address| !used.contains(address));
        for gone in of_rules().filter(|address| Family::of(*address) == family) {
            todays.entry(gone).or_insert_with(|| free.next().unwrap_or(first));
        }
    }
    todays
}
