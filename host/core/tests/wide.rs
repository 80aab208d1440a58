//! The laws of `laws.rs` over networks of every length, which its universe has few of.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "wide/fixture.rs"]
mod fixture;

use std::net::IpAddr;

use egressd_core::compile::{compile, table_names};
use egressd_core::diff::{Changes, SlicedChange, cut, diff};
use egressd_core::plan::Plan;
use egressd_core::ruleset::{Layout, Ruleset};
use egressd_core::testkit::{FakeKernel, Packet, Seen, promised, trace, trace_over};
use fixture::{Dice, edited, fixtures, packets, plan};

fn seen(ruleset: &Ruleset, packet: &Packet) -> Option<IpAddr> {
    of(trace(ruleset, packet))
}

fn of(seen: Seen) -> Option<IpAddr> {
    match seen {
        Seen::Untranslated => None,
        Seen::As(address) => Some(address),
    }
}

/// Commits all batches; every packet, wherever a commit falls, sees what it saw before or what it will.
fn on_the_way(
    kernel: &mut FakeKernel,
    changes: &Changes,
    packets: &[Packet],
    before: &Ruleset,
    after: &Ruleset,
) -> Option<String> {
    for batch in changes.batches() {
        let old = kernel.ruleset.clone();
        kernel.commit(batch).map_err(|refused| format!("{refused}\n{changes}")).unwrap();
        let most =
            old.tables.values().chain(kernel.ruleset.tables.values()).map(|t| t.maps.len() + 4).max().unwrap_or(0);
        for packet in packets {
            let right = [seen(before, packet), seen(after, packet)];
            for look_up in 0..=most {
                let now = of(trace_over(&old, &kernel.ruleset, packet, look_up));
                if !right.contains(&now) {
                    return Some(format!(
                        "{packet:?} sees {now:?} not {right:?} after {look_up}\n{batch}\nof\n{changes}\n{before}\n{after}"
                    ));
                }
            }
        }
    }
    None
}

/// How many plans are tried.
fn rounds(few: usize) -> usize {
    if cfg!(debug_assertions) { few } else { few * 40 }
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

#[test]
fn plans_say_what_is_promised_in_both_layouts() {
    let (mut dice, fixtures) = (Dice(SEED), fixtures());
    for round in 0..rounds(60) {
        let plan = plan(&mut dice, &fixtures);
        let second = compile(&plan, &table_names(None));
        let first = compile(&plan, &table_names(None).in_layout(Layout::FIRST));
        for packet in packets(&fixtures, &[&plan]) {
            let right = promised(&plan, &packet);
            assert_eq!(seen(&second, &packet), right, "round {round} {packet:?}\n{plan}\n{second}");
            assert_eq!(seen(&first, &packet), right, "round {round} {packet:?}\n{plan}\n{first}");
        }
    }
}

#[test]
fn between_plans_packets_see_the_old_or_the_new() {
    let (mut dice, fixtures) = (Dice(SEED), fixtures());
    for round in 0..rounds(4) {
        let old = plan(&mut dice, &fixtures);
        let new = edited(&mut dice, &fixtures, &old);
        let packets = packets(&fixtures, &[&old, &new]);
        let [before, after] = [&old, &new].map(|p| compile(p, &table_names(None)));
        let changes = diff(&before, &after);
        let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
        if let Some(wrong) = on_the_way(&mut kernel, &changes, &packets, &before, &after) {
            panic!("round {round}\n{old}\n{new}\n{wrong}");
        }
        assert_eq!(kernel.ruleset, after);
    }
}

#[test]
fn in_slices_packets_see_the_old_or_the_new() {
    let (mut dice, fixtures) = (Dice(SEED), fixtures());
    for round in 0..rounds(4) {
        let old = plan(&mut dice, &fixtures);
        let new = if dice.below(2) == 0 { plan(&mut dice, &fixtures) } else { edited(&mut dice, &fixtures, &old) };
        let packets = packets(&fixtures, &[&old, &new]);
        let new = Plan { excluded: old.excluded.clone(), ..new };
        let [before, after] = [&old, &new].map(|p| compile(p, &table_names(None)));
        let most = 1 + dice.below(5);
        let SlicedChange::Slices(mut slices) = cut(&before, &after, most) else { continue };
        let mut applied = before.clone();
        let mut kernel = FakeKernel { ruleset: before.clone(), generation: 0 };
        while let Some(slice) = slices.next(&applied, &after) {
            if let Some(wrong) = on_the_way(&mut kernel, &slice.changes, &packets, &before, &after) {
                panic!("round {round} most {most}\n{old}\n{new}\n{wrong}");
            }
            slice.apply(&mut applied);
            assert_eq!(applied, kernel.ruleset);
        }
        assert_eq!(applied, after);
    }
}
