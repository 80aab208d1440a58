//! The policies of the guard's backstop, in the kernel.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;

use egressd::kernel::xfrm::Policies;
use egressd_core::compile::{Backstop, InstanceName, XfrmStamp, table_names};
use egressd_core::net::{AddressRange, MarkBit};
use egressd_core::node::{Adapter, Part, Xfrm, XfrmChange, XfrmMaker, XfrmPolicy, XfrmVerb};

use crate::sample::address;
use crate::trials::{describe, trials};
use crate::unable;

pub(crate) const ALL: &[lab::Test] = trials![
    policies_read_back_equal_and_go_again,
    ten_thousand_policies_come_and_go_in_ten_changes,
    what_is_printed_is_what_ip_takes_and_takes_away,
    a_refused_policy_is_named_and_the_others_are_made,
    policies_of_other_programs_are_named_and_stay,
    policies_of_another_egressd_are_not_ours,
];

fn open() -> Policies {
    match Policies::open() {
        Ok(policies) => policies,
        Err(egressd::kernel::xfrm::Error::Unsupported) => unable("this kernel has no xfrm"),
        Err(error) => panic!("{}", describe(&error)),
    }
}

fn stamp() -> XfrmStamp {
    XfrmStamp { maker: XfrmMaker::of(&table_names(None)), bit: MarkBit::DEFAULT }
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange::new(address(first), address(last)).unwrap()
}

fn sample() -> BTreeSet<XfrmPolicy> {
    let pods = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(address).into();
    let inside = vec![
        range("10.0.0.0", "10.2.255.255"),
        range("192.0.2.7", "192.0.2.7"),
        range("fd00::", "fd00::ffff"),
        range("fe80::", "fe80::1"),
    ];
    Backstop { pods, inside }.policies(stamp())
}

fn read(policies: &mut Policies) -> BTreeSet<XfrmPolicy> {
    let readback = policies.read(&stamp().maker).unwrap_or_else(|error| panic!("{}", describe(&error)));
    assert_eq!(readback.foreign, []);
    readback.state
}

fn bring(policies: &mut Policies, old: &BTreeSet<XfrmPolicy>, new: &BTreeSet<XfrmPolicy>) {
    for effect in Xfrm::diff(old, new) {
        policies.commit(&effect.change).unwrap_or_else(|error| panic!("{}", describe(&error)));
    }
}

fn run(commands: &str) {
    let output = Command::new("sh").args(["-ec", commands]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn policies_read_back_equal_and_go_again() {
    let mut policies = open();
    assert_eq!(read(&mut policies), BTreeSet::new());
    bring(&mut policies, &BTreeSet::new(), &sample());
    assert_eq!(read(&mut policies), sample());
    let rest: BTreeSet<_> = sample().into_iter().take(3).collect();
    bring(&mut policies, &sample(), &rest);
    assert_eq!(read(&mut open()), rest);
    bring(&mut policies, &rest, &BTreeSet::new());
    assert_eq!(read(&mut policies), BTreeSet::new());
}

fn ten_thousand_policies_come_and_go_in_ten_changes() {
    let mut policies = open();
    let pods = (0..10_000u32).map(|number| IpAddr::from((0x0a00_0000 + number).to_be_bytes())).collect();
    let all = Backstop { pods, inside: vec![] }.policies(stamp());
    assert_eq!(Xfrm::diff(&BTreeSet::new(), &all).len(), 10);
    bring(&mut policies, &BTreeSet::new(), &all);
    assert_eq!(read(&mut policies), all);
    bring(&mut policies, &all, &BTreeSet::new());
    assert_eq!(read(&mut policies), BTreeSet::new());
}

fn what_is_printed_is_what_ip_takes_and_takes_away() {
    let mut policies = open();
    run(&Xfrm::text(&sample()));
    assert_eq!(read(&mut policies), sample());
    let gone: String = Xfrm::diff(&sample(), &BTreeSet::new()).iter().map(|effect| effect.change.to_string()).collect();
    run(&gone);
    assert_eq!(read(&mut policies), BTreeSet::new());
}

fn a_refused_policy_is_named_and_the_others_are_made() {
    let mut policies = open();
    let all: Vec<XfrmPolicy> = sample().into_iter().collect();
    let some = |some: &[XfrmPolicy]| XfrmChange { verb: XfrmVerb::Add, policies: some.to_vec() };
    policies.commit(&some(&all[1..2])).unwrap();
    let refused = policies.commit(&some(&all)).unwrap_err();
    let expected = format!("cannot change IPsec policies: add: {}: File exists (os error 17)", all[1]);
    assert_eq!(describe(&refused), expected);
    assert_eq!(read(&mut policies), sample());
}

fn policies_of_other_programs_are_named_and_stay() {
    let mut policies = open();
    run("ip xfrm policy add src 192.0.2.0/24 dst 198.51.100.0/24 dir out priority 7
         ip xfrm policy add src fd01::/64 dst fd02::1/128 dir fwd priority 8 action block");
    bring(&mut policies, &BTreeSet::new(), &sample());
    let readback = policies.read(&stamp().maker).unwrap();
    assert_eq!(readback.state, sample());
    let mut foreign: Vec<_> = readback.foreign.into_iter().map(|foreign| foreign.what).collect();
    foreign.sort();
    let expected =
        ["src 192.0.2.0/24 dst 198.51.100.0/24 dir out priority 7", "src fd01::/64 dst fd02::1/128 dir fwd priority 8"];
    assert_eq!(foreign, expected);
}

fn policies_of_another_egressd_are_not_ours() {
    let mut policies = open();
    let other = XfrmMaker::of(&table_names(Some(&InstanceName::new("blue").unwrap())));
    let backstop = Backstop { pods: [address("10.0.0.9")].into(), inside: vec![] };
    let theirs = backstop.policies(XfrmStamp { maker: other, ..stamp() });
    bring(&mut policies, &BTreeSet::new(), &theirs);
    assert_eq!(read(&mut policies), BTreeSet::new());
    assert_eq!(policies.read(&other).unwrap().state, theirs);
}
