//! Each term is written to the kernel, by us and by `nft`, and is read back.

use std::{collections::BTreeSet, net::UdpSocket, process::Command, thread::sleep, time::Duration};

use egressd::kernel::nft::{Netlink, Readback, TableId, removal};
use egressd_core::{
    diff::{Batch, Change, Verb, diff},
    net::Family,
    node::Adapter as _,
    ruleset::{
        Chain, Hook, Interface, Layout, Match, Name, Point, Rule, Ruleset, SetKey, SetKeyKind, Statement, Table,
        TableFamily, TimedKey, Timeout,
    },
    testkit::{ALIVE, Hop, Journey, Packet, PathEnd, fence, follow, gateway},
};

use crate::{
    nft,
    sample::{address, batch, name, names},
    terms,
    trials::{describe, open, trials, with},
    unable,
};

pub(crate) const ALL: &[lab::Test] = trials![
    every_term_is_taken_from_us_and_reads_back_equal,
    every_term_is_taken_from_nft_and_reads_back_equal,
    every_translation_is_taken_and_reads_back_equal,
    the_tables_of_a_gateway_are_the_golden_file_and_read_back_equal,
    the_fence_is_the_golden_file_and_reads_back_equal,
    a_tunnel_match_is_written_and_read_back,
    an_expiring_key_is_not_a_difference,
    the_fence_does_to_packets_what_the_tracer_says,
    a_dormant_table_is_found_and_activated,
    a_counter_of_the_table_is_added_and_removed,
    a_rule_that_uses_a_foreign_set_is_foreign_too,
    a_chain_at_another_hook_is_made_anew,
];

fn read(kernel: &mut Netlink, ruleset: &Ruleset) -> Ruleset {
    let Readback { state, foreign, certainty: _ } = found(kernel, ruleset);
    assert_eq!(foreign, []);
    state
}

/// Reads the tables of a ruleset back.
fn found(kernel: &mut Netlink, ruleset: &Ruleset) -> Readback {
    let id = |(family, table): (&TableFamily, &Table)| TableId { family: *family, name: table.name.clone() };
    let tables: Vec<TableId> = ruleset.tables.iter().map(id).collect();
    kernel.read_tables(&tables).unwrap_or_else(|error| panic!("{}", describe(&error)))
}

/// Compares table by table and object by object, so that a failure shows which.
fn assert_same(found: &Ruleset, wanted: &Ruleset) {
    for (family, wanted) in &wanted.tables {
        let found = &found.tables[family];
        for (name, chain) in &wanted.chains {
            assert_eq!(found.chains.get(name), Some(chain), "{family} {name}: {chain:?}");
        }
        for (name, set) in &wanted.sets {
            assert_eq!(found.sets.get(name), Some(set), "{family} {name}");
        }
        for (name, map) in &wanted.maps {
            assert_eq!(found.maps.get(name), Some(map), "{family} {name}");
        }
    }
    assert_eq!(found, wanted);
}

/// A device that frames can leave by.
fn add_device(device: &str) {
    let added = Command::new("ip").args(["link", "add", device, "type", "bridge"]).status();
    if !added.is_ok_and(|status| status.success()) {
        unable("there is no bridge");
    }
}

fn every_term_is_taken_from_us_and_reads_back_equal() {
    add_device("eth0");
    for family in TableFamily::ALL {
        let ruleset = terms::ruleset(family);
        assert_same(&read(&mut with(&ruleset), &ruleset), &ruleset);
    }
}

fn every_term_is_taken_from_nft_and_reads_back_equal() {
    add_device("eth0");
    for family in TableFamily::ALL {
        let ruleset = terms::ruleset(family);
        nft::script(&ruleset.to_string());
        assert_same(&read(&mut open(), &ruleset), &ruleset);
    }
}

fn every_translation_is_taken_and_reads_back_equal() {
    let mut ruleset = Ruleset::default();
    for family in Family::ALL {
        let mut table = terms::table(family.into());
        table.chains.clear();
        let chain = Chain { hook: Some(Hook::source_nat(90)), rules: terms::translations(family) };
        table.chains.insert(name("translations"), chain);
        ruleset.tables.insert(family.into(), table);
    }
    let mut kernel = with(&ruleset);
    assert_same(&read(&mut kernel, &ruleset), &ruleset);
    for family in Family::ALL {
        kernel.commit(&Batch { changes: vec![change_of(family.into(), "terms", Verb::DeleteTable)] }).unwrap();
    }
    nft::script(&ruleset.to_string());
    assert_same(&read(&mut open(), &ruleset), &ruleset);
}

