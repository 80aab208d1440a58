//! kube-vip's layout: for each Service a base chain with one rule, which a change deletes and recreates. It is written
//! here in one batch, by our encoder, which shows the cost of the layout; kube-vip sends a batch for each Service and
//! asks the API server and the kernel in between. The kernel takes 1,024 of them (`MAX_HOOK_COUNT`).

use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::diff::{Batch, Change, Verb};
use egressd_core::net::{AddressRange, Family};
use egressd_core::ruleset::{Hook, Layout, Match, Name, Rule, Statement};
use egressd_core::testkit::n;
use lab::Namespace;

use super::{NoResult, RuleCost, address, changing, pod};
use crate::clock::{self, used};
use crate::measure::Times;

const TURNS: u32 = 100;

pub(super) fn measure(namespace: &Namespace, count: u32) -> Result<RuleCost, NoResult> {
    let cost = namespace.run(|| Netlink::open().ok().and_then(|netlink| cost(netlink, count)));
    let cost = cost.map_err(|error| NoResult::skipped(&error.to_string()))?;
    cost.ok_or_else(|| NoResult::Refused("more than 1,024 base chains".to_owned()))
}

/// None if the kernel refuses the rules.
fn cost(mut netlink: Netlink, count: u32) -> Option<RuleCost> {
    let made = (0..count).flat_map(|number| make(number, 0));
    let cold = commit(&mut netlink, [Verb::AddTable(Layout::OURS)].into_iter().chain(made))?;
    let change = |turn| {
        let number = changing(turn, count);
        let verbs = [Verb::DeleteChain(chain(number))].into_iter().chain(make(number, turn));
        commit(&mut netlink, verbs)
    };
    let changes = (1..=TURNS).map(change).collect::<Option<_>>()?;
    Some(RuleCost { cold, change: Times::of(changes) })
}

/// The time of encoding and of the kernel.
fn commit(netlink: &mut Netlink, verbs: impl Iterator<Item = Verb>) -> Option<Duration> {
    let table = name("bench".to_owned());
    let change = |verb| Change { family: Family::Ipv4.into(), table: table.clone(), verb };
    let batch = Batch { changes: verbs.map(change).collect() };
    let (result, used) = used(clock::thread, || netlink.commit_timed(&batch, clock::thread));
    result.ok().map(|_| used)
}

fn make(number: u32, turn: u32) -> [Verb; 2] {
    let hook = Hook::source_nat(100);
    [Verb::AddChain(chain(number), Some(hook)), Verb::AddRules(chain(number), vec![rule(number, turn)])]
}

fn chain(number: u32) -> Name {
    name(format!("kube_vip_snat_{number}"))
}

fn name(text: String) -> Name {
    Name::new(text).unwrap()
}

/// Our vocabulary cannot match one source, so a destination stands in its place: the same expressions, the same bytes.
fn rule(number: u32, turn: u32) -> Rule {
    let pod = AddressRange::new(pod(number).into(), pod(number).into()).unwrap();
    let matches = [pod, n("10.0.0.0/8").into()].map(Match::Destination).to_vec();
    Rule::new(matches, [Statement::Counter, Statement::Snat(address(number, turn).into())])
}
