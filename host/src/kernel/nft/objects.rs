//! Base chains, and counters that rules name: the messages that `rustables` lacks, or writes less of.

use egressd_core::ruleset::{ChainKind, Hook, Name, Point, Policy, TableFamily};
use rustables::sys;

use super::{
    describe::Origin,
    elements::ChangeOrigin,
    transaction::Transaction,
    wire::{Flags, Writer},
};

/// Where a chain of a family stands (`enum nf_inet_hooks`, and the others' own); none where the family has no such place.
pub(super) fn hook_number(family: TableFamily, point: Point) -> Option<u32> {
    let number = match (family, point) {
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, Point::Prerouting) => libc::NF_INET_PRE_ROUTING,
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, Point::Input) => libc::NF_INET_LOCAL_IN,
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, Point::Forward) => libc::NF_INET_FORWARD,
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, Point::Output) => libc::NF_INET_LOCAL_OUT,
        (TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet, Point::Postrouting) => libc::NF_INET_POST_ROUTING,
        (TableFamily::Inet, Point::Ingress) => libc::NF_INET_INGRESS,
        (TableFamily::Arp, Point::Input) | (TableFamily::Netdev, Point::Ingress) => 0,
        (TableFamily::Arp, Point::Output) | (TableFamily::Netdev, Point::Egress) => 1,
        (
            TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet | TableFamily::Arp | TableFamily::Netdev,
            Point::Ingress
            | Point::Prerouting
            | Point::Input
            | Point::Forward
            | Point::Output
            | Point::Postrouting
            | Point::Egress,
        ) => return None,
    };
    Some(number.cast_unsigned())
}

/// Creates an empty chain.
pub(super) fn add_chain(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name, hook: Option<&Hook>) {
    t.message(place.header(sys::NFT_MSG_NEWCHAIN, Flags::CREATE), |w| {
        w.text(sys::NFTA_CHAIN_TABLE, place.change.table.as_str());
        w.text(sys::NFTA_CHAIN_NAME, name.as_str());
        if let Some(hook) = hook {
            write_hook(w, place.change.family, hook);
        }
        Origin::whole(place.index)
    });
}

fn write_hook(w: &mut Writer, family: TableFamily, hook: &Hook) {
    w.nest(sys::NFTA_CHAIN_HOOK, |w| {
        // The kernel refuses a place that a family does not have.
        w.number(sys::NFTA_HOOK_HOOKNUM, hook_number(family, hook.point).unwrap_or(u32::MAX));
        w.number(sys::NFTA_HOOK_PRIORITY, hook.priority.cast_unsigned());
        write_devices(w, hook);
    });
    w.number(sys::NFTA_CHAIN_POLICY, policy_number(hook.policy));
    w.text(sys::NFTA_CHAIN_TYPE, hook.kind.keyword());
}

/// One device has an attribute of its own, which older kernels know too.
fn write_devices(w: &mut Writer, hook: &Hook) {
    let mut devices = hook.devices.iter();
    match (devices.next(), devices.len()) {
        (None, _) => {}
        (Some(device), 0) => w.text(sys::NFTA_HOOK_DEV, device.as_str()),
        (Some(_), _) => w.nest(sys::NFTA_HOOK_DEVS, |w| {
            hook.devices.iter().for_each(|device| w.text(sys::NFTA_DEVICE_NAME, device.as_str()));
        }),
    }
}

/// `NF_ACCEPT`, `NF_DROP`.
pub(super) fn policy_number(policy: Policy) -> u32 {
    match policy {
        Policy::Accept => libc::NF_ACCEPT.cast_unsigned(),
        Policy::Drop => libc::NF_DROP.cast_unsigned(),
    }
}

pub(super) fn chain_kind(keyword: &str) -> Option<ChainKind> {
    ChainKind::ALL.into_iter().find(|kind| kind.keyword() == keyword)
}

/// Creates a counter.
pub(super) fn add_counter(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name) {
    t.message(place.header(sys::NFT_MSG_NEWOBJ, Flags::CREATE), |w| {
        write_counter(w, place, name);
        w.nest(sys::NFTA_OBJ_DATA, |_| {});
        Origin::whole(place.index)
    });
}

/// Deletes a counter.
pub(super) fn delete_counter(t: &mut Transaction, place: ChangeOrigin<'_>, name: &Name) {
    t.message(place.header(sys::NFT_MSG_DELOBJ, Flags::REQUEST), |w| {
        write_counter(w, place, name);
        Origin::whole(place.index)
    });
}

fn write_counter(w: &mut Writer, place: ChangeOrigin<'_>, name: &Name) {
    w.text(sys::NFTA_OBJ_TABLE, place.change.table.as_str());
    w.text(sys::NFTA_OBJ_NAME, name.as_str());
    w.number(sys::NFTA_OBJ_TYPE, sys::NFT_OBJECT_COUNTER);
}
