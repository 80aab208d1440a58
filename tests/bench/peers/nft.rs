//! A process of `nft` for each change, which is what a script would do: a map from pods to addresses.

use std::fmt::Write;

use lab::Namespace;

use super::program::run_with_input;
use super::{NoResult, RuleCost, address, changing, pod};
use crate::measure::Times;

const TURNS: u32 = 30;

pub(super) fn measure(namespace: &Namespace, count: u32) -> Result<RuleCost, NoResult> {
    let load = |script: &str| run_with_input(namespace.command("nft").args(["-f", "-"]), script);
    let cold = load(&everything(count))?;
    let change = |turn| {
        let number = changing(turn, count);
        load(&format!(
            "delete element ip bench addrs {{ {pod} }}\nadd element ip bench addrs {{ {pod} : {to} }}\n",
            pod = pod(number),
            to = address(number, turn)
        ))
    };
    let changes = (1..=TURNS).map(change).collect::<Result<Vec<_>, _>>()?;
    Ok(RuleCost { cold, change: Times::of(changes) })
}

fn everything(count: u32) -> String {
    let mut script = String::from(
        "add table ip bench
add chain ip bench post { type nat hook postrouting priority 90; }
add map ip bench addrs { type ipv4_addr : ipv4_addr; }
add rule ip bench post snat to ip saddr map @addrs
add element ip bench addrs { ",
    );
    for number in 0..count {
        write!(script, "{} : {}, ", pod(number), address(number, 0)).unwrap();
    }
    script + "}\n"
}