fn change_of(family: TableFamily, table: &str, verb: Verb) -> Change {
    Change { family, table: name(table), verb }
}

fn the_tables_of_a_gateway_are_the_golden_file_and_read_back_equal() {
    golden(&gateway(), include_str!("../golden/gateway.nft"));
}

fn the_fence_is_the_golden_file_and_reads_back_equal() {
    add_device("eth0");
    golden(&fence(), include_str!("../golden/fence.nft"));
}

/// The text is what we print, loads, and is then what we would have written ourselves; and `nft` lists both alike.
fn golden(ruleset: &Ruleset, text: &str) {
    assert_eq!(ruleset.to_string(), text);
    nft::script(text);
    assert_same(&read(&mut open(), ruleset), ruleset);
    let listed = nft::list();
    for (family, table) in &ruleset.tables {
        nft::script(&format!("delete table {family} {}", table.name));
    }
    let mut kernel = with(ruleset);
    assert_same(&read(&mut kernel, ruleset), ruleset);
    let ours = nft::list();
    // nft lists objects in the order in which they came, and elements in that of a hash table.
    let sorted = |text: &str| {
        let separators = |c: char| c.is_whitespace() || c == ',';
        let mut parts: Vec<String> =
            text.split(separators).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        parts.sort();
        parts
    };
    assert_eq!(sorted(&ours), sorted(&listed));
}

/// nft 1.0.6 has no name for it, and the kernel has it in tables of devices only.
fn a_tunnel_match_is_written_and_read_back() {
    add_device("eth0");
    let mut ruleset = terms::ruleset(TableFamily::Netdev);
    for table in ruleset.tables.values_mut() {
        let rules = vec![Rule::when(Match::Tunnel(69), Statement::Drop)];
        table.chains.insert(name("tunnelled"), Chain::with(rules));
    }
    assert_same(&read(&mut with(&ruleset), &ruleset), &ruleset);
}

fn an_expiring_key_is_not_a_difference() {
    add_device("eth0");
    let ruleset = fence();
    let mut kernel = with(&ruleset);
    let timeout = |milliseconds| Timeout::exactly(milliseconds).unwrap();
    let key = |mark, expires| TimedKey { key: SetKey::Mark(mark), timeout: timeout(20_000), expires };
    let keys = vec![key(0xe9, None), key(5, Some(timeout(3_000)))];
    let add = || {
        change_of(TableFamily::Netdev, "egressd_fence", Verb::AddTimed(name("alive"), SetKeyKind::Mark, keys.clone()))
    };
    kernel.commit(&Batch { changes: vec![add()] }).unwrap_or_else(|error| panic!("{}", describe(&error)));
    kernel.commit(&Batch { changes: vec![add()] }).unwrap_or_else(|error| panic!("{}", describe(&error)));
    let listed = nft::list();
    assert!(listed.contains("0x000000e9"), "{listed}");
    assert_eq!(read(&mut kernel, &ruleset), ruleset);
}

/// A node that sends by `eth0` with addresses of its own.
fn add_way_out() {
    let lines = [
        "link set lo up",
        "link add eth0 type veth peer name peer0",
        "link set eth0 up",
        "link set peer0 up",
        "address add 192.0.2.50/32 dev eth0",
        "address add 192.0.2.51/32 dev eth0",
        "address add 192.0.2.52/32 dev eth0",
        "route add 198.51.100.0/24 dev eth0",
        "neighbour add 198.51.100.7 lladdr 02:00:00:00:00:07 dev eth0 nud permanent",
    ];
    for line in lines {
        if !Command::new("ip").args(line.split(' ')).status().is_ok_and(|status| status.success()) {
            unable("there is no veth");
        }
    }
}

