//! How a set of ranges changes.

use egressd_core::{
    diff::{Verb, diff},
    net::{AddressRange, Family, merge_ranges},
    node::Adapter as _,
    ruleset::Set,
};

use crate::{
    sample::{batch, full_ruleset, name, range},
    trials::{describe, read, refused, trials, with},
};

pub(crate) const ALL: &[lab::Test] =
    trials![a_set_of_ranges_changes_by_what_differs, ranges_that_were_split_by_others_are_written_again];

/// In the gaps, at both ends of all addresses, and by ranges that grow, shrink, meet and part.
fn a_set_of_ranges_changes_by_what_differs() {
    let mut ruleset = full_ruleset();
    let mut kernel = with(&ruleset);
    let lasting: Vec<AddressRange> = (16..32u8).map(|number| range(&format!("{}.0.0.0/9", number * 2))).collect();
    let contents: [&[&str]; 10] = [
        &[],
        &["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24"],
        &["10.0.0.0/24", "10.0.4.0/24", "0.0.0.0/32", "255.255.255.255/32"],
        &["10.0.0.0/23", "10.0.4.0/24", "0.0.0.0/8", "240.0.0.0/4"],
        &["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24", "0.0.0.0/24", "248.0.0.0/5"],
        &["10.0.0.0/21"],
        &["10.0.0.0/24", "10.0.1.0/24", "10.0.7.0/24"],
        &["33.0.0.0/16", "64.128.0.0/9"],
        &["32.128.0.0/9", "33.0.0.0/8"],
        &[],
    ];
    for content in contents {
        let before = ruleset.clone();
        let ranges = merge_ranges(content.iter().copied().map(range).chain(lasting.iter().copied()));
        ruleset
            .tables
            .get_mut(&Family::Ipv4.into())
            .unwrap()
            .sets
            .insert(name("egress_excluded"), Set::Ranges(Family::Ipv4, ranges));
        for batch in diff(&before, &ruleset).batches() {
            // Only the content of the sample may be something else as a whole.
            let is_refill = batch.changes.iter().any(|change| matches!(change.verb, Verb::RefillSet(..)));
            assert!(!is_refill || before == full_ruleset(), "{batch}");
            kernel.commit(batch).unwrap_or_else(|error| panic!("{}\n{batch}", describe(&error)));
        }
        assert_eq!(read(&mut kernel), ruleset);
    }
    let missing = batch([Verb::DeleteRanges(name("egress_excluded"), vec![range("10.0.0.0/24")])]);
    assert!(refused(&mut kernel, &missing).contains("delete element 10.0.0.0/24 from set egress_excluded"));
}

/// Their halves are what the kernel has, and could not be deleted as a whole.
fn ranges_that_were_split_by_others_are_written_again() {
    let ruleset = full_ruleset();
    let mut kernel = with(&ruleset);
    let set = name("egress_excluded");
    let all = |ranges: &[&str]| ranges.iter().copied().map(range).collect::<Vec<_>>();
    let divided = all(&["10.0.0.0/9", "10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4"]);
    kernel.commit(&batch([Verb::RefillSet(set.clone(), divided.clone())])).unwrap();
    let mut before = ruleset.clone();
    before.tables.get_mut(&Family::Ipv4.into()).unwrap().sets.insert(set.clone(), Set::Ranges(Family::Ipv4, divided));
    assert_eq!(read(&mut kernel), before);
    let mut after = before.clone();
    let whole = all(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4"]);
    after.tables.get_mut(&Family::Ipv4.into()).unwrap().sets.insert(set, Set::Ranges(Family::Ipv4, whole));
    for batch in diff(&before, &after).batches() {
        kernel.commit(batch).unwrap();
    }
    assert_eq!(read(&mut kernel), after);
}
