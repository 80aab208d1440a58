//! MetalLB's ServiceL2Statuses and the Leases of load balancers: which node announces the addresses of a Service.

use std::time::Duration;

use egressd_core::model::{L2Status, Named, ObjectReference, SubjectKey, UnixTime};
use egressd_core::placement::{Record, is_of_a_load_balancer};

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
        ClaimKind::L2Statuses => l2_status(root, faults)?,
        ClaimKind::Leases if !is_of_a_load_balancer(&called) => None,
        ClaimKind::Leases => Some(Claim::Lease(lease(root, faults)?)),
    };
    Ok(claim.map(|claim| ((Kind::Claims(kind), called), claim)))
}

/// MetalLB writes the labels when it makes the object, and the same into the status right after that.
fn l2_status(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Option<Claim>, Unreadable> {
    let status = root.object("status")?;
    let labels = root.get("metadata").get("labels");
    let either = |field: &str, label: &str| first([status.get(field), labels.get(label)]);
    let [name, namespace] = [
        either("serviceName", "metallb.io/service-name")?,
        either("serviceNamespace", "metallb.io/service-namespace")?,
    ];
    let (Some(name), Some(namespace)) = (name, namespace) else { return Ok(None) };
    let named = named(either("node", "metallb.io/node"), faults);
    let since = moment(&root.get("metadata").get("creationTimestamp"), faults).map(UnixTime::from);
    Ok(Some(Claim::L2Status(SubjectKey::service(namespace, name), L2Status { named, since })))
}

fn lease(root: &Field<'_>, faults: &mut Vec<Fault>) -> Result<Record, Unreadable> {
    let spec = root.object("spec")?;
    let named = named(first([spec.get("holderIdentity")]), faults);
    let acquired = moment(&spec.get("acquireTime"), faults).map(UnixTime::from);
    let renewed = moment(&spec.get("renewTime"), faults).map(Moment::as_microsecond);
    let seconds = kept(seconds(&spec.get("leaseDurationSeconds")), faults);
    Ok(Record { named, acquired, renewed, duration: Duration::from_secs(seconds.unwrap_or_default()) })
}

/// The first of these places that says something, as a name.
fn first<'a, const PLACES: usize>(places: [Field<'a>; PLACES]) -> Result<Option<&'a str>, Fault> {
    for place in places {
        if let Some(text) = place.text()?.filter(|text| !text.is_empty()) {
            return metadata::checked(&place, text).map(Some);
        }
    }
    Ok(None)
}

/// A node's name that cannot be read may be any.
fn named(read: Result<Option<&str>, Fault>, faults: &mut Vec<Fault>) -> Named {
    match read {
        Ok(node) => node.map_or(Named::NoNode, |node| Named::Node(node.into())),
        Err(fault) => {
            faults.push(fault);
            Named::Unreadable
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
