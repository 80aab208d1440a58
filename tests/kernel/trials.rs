//! The trials of the kernel adapter, each in a network namespace of its own.

use egressd::kernel::nft::{Error, KernelThread, Netlink, Owner, Tables as _, removal};
use egressd_core::{
    diff::{Batch, Verb, diff},
    net::Family,
    node::Adapter as _,
    ruleset::{Element, Key, MapKey, MapKind, Rule, Ruleset, Set, Statement, Target},
};
use lab::{DEADLINE, wait_until};

use crate::{
    nft,
    sample::{address, batch, creation, element, full_ruleset, large_ruleset, many, name, names, range},
    unable,
};

/// Plain functions as a list of [`Test`](lab::Test)s.
macro_rules! trials {
    ($($name:ident),+ $(,)?) => { &[$((stringify!($name), || $crate::in_namespace($name))),+] };
}
pub(crate) use trials;

pub(crate) const ALL: &[lab::Test] = trials![
    a_committed_ruleset_reads_back_equal,
    five_thousand_elements_read_back_equal,
    nft_lists_the_table_readably,
    an_element_is_replaced_in_one_batch,
    a_chain_is_refilled_in_one_batch,
    a_set_is_refilled_in_one_batch,
    a_set_of_addresses_changes_by_its_added_and_deleted_elements,
    a_batch_is_all_or_nothing,
    a_refused_element_is_named_with_the_kernels_message,
    a_refused_range_is_named,
    a_refused_rule_is_named,
    a_large_batch_of_30000_elements_commits_and_reads_back_whole,
    a_foreign_table_of_our_name_is_refused,
    the_refusal_of_a_second_owner_names_the_first,
    an_orphan_is_adopted,
    an_orphan_can_be_deleted,
    a_foreign_table_is_replaced_in_one_batch,
    a_missing_capability_is_reported,
    the_kernel_thread_works_in_the_namespace_it_was_started_in,
    an_unowned_table_stays_usable,
    foreign_objects_in_our_table_are_found_and_removed,
    the_output_of_nft_list_loads_and_reads_back_equal,
    the_printed_ruleset_loads_with_nft_and_reads_back_equal,
    everything_is_deleted_with_the_table,
];

pub(crate) fn open() -> Netlink {
    Netlink::open().unwrap()
}

/// A kernel that holds `ruleset`.
pub(crate) fn with(ruleset: &Ruleset) -> Netlink {
    let mut kernel = open();
    kernel.commit(&creation(ruleset)).unwrap_or_else(|error| panic!("{}", describe(&error)));
    kernel
}

/// Ends an owner, and waits until the kernel has seen it: a program that another trial starts at that moment has a copy of
/// every socket of this process until it is executed.
pub(crate) fn end(owner: Netlink) {
    drop(owner);
    wait_until("the tables have no owner", DEADLINE, || {
        Ok(!open().list()?.iter().any(|table| matches!(table.owner, Owner::Other(_))))
    })
    .unwrap();
}

pub(crate) fn read(kernel: &mut Netlink) -> Ruleset {
    let readback = kernel.read(&names()).unwrap();
    assert_eq!(readback.foreign, []);
    readback.state
}

