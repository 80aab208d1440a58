//! Chains and flowtables of other programs, as the kernel lists them.

use egressd::kernel::nft::{FoundNeighbours, Neighbourhood as _};
use egressd_core::{
    beside::{Flowtable, NatChain, Neighbours},
    ruleset::TableFamily,
};

use crate::{
    nft,
    sample::full_ruleset,
    trials::{open, trials, with},
    unable,
};

pub(crate) const ALL: &[lab::Test] = trials![
    chains_for_source_nat_with_rules_are_found_and_ours_are_not,
    flowtables_are_found_where_a_rule_sends_connections_to_them,
    every_commit_is_another_generation,
];

fn neighbours() -> Neighbours {
    match open().neighbours().unwrap() {
        FoundNeighbours::Whole(found) => found,
        FoundNeighbours::Part(found) => panic!("the ruleset changed meanwhile: {found:?}"),
    }
}

fn chain(family: TableFamily, name: &str, priority: i32) -> NatChain {
    NatChain { priority, family, table: "other".to_owned(), name: name.to_owned() }
}

fn chains_for_source_nat_with_rules_are_found_and_ours_are_not() {
    let _ours = with(&full_ruleset());
    for family in ["ip", "ip6", "inet"] {
        nft::script(&format!(
            "table {family} other {{
               chain early {{ type nat hook postrouting priority 80; masquerade; counter; }}
               chain first {{ type nat hook postrouting priority -199; accept; }}
               chain empty {{ type nat hook postrouting priority 70; }}
               chain plain {{ type filter hook postrouting priority 70; accept; }}
               chain destination {{ type nat hook prerouting priority 70; accept; }}
               chain unhooked {{ masquerade; }}
             }}"
        ));
    }
    let families = [TableFamily::Ip, TableFamily::Ip6, TableFamily::Inet];
    let expected = families.into_iter().flat_map(|family| [chain(family, "early", 80), chain(family, "first", -199)]);
    assert_eq!(neighbours(), Neighbours { chains: expected.collect(), ..Neighbours::default() });
    nft::script("flush chain inet other early; flush chain inet other first; delete table ip other");
    let left = [chain(TableFamily::Ip6, "early", 80), chain(TableFamily::Ip6, "first", -199)].into();
    assert_eq!(neighbours(), Neighbours { chains: left, ..Neighbours::default() });
}

fn flowtables_are_found_where_a_rule_sends_connections_to_them() {
    // In a table of its own: the kernel takes no two of one table at one device.
    let unused = "table inet idle {\nflowtable unused { hook ingress priority 0; devices = { lo }; }\n}";
    if !nft::try_script(unused).0 {
        unable("this kernel has no flowtables");
    }
    nft::script(
        "table inet other {
           flowtable fast { hook ingress priority 0; devices = { lo }; }
           chain forward { type filter hook forward priority 0; ip protocol tcp flow add @fast; }
         }",
    );
    let fast = Flowtable {
        family: TableFamily::Inet,
        table: "other".to_owned(),
        name: "fast".to_owned(),
        devices: ["lo".to_owned()].into(),
    };
    assert_eq!(neighbours(), Neighbours { flowtables: [fast].into(), ..Neighbours::default() });
    nft::script("flush chain inet other forward");
    assert_eq!(neighbours(), Neighbours::default());
}

fn every_commit_is_another_generation() {
    let mut kernel = open();
    let before = kernel.generation().unwrap();
    assert_eq!(kernel.generation().unwrap(), before);
    nft::script("add table ip other");
    assert_ne!(kernel.generation().unwrap(), before);
}
