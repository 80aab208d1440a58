//! Tables of any origin, as another program sees them.

use egressd::kernel::nft::{Error, ListedTable, Maker, Netlink, Owner, TableId, Tables};
use egressd_core::net::Family;

use crate::{
    nft,
    sample::{full_ruleset, large_ruleset, name},
    trials::{end, open, owners_persist, trials, with},
};

pub(crate) const ALL: &[lab::Test] = trials![
    every_table_is_listed_with_its_maker,
    an_owner_is_seen_as_long_as_it_lives,
    a_pod_in_several_maps_is_one_pod,
    a_table_is_deleted_from_outside_unless_it_is_owned,
];

fn id(family: Family, text: &str) -> TableId {
    TableId { family: family.into(), name: name(text) }
}

fn listed(kernel: &mut Netlink, id: &TableId) -> ListedTable {
    kernel.list().unwrap().into_iter().find(|table| table.id == *id).unwrap()
}

/// Other families have no tables of ours, and our names do not contain `/`.
fn every_table_is_listed_with_its_maker() {
    nft::script(
        "table ip kube_vip_a_v4 { comment \"managed by egressd\"; }
         table ip6 kube_vip_a_v6 { comment \"managed by others\"; }
         table ip filter { chain c { return; }; }
         table ip odd/name { comment \"managed by egressd\"; }
         table inet kube_vip_v4 { comment \"managed by egressd\"; }",
    );
    let mut found: Vec<_> = open().list().unwrap().into_iter().map(|table| (table.id, table.maker)).collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(
        found,
        [
            (id(Family::Ipv4, "filter"), Maker::Another),
            (id(Family::Ipv4, "kube_vip_a_v4"), Maker::Egressd),
            (id(Family::Ipv6, "kube_vip_a_v6"), Maker::Another),
        ]
    );
}

fn an_owner_is_seen_as_long_as_it_lives() {
    let table = id(Family::Ipv4, "kube_vip_v4");
    let mut owner = with(&large_ruleset(1));
    let owners_persist = owners_persist();
    let seen = |kernel: &mut Netlink| {
        let listed = listed(kernel, &table);
        (listed.maker, listed.owner, listed.persists)
    };
    let (ours, others) = (seen(&mut owner), seen(&mut open()));
    if owners_persist {
        assert_eq!(ours, (Maker::Egressd, Owner::Us, true));
        assert!(matches!(others, (Maker::Egressd, Owner::Other(_), true)), "{others:?}");
    }
    end(owner);
    assert_eq!(seen(&mut open()), (Maker::Egressd, Owner::None, owners_persist));
}

fn a_pod_in_several_maps_is_one_pod() {
    let mut kernel = with(&full_ruleset());
    for (family, text) in [(Family::Ipv4, "kube_vip_v4"), (Family::Ipv6, "kube_vip_v6")] {
        assert_eq!(kernel.pods(&id(family, text)).unwrap(), 6, "{text}");
    }
    nft::script(
        "table ip kube_vip_a_v4 {
           map egress_addrs { type ipv4_addr : ipv4_addr; elements = { 10.0.0.1 : 192.0.2.1, 10.0.0.2 : 192.0.2.1 } }
           map egress_ports {
             type ipv4_addr . inet_proto . inet_service : ipv4_addr
             elements = { 10.0.0.1 . tcp . 80 : 192.0.2.1, 10.0.0.1 . tcp . 81 : 192.0.2.1 }
           }
           set no_map { type ipv4_addr; flags interval; elements = { 10.0.0.3 } }
         }",
    );
    assert_eq!(kernel.pods(&id(Family::Ipv4, "kube_vip_a_v4")).unwrap(), 2);
}

fn a_table_is_deleted_from_outside_unless_it_is_owned() {
    let table = id(Family::Ipv4, "kube_vip_v4");
    let owner = with(&full_ruleset());
    if owners_persist() {
        let refused = open().delete(&table).unwrap_err();
        assert!(matches!(&refused, Error::Owned { table: owned, owner: Some(_) } if *owned == table), "{refused}");
    }
    end(owner);
    let mut kernel = open();
    kernel.delete(&table).unwrap();
    let left: Vec<_> = kernel.list().unwrap().into_iter().map(|table| table.id).collect();
    assert_eq!(left, [id(Family::Ipv6, "kube_vip_v6")]);
}