/// What the fence has counted.
fn fenced() -> u64 {
    let output = Command::new("nft").args(["list", "counter", "netdev", "egressd_fence", "fenced"]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let count = listed.split_whitespace().skip_while(|part| *part != "packets").nth(1).unwrap();
    count.parse().unwrap()
}

/// Whether a packet with this source is dropped by the fence, and whether the tracer agrees.
fn is_dropped(source: &str, passing: &BTreeSet<(Name, SetKey)>) -> (bool, bool) {
    let (source, destination) = (address(source), address("198.51.100.7"));
    let before = fenced();
    // The kernel may report this to the sender, or not.
    let _ = UdpSocket::bind((source, 0)).unwrap().send_to(b"x", (destination, 9999));
    let eth0 = Hop::Device(Interface::new("eth0").unwrap());
    let journey = Journey { passing: passing.clone(), ..Journey::new(Packet::new(source, destination), eth0) };
    (fenced() > before, follow(&fence(), &journey).fate == PathEnd::Dropped(Point::Egress))
}

fn the_fence_does_to_packets_what_the_tracer_says() {
    add_way_out();
    let mut kernel = with(&fence());
    let key = TimedKey { key: SetKey::Mark(ALIVE), timeout: Timeout::exactly(2_000).unwrap(), expires: None };
    let alive = Verb::AddTimed(name("alive"), SetKeyKind::Mark, vec![key]);
    let nothing = BTreeSet::new();
    for (source, dropped) in [("192.0.2.50", true), ("192.0.2.51", true), ("192.0.2.52", false)] {
        assert_eq!(is_dropped(source, &nothing), (dropped, dropped), "{source}");
    }
    kernel.commit(&Batch { changes: vec![change_of(TableFamily::Netdev, "egressd_fence", alive)] }).unwrap();
    let passing = [(name("alive"), SetKey::Mark(ALIVE))].into();
    for (source, dropped) in [("192.0.2.50", false), ("192.0.2.51", true)] {
        assert_eq!(is_dropped(source, &passing), (dropped, dropped), "{source}, alive");
    }
    sleep(Duration::from_millis(2_400));
    assert_eq!(is_dropped("192.0.2.50", &nothing), (true, true), "its time is over");
}

fn a_dormant_table_is_found_and_activated() {
    nft::script("add table ip kube_vip_v4 { comment \"managed by egressd\"; flags dormant; }");
    let mut kernel = open();
    let ruleset = Ruleset { tables: [(TableFamily::Ip, Table::of(names().ipv4, Layout::FIRST))].into() };
    let found = found(&mut kernel, &ruleset);
    let whats: Vec<&str> = found.foreign.iter().map(|foreign| foreign.what.as_str()).collect();
    assert_eq!(whats, ["the flag dormant in table ip kube_vip_v4"]);
    kernel.commit(&removal(&found).unwrap()).unwrap_or_else(|error| panic!("{}", describe(&error)));
    assert_eq!(read(&mut kernel, &ruleset), ruleset);
}

fn a_counter_of_the_table_is_added_and_removed() {
    let counter = name("dropped");
    let mut kernel = open();
    kernel.commit(&batch([Verb::AddTable(Layout::OURS), Verb::AddCounter(counter.clone())])).unwrap();
    assert!(nft::list().contains("counter dropped"));
    kernel.commit(&batch([Verb::DeleteCounter(counter)])).unwrap();
    assert!(!nft::list().contains("counter dropped"));
}

fn a_rule_that_uses_a_foreign_set_is_foreign_too() {
    nft::script(
        "table ip kube_vip_v4 {
           comment \"managed by egressd\"
           set s { type ipv4_addr; flags timeout; }
           chain ours { ip saddr @s drop; }
         }",
    );
    let mut kernel = open();
    let wanted = Ruleset { tables: [(TableFamily::Ip, Table::of(names().ipv4, Layout::FIRST))].into() };
    let found = found(&mut kernel, &wanted);
    let whats: Vec<&str> = found.foreign.iter().map(|foreign| foreign.what.as_str()).collect();
    assert_eq!(whats, ["rule 1 of chain ours in table ip kube_vip_v4", "set s in table ip kube_vip_v4"]);
    kernel.commit(&removal(&found).unwrap()).unwrap_or_else(|error| panic!("{}", describe(&error)));
    assert_eq!(read(&mut kernel, &wanted), found.state);
}

fn a_chain_at_another_hook_is_made_anew() {
    let ruleset = gateway();
    let mut moved = ruleset.clone();
    for table in moved.tables.values_mut() {
        let chain = table.chains.get_mut(&name("egress_guard")).unwrap();
        chain.hook = chain.hook.clone().map(|hook| Hook { priority: 291, ..hook });
    }
    let mut kernel = with(&moved);
    for batch in diff(&moved, &ruleset).batches() {
        kernel.commit(batch).unwrap_or_else(|error| panic!("{}", describe(&error)));
    }
    assert_eq!(read(&mut kernel, &ruleset), ruleset);
}