/// An error with its source, as the command line prints it.
pub(crate) fn describe(error: &impl std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

pub(crate) fn refused(kernel: &mut Netlink, batch: &Batch) -> String {
    describe(&kernel.commit(batch).unwrap_err())
}

fn leads_to(target: &str) -> Element {
    element(Target::Address(address(target)), "")
}

fn a_committed_ruleset_reads_back_equal() {
    let ruleset = full_ruleset();
    assert_eq!(read(&mut with(&ruleset)), ruleset);
}

fn five_thousand_elements_read_back_equal() {
    let ruleset = large_ruleset(5_000);
    assert_eq!(read(&mut with(&ruleset)), ruleset);
}

fn nft_lists_the_table_readably() {
    let mut ruleset = full_ruleset();
    ruleset.tables.remove(&Family::Ipv6.into());
    let _kernel = with(&ruleset);
    similar(&nft::list(), include_str!("listing.nft"));
}

fn an_element_is_replaced_in_one_batch() {
    let mut ruleset = large_ruleset(1);
    let mut kernel = with(&ruleset);
    let (map, key) = (name("egress_addrs"), MapKey::Address(address("10.0.0.0")));
    let replacement = leads_to("192.0.2.9");
    let verbs = [
        Verb::DeleteElements(map.clone(), MapKind::addresses(Family::Ipv4), vec![key]),
        Verb::AddElements(map.clone(), MapKind::addresses(Family::Ipv4), vec![(key, replacement.clone())]),
    ];
    kernel.commit(&batch(verbs)).unwrap();
    let table = ruleset.tables.get_mut(&Family::Ipv4.into()).unwrap();
    table.maps.get_mut(&map).unwrap().elements.insert(key, replacement);
    assert_eq!(read(&mut kernel), ruleset);
}

fn a_chain_is_refilled_in_one_batch() {
    let mut ruleset = full_ruleset();
    let mut kernel = with(&ruleset);
    let chain = name("service_a");
    let rules = vec![Rule::always(Statement::Return)];
    kernel.commit(&batch([Verb::FlushRules(chain.clone()), Verb::AddRules(chain.clone(), rules.clone())])).unwrap();
    ruleset.tables.get_mut(&Family::Ipv4.into()).unwrap().chains.get_mut(&chain).unwrap().rules = rules;
    assert_eq!(read(&mut kernel), ruleset);
}

fn a_set_of_addresses_changes_by_its_added_and_deleted_elements() {
    let mut ruleset = full_ruleset();
    let mut kernel = with(&ruleset);
    let set = name("egress_inside");
    let [gone, come] = [address("10.0.0.3"), address("192.0.2.7")];
    let verbs = [Verb::DeleteMembers(set.clone(), vec![gone]), Verb::AddMembers(set.clone(), vec![come])];
    kernel.commit(&batch(verbs)).unwrap();
    let Some(Set::Addresses(_, members)) = ruleset.tables.get_mut(&Family::Ipv4.into()).unwrap().sets.get_mut(&set)
    else {
        panic!("it is a set of addresses")
    };
    members.remove(&gone);
    members.insert(come);
    assert_eq!(read(&mut kernel), ruleset);
    assert!(
        refused(&mut kernel, &batch([Verb::DeleteMembers(set, vec![gone])]))
            .contains("delete element 10.0.0.3 from set egress_inside")
    );
}

fn a_set_is_refilled_in_one_batch() {
    let mut ruleset = full_ruleset();
    let mut kernel = with(&ruleset);
    let set = name("egress_excluded");
    for ranges in [vec![range("0.0.0.0/1"), range("192.0.2.0/24")], vec![range("0.0.0.0/0")], vec![]] {
        kernel.commit(&batch([Verb::RefillSet(set.clone(), ranges.clone())])).unwrap();
        ruleset
            .tables
            .get_mut(&Family::Ipv4.into())
            .unwrap()
            .sets
            .insert(set.clone(), Set::Ranges(Family::Ipv4, ranges));
        assert_eq!(read(&mut kernel), ruleset);
    }
}

fn a_batch_is_all_or_nothing() {
    let ruleset = large_ruleset(3);
    let mut kernel = with(&ruleset);
    let verbs = [Verb::AddChain(name("new"), None), Verb::DeleteChain(name("never_there"))];
    let message = refused(&mut kernel, &batch(verbs));
    assert_eq!(
        message,
        "cannot delete chain never_there from table ip kube_vip_v4: No such file or directory (os error 2)"
    );
    assert_eq!(read(&mut kernel), ruleset);
}

fn a_refused_element_is_named_with_the_kernels_message() {
    let mut kernel = with(&large_ruleset(3));
    let map = name("egress_addrs");
    let mut elements: Vec<_> = many(5_000).skip(2).collect();
    elements.reverse();
    assert_eq!(
        refused(&mut kernel, &batch([Verb::AddElements(map.clone(), MapKind::addresses(Family::Ipv4), elements)])),
        "cannot add element 10.0.0.2 to map egress_addrs of table ip kube_vip_v4: File exists (os error 17)"
    );
    let missing = vec![MapKey::Address(address("10.0.0.0")), MapKey::Address(address("10.9.9.9"))];
    assert_eq!(
        refused(&mut kernel, &batch([Verb::DeleteElements(map, MapKind::addresses(Family::Ipv4), missing)])),
        "cannot delete element 10.9.9.9 from map egress_addrs of table ip kube_vip_v4: \
         No such file or directory (os error 2)"
    );
}

fn a_refused_range_is_named() {
    let mut kernel = with(&full_ruleset());
    let overlapping = ["10.0.0.0/8", "172.16.0.0/12", "172.16.7.0/24"].map(range).to_vec();
    assert_eq!(
        refused(&mut kernel, &batch([Verb::RefillSet(name("egress_excluded"), overlapping)])),
        "cannot add element 172.16.7.0/24 to set egress_excluded of table ip kube_vip_v4: \
         File exists (os error 17)"
    );
}

fn a_refused_rule_is_named() {
    let mut kernel = with(&large_ruleset(3));
    let key = Key::of(MapKind::addresses(Family::Ipv4));
    let rules = [Statement::Return, Statement::SnatBy(key, name("nowhere"))].map(Rule::always).to_vec();
    let verbs = [Verb::AddChain(name("a"), None), Verb::AddRules(name("a"), rules)];
    assert_eq!(
        refused(&mut kernel, &batch(verbs)),
        "cannot add rule 2 to chain a of table ip kube_vip_v4: No such file or directory (os error 2)"
    );
}

fn a_large_batch_of_30000_elements_commits_and_reads_back_whole() {
    let ruleset = large_ruleset(30_000);
    let mut kernel = open();
    // Some of these readings meet the map while it still grows, where one dump alone leaves elements out.
    for _ in 0..5 {
        match kernel.commit(&creation(&ruleset)) {
            // Without root on the machine itself the send buffer cannot grow that far.
            Err(Error::BatchTooLarge { .. }) => unable("the send buffer cannot grow to 30,000 elements without root"),
            result => result.unwrap(),
        }
        assert!(read(&mut kernel) == ruleset, "elements are missing");
        kernel.commit(&batch([Verb::DeleteTable])).unwrap();
    }
}

fn a_foreign_table_of_our_name_is_refused() {
    nft::script("add table ip kube_vip_v4\nadd chain ip kube_vip_v4 theirs");
    let mut kernel = open();
    for message in [kernel.read(&names()).unwrap_err(), kernel.adopt(&names()).unwrap_err()] {
        assert_eq!(
            message.to_string(),
            "cannot use table ip kube_vip_v4: a table of this name exists and egressd did not make it; kube-vip's own \
             egress makes such tables: give egressd an `instance_name` and another annotation prefix, or turn kube-vip's \
             egress off and let `egress_clean` replace the table (docs/beside.md)"
        );
    }
    assert_eq!(
        refused(&mut kernel, &creation(&large_ruleset(1))),
        "cannot add table ip kube_vip_v4: File exists (os error 17)"
    );
    assert!(nft::list().contains("chain theirs"));
}

/// Whether this kernel has owners that leave their tables behind (6.9).
pub(crate) fn owners_persist() -> bool {
    !nft::try_script("add table ip kube_vip_v4").0
}

fn the_refusal_of_a_second_owner_names_the_first() {
    let first = with(&large_ruleset(1));
    if !owners_persist() {
        unable("this kernel has no owners that leave their tables behind (6.9)");
    }
    let mut second = open();
    assert_eq!(read(&mut second), large_ruleset(1), "everybody may read");
    let owned = "cannot change table ip kube_vip_v4: another egressd (or other process) owns the table (netlink port ";
    let adopting = second.adopt(&names()).unwrap_err().to_string();
    assert!(adopting.starts_with(owned), "{adopting}");
    let changing = refused(&mut second, &batch([Verb::AddChain(name("new"), None)]));
    assert!(changing.starts_with(owned), "{changing}");
    drop(first);
}

fn an_orphan_is_adopted() {
    let ruleset = full_ruleset();
    let owner = with(&ruleset);
    let owners_persist = owners_persist();
    end(owner);
    nft::script("add chain ip kube_vip_v4 theirs\ndelete chain ip kube_vip_v4 theirs");
    let mut heir = open();
    heir.adopt(&names()).unwrap();
    heir.adopt(&names()).unwrap();
    assert_eq!(read(&mut heir), ruleset);
    heir.commit(&batch([Verb::AddChain(name("new"), None)])).unwrap();
    let (taken, printed) = nft::try_script("add chain ip kube_vip_v4 theirs");
    assert_eq!(!taken, owners_persist, "{printed}");
}

fn an_orphan_can_be_deleted() {
    end(with(&full_ruleset()));
    open().commit(&batch([Verb::DeleteTable])).unwrap();
    assert!(!nft::list().contains("kube_vip_v4"));
}

fn a_foreign_table_is_replaced_in_one_batch() {
    nft::script("add table ip kube_vip_v4\nadd chain ip kube_vip_v4 theirs");
    let mut replacing = batch([Verb::DeleteTable]);
    replacing.changes.extend(creation(&large_ruleset(1)).changes);
    let mut kernel = open();
    kernel.commit(&replacing).unwrap();
    assert_eq!(read(&mut kernel), large_ruleset(1));
}

/// So it is on kernels without owners.
fn an_unowned_table_stays_usable() {
    nft::script("add table ip kube_vip_v4 { comment \"managed by egressd\"; }");
    let mut kernel = open();
    kernel.adopt(&names()).unwrap();
    kernel.commit(&batch([Verb::AddChain(name("new"), None)])).unwrap();
    assert_eq!(read(&mut kernel).tables[&Family::Ipv4.into()].chains.len(), 1);
    kernel.commit(&batch([Verb::DeleteTable])).unwrap();
    assert_eq!(read(&mut kernel), Ruleset::default());
}

fn foreign_objects_in_our_table_are_found_and_removed() {
    nft::script(
        "table ip kube_vip_v4 {
           comment \"managed by egressd\"
           set s { type ipv4_addr; flags timeout; }
           map m { type ipv4_addr : verdict; counter; elements = { 10.0.0.1 : goto ours } }
           chain ours { ip saddr { 10.0.0.1, 10.0.0.3 } return; ip saddr @s drop; }
           chain theirs { type filter hook input priority 0; jump ours; }
         }",
    );
    let mut kernel = open();
    let found = kernel.read(&names()).unwrap();
    let whats: Vec<&str> = found.foreign.iter().map(|foreign| foreign.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "rule 1 of chain ours in table ip kube_vip_v4",
            "set s in table ip kube_vip_v4",
            "element 10.0.0.1 of map m in table ip kube_vip_v4",
        ]
    );
    kernel.commit(&removal(&found).unwrap()).unwrap_or_else(|error| panic!("{}", describe(&error)));
    assert_eq!(read(&mut kernel), found.state);
    // What the vocabulary has is not foreign: it goes like all that should not be there.
    assert!(found.state.tables[&Family::Ipv4.into()].chains.contains_key(&name("theirs")));
    for batch in diff(&found.state, &Ruleset::default()).batches() {
        kernel.commit(batch).unwrap_or_else(|error| panic!("{}", describe(&error)));
    }
    assert_eq!(read(&mut kernel), Ruleset::default());
}

