//! iptables over nf_tables: a rule for each pod, changed in its place by `iptables-nft-restore`.

use std::fmt::Write;

use lab::Namespace;

use super::program::run_with_input;
use super::{NoResult, RuleCost, address, changing, pod};
use crate::measure::Times;

/// It reads all rules for each change, which takes long with many.
const TURNS: u32 = 10;

pub(super) fn measure(namespace: &Namespace, count: u32) -> Result<RuleCost, NoResult> {
    let restore = |input: &str| run_with_input(namespace.command("iptables-nft-restore").arg("--noflush"), input);
    let cold = restore(&everything(count))?;
    let change = |turn| {
        let number = changing(turn, count);
        restore(&format!("*nat\n-R EGRESS {} {}\nCOMMIT\n", number + 1, rule(number, turn)))
    };
    let changes = (1..=TURNS).map(change).collect::<Result<Vec<_>, _>>()?;
    Ok(RuleCost { cold, change: Times::of(changes) })
}

fn everything(count: u32) -> String {
    let mut input = String::from("*nat\n-N EGRESS\n-A POSTROUTING -j EGRESS\n");
    for number in 0..count {
        writeln!(input, "-A EGRESS {}", rule(number, 0)).unwrap();
    }
    input + "COMMIT\n"
}

fn rule(number: u32, turn: u32) -> String {
    format!("-s {}/32 ! -d 10.0.0.0/8 -j SNAT --to-source {}", pod(number), address(number, turn))
}
