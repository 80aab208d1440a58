//! Bytes of policies, without a kernel.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::compile::{Instance, InstanceName, table_names};

use super::*;
use crate::kernel::netlink::Messages;

fn maker() -> XfrmMaker {
    XfrmMaker::of(&table_names(None))
}

fn policies() -> Vec<XfrmPolicy> {
    let rules = ["10.0.0.1", "fd00::1"].map(|pod| XfrmRule::Pod(pod.parse().unwrap()));
    let inside = ["10.0.0.0/8", "fd00::/64", "192.0.2.7/32"].map(|network| XfrmRule::Inside(network.parse().unwrap()));
    let policy = |rule| XfrmPolicy { rule, bit: MarkBit::DEFAULT, maker: maker() };
    rules.into_iter().chain(inside).map(policy).collect()
}

/// As a dump has it.
fn bytes(policy: &XfrmPolicy) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer, XfrmVerb::Add, policy, 7);
    writer.framed().unwrap()
}

fn found(bytes: &[u8]) -> Option<Found> {
    read(&Messages(bytes).next()?, maker())
}

#[test]
fn what_is_written_is_read_as_the_same_policy() {
    for policy in policies() {
        assert_eq!(found(&bytes(&policy)), Some(Found::Ours(policy)));
    }
}

/// Catches: a policy of another program that is deleted as ours, and one of ours that another program changed.
#[test]
fn a_policy_that_differs_in_anything_that_it_matches_or_does_is_not_the_same() {
    let matters = [0..SELECTOR, PRIORITY..PRIORITY + 4, DIRECTION..ACTION + 1, POLICY + 4..POLICY + 12];
    for policy in policies() {
        let message = bytes(&policy);
        for at in matters.iter().flat_map(Clone::clone) {
            for bit in 0..8 {
                let mut changed = message.clone();
                changed[16 + at] ^= 1 << bit;
                assert_ne!(found(&changed), Some(Found::Ours(policy)), "byte {at}, bit {bit} of {policy}");
            }
        }
    }
}

#[test]
fn a_message_that_ends_too_early_is_no_policy_of_ours_and_no_panic() {
    let policy = policies()[0];
    let message = bytes(&policy);
    for length in 0..message.len() {
        let mut cut = message[..length].to_vec();
        if let Some(field) = cut.first_chunk_mut::<4>() {
            *field = u32::try_from(length).unwrap().to_ne_bytes();
        }
        assert!(!matches!(found(&cut), Some(Found::Ours(_))), "{length}");
    }
}

#[test]
fn policies_of_another_egressd_and_of_single_sockets_are_unrelated() {
    let blue = Instance::Named(InstanceName::new("blue").unwrap());
    let theirs = XfrmPolicy { maker: XfrmMaker::of(&blue.tables()), ..policies()[0] };
    assert_eq!(found(&bytes(&theirs)), Some(Found::Unrelated));
    let mut of_a_socket = bytes(&policies()[0]);
    of_a_socket[16 + DIRECTION] = OF_SOCKETS + 1;
    assert_eq!(found(&of_a_socket), Some(Found::Unrelated));
}

#[test]
fn a_policy_with_a_template_is_of_another_program() {
    let mut message = bytes(&policies()[0]);
    message.extend([8, 0, TEMPLATES as u8, 0, 1, 0, 0, 0]);
    let length = u32::try_from(message.len()).unwrap();
    message[..4].copy_from_slice(&length.to_ne_bytes());
    assert!(
        matches!(found(&message), Some(Found::Foreign(what)) if what.starts_with("src 10.0.0.1/32 dst 0.0.0.0/0 dir fwd"))
    );
}