fn the_output_of_nft_list_loads_and_reads_back_equal() {
    let mut ruleset = full_ruleset();
    ruleset.tables.remove(&Family::Ipv6.into());
    nft::script(include_str!("listing.nft"));
    assert_eq!(read(&mut open()), ruleset);
}

fn the_printed_ruleset_loads_with_nft_and_reads_back_equal() {
    let ruleset = full_ruleset();
    nft::script(&ruleset.to_string());
    assert_eq!(read(&mut open()), ruleset);
}

fn a_missing_capability_is_reported() {
    rustix::thread::set_capabilities(
        None,
        rustix::thread::CapabilitySets {
            effective: rustix::thread::CapabilitySet::empty(),
            permitted: rustix::thread::CapabilitySet::empty(),
            inheritable: rustix::thread::CapabilitySet::empty(),
        },
    )
    .unwrap();
    let mut kernel = open();
    let message = "cannot talk to nf_tables: it needs CAP_NET_ADMIN in this network namespace";
    assert_eq!(kernel.read(&names()).unwrap_err().to_string(), message);
    assert_eq!(refused(&mut kernel, &creation(&large_ruleset(1))), message);
}

fn the_kernel_thread_works_in_the_namespace_it_was_started_in() {
    let ruleset = large_ruleset(10);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let kernel = KernelThread::spawn(Netlink::open).await.unwrap();
        kernel.ask(|kernel| kernel.adopt(&names())).await.unwrap();
        let creation = creation(&ruleset);
        kernel.ask(move |kernel| kernel.commit(&creation)).await.unwrap();
        assert_eq!(kernel.ask(|kernel| kernel.read(&names())).await.unwrap().state, ruleset);
    });
    assert!(nft::list().contains("default/service-9"));
}

fn everything_is_deleted_with_the_table() {
    let mut kernel = with(&full_ruleset());
    kernel.commit(&batch([Verb::DeleteTable])).unwrap();
    assert_eq!(read(&mut kernel).tables.keys().collect::<Vec<_>>(), [&Family::Ipv6.into()]);
}

/// Compares texts line by line, so that a failure shows the line. Without empty ones: nft prints one more where a table has
/// flags, as it has where the kernel has owners.
fn similar(found: &str, wanted: &str) {
    let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    for (found, wanted) in lines(found).iter().zip(&lines(wanted)) {
        assert_eq!(found, wanted);
    }
    assert_eq!(lines(found), lines(wanted));
}
