#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::compile::table_names;
use egressd_core::ruleset::TableFamily;

use super::*;
use crate::kernel::nft::wire::{Flags, Header, Writer};

/// The port of our own socket, and of another program's.
const OURS: u32 = 4711;
const THEIRS: u32 = 815;

/// A notification of a commit by the socket with this port.
fn notification(kind: u32, port: u32, family: TableFamily, attributes: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.message(Header::nftables(kind, Flags::REQUEST, Some(family)), attributes);
    let mut bytes = writer.finish().unwrap();
    bytes[12..16].copy_from_slice(&port.to_ne_bytes());
    bytes
}

fn about(table: &str) -> impl FnOnce(&mut Writer) {
    move |w| w.text(TABLE, table)
}

fn end(port: u32) -> Vec<u8> {
    notification(sys::NFT_MSG_NEWGEN, port, TableFamily::Ip, |w| {
        w.number(sys::NFTA_GEN_ID, 7);
        w.number(sys::NFTA_GEN_PROC_PID, 42);
        w.text(sys::NFTA_GEN_PROC_NAME, "nft");
    })
}

/// What is known after these.
fn after(notifications: &[Vec<u8>]) -> ForeignChanges {
    let tables: Vec<TableId> = TableId::all(&table_names(None)).collect();
    let mut reader = Reader { own: OURS, tables: &tables, seen: ForeignChanges::default(), unnamed: None };
    Messages(&notifications.concat()).for_each(|message| reader.take(&message));
    reader.seen
}

#[test]
fn a_change_of_our_table_by_another_program_is_seen_and_the_program_is_named() {
    for kind in [sys::NFT_MSG_DELTABLE, sys::NFT_MSG_NEWRULE, sys::NFT_MSG_DELSETELEM, sys::NFT_MSG_NEWOBJ] {
        let seen = after(&[notification(kind, THEIRS, TableFamily::Ip, about("kube_vip_v4")), end(THEIRS)]);
        assert_eq!((seen.ours, seen.gaps), (1, 0), "{kind}");
        assert_eq!(seen.program.unwrap().to_string(), "nft (process 42)");
    }
}

#[test]
fn our_own_commits_and_those_to_other_tables_are_none() {
    let ours = notification(sys::NFT_MSG_NEWSETELEM, OURS, TableFamily::Ip, about("kube_vip_v4"));
    let other_family = notification(sys::NFT_MSG_NEWSETELEM, THEIRS, TableFamily::Inet, about("kube_vip_v4"));
    let other_name = notification(sys::NFT_MSG_NEWSETELEM, THEIRS, TableFamily::Ip, about("kube_vip_v4x"));
    assert_eq!(after(&[ours, end(OURS), other_family, other_name, end(THEIRS)]), ForeignChanges::default());
}

#[test]
fn the_end_of_another_commit_names_no_program() {
    let change = notification(sys::NFT_MSG_NEWRULE, THEIRS, TableFamily::Ip6, about("kube_vip_v6"));
    let seen = after(&[change, end(OURS), end(THEIRS + 1)]);
    assert_eq!((seen.ours, seen.program), (1, None));
}

#[test]
fn whatever_bytes_come_nothing_is_seen_in_what_has_no_table() {
    let bare = notification(sys::NFT_MSG_NEWRULE, THEIRS, TableFamily::Ip, |_| {});
    assert_eq!(after(&[bare, vec![1, 2, 3]]), ForeignChanges::default());
}
