//! MetalLB's ServiceL2Statuses and the Leases of load balancers: which node announces the addresses of a Service.

use std::time::Duration;

use egressd_core::model::{L2Status, NamedNode, ObjectReference, SubjectKey, UnixTime};
use egressd_core::placement::{LeaseRecord, is_of_a_load_balancer};

use super::fault::{Fault, Unreadable};
use super::field::{Field, kept};
use super::metadata;
use crate::clock::Moment;
use crate::source::claims::{Claim, METALLB};
use crate::source::documents::Identity;
use crate::source::kind::{ClaimKind, Kind};

/// What a claim says, and its identity; none where it is about no Service, or not a load balancer's.
pub(super) fn claim(
    kind: ClaimKind,
    root: &Field<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Option<(Identity, Claim)>, Unreadable> {
    let called = ObjectReference::new(metadata::namespace(root)?, metadata::name(root)?);
    let claim = match kind {
        ClaimKind::L2Statuses if *called.namespace != *METALLB => None,
        ClaimKind::L2Statuses => l2_status(root, faults),
        ClaimKind::Leases if !is_of_a_load_balancer(&called) => None,
        ClaimKind::Leases => Some(Claim::Lease(lease(root, faults)?)),
    };
    Ok(claim.map(|claim| ((Kind::Claims(kind), called), claim)))
}

/// MetalLB writes the labels when it makes the object, and the same into the status right after that. So labels say which
/// Service it is about where the status cannot be read; which node is named is unknown then.
fn l2_status(root: &Field<'_>, faults: &mut Vec<Fault>) -> Option<Claim> {
    let places = [plain(root, "status"), plain(&root.get("metadata"), "labels")];
    let service = first_named(&places, ["serviceName", "metallb.io/service-name"], faults);
    let namespace = first_named(&places, ["serviceNamespace", "metallb.io/service-namespace"], faults);
    for (field, part, other) in [("serviceName", service, namespace), ("serviceNamespace", namespace, service)] {
        if part.is_none() && other.is_some() && faults.is_empty() {
            faults.push(root.get("status").get(field).fault("a part of the name of a Service"));
        }
    }
    let node = first_named(&places, ["node", "metallb.io/node"], faults);
    let named = match node {
        _ if !faults.is_empty() => NamedNode::Unreadable,
        Some(node) => NamedNode::Node(node.into()),
        None => NamedNode::NoNode,
    };
    match (namespace, service) {
        (Some(namespace), Some(name)) => {
            let since = moment(&root.get("metadata").get("creationTimestamp"), faults).map(UnixTime::from);
            Some(Claim::L2Status(SubjectKey::service(namespace, name), L2Status { named, since }))
        }
        (None, None) if named != NamedNode::Unreadable => None,
        (Some(_), None) | (None, Some(_) | None) => Some(Claim::OfAnyService(ClaimKind::L2Statuses)),
    }
}

/// A member that holds others, whose names have no sign that cannot be seen: a name with one would say nothing.
fn plain<'a>(within: &Field<'a>, member: &str) -> Result<Field<'a>, Fault> {
    let member = within.object(member)?;
    member.has_plain_names("the field")?;
    Ok(member)
}

/// The first of these places that says something under its name. What is wrong is noted once.
fn first_named<'a>(
    places: &[Result<Field<'a>, Fault>; 2],
    names: [&str; 2],
    faults: &mut Vec<Fault>,
) -> Option<&'a str> {
    places.iter().zip(names).find_map(|(place, name)| {
        let text = place.as_ref().map_err(Fault::clone).and_then(|place| name_in(&place.get(name)));
        text.unwrap_or_else(|fault| {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
            None
        })
    })
}

fn lease(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<LeaseRecord, Unreadable> {
    let spec = plain(root, "spec")?;
    let named = named(name_in(&spec.get("holderIdentity")), faults);
    let acquired = moment(&spec.get("acquireTime"), faults).map(UnixTime::from);
    let renewed = moment(&spec.get("renewTime"), faults).map(Moment::as_microsecond);
    let seconds = kept(seconds(&spec.get("leaseDurationSeconds")), faults);
    Ok(LeaseRecord { named, acquired, renewed, duration: Duration::from_secs(seconds.unwrap_or_default()) })
}

/// What stands at a place, as a name; an empty text is none.
fn name_in<'a>(place: &Field<'a>) -> Result<Option<&'a str>, Fault> {
    let text = place.text()?.filter(|text| !text.is_empty());
    text.map(|text| metadata::checked(place, text)).transpose()
}

/// A node's name that cannot be read may be any.
fn named(read: Result<Option<&str>, Fault>, faults: &mut Vec<Fault>) -> NamedNode {
    match read {
        Ok(node) => node.map_or(NamedNode::NoNode, |node| NamedNode::Node(node.into())),
        Err(fault) => {
            faults.push(fault);
            NamedNode::Unreadable
        }
    }
}

fn moment(field: &Field<'_>, faults: &mut Vec<Fault>) -> Option<Moment> {
    kept(field.parsed("a time like 2026-01-31T12:00:00Z"), faults)
}

fn seconds(field: &Field<'_>) -> Result<Option<u64>, Fault> {
    let Some(value) = field.value() else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| field.fault("a number of seconds"))
}
