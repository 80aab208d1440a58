//! From a source's update to the kernel's commit: all Services at once, and one of many.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use egressd::nft::{Error, Netlink};
use egressd_core::diff::{Changes, diff};
use egressd_core::model::Key;
use egressd_core::ruleset::Ruleset;
use lab::Namespace;

use crate::measure::{Times, head, ms, ratio, row, timed, us};
use crate::world::{Kind, World};

const COUNTS: [u32; 3] = [1_000, 10_000, 30_000];
const KINDS: [Kind; 3] = [Kind::Plain, Kind::Ports, Kind::Networks];

/// Everything from nothing, beside the kernel's own time for the same bytes, and beside `nft -f`.
pub(crate) fn cold_start() {
    head(&[
        "Services",
        "kind",
        "plan and compile",
        "diff and commit",
        "of it the kernel",
        "/ kernel",
        "nft -f",
        "/ nft",
    ]);
    for (count, kind) in COUNTS.into_iter().flat_map(|count| KINDS.map(|kind| (count, kind))) {
        // Chains cost the kernel milliseconds each once there are many; 10,000 of them say enough.
        if kind == Kind::Networks && count > 10_000 {
            continue;
        }
        let mut world = World::with(count, kind);
        let (comparison, planning) = timed(|| world.step());
        let ruleset = comparison.after();
        let namespace = Namespace::new().unwrap();
        let (kernel, commit) = namespace.run(|| commit_from_nothing(ruleset)).unwrap();
        let nft = nft_load(ruleset);
        row(&[
            &count.to_string(),
            &format!("{kind:?}"),
            &ms(planning),
            &ms(commit),
            &ms(kernel),
            &ratio(commit, kernel),
            &ms(nft),
            &ratio(commit, nft),
        ]);
    }
}

fn commit_from_nothing(ruleset: &Ruleset) -> (Duration, Duration) {
    let mut netlink = Netlink::open().unwrap();
    timed(|| commit(&mut netlink, diff(&Ruleset::default(), ruleset)).unwrap())
}

/// The time that the kernel took for all batches.
fn commit(netlink: &mut Netlink, changes: Changes) -> Result<Duration, Error> {
    changes.batches.iter().map(|batch| netlink.commit_timed(batch)).sum()
}

fn nft_load(ruleset: &Ruleset) -> Duration {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{ruleset}").unwrap();
    let namespace = Namespace::new().unwrap();
    let mut command = namespace.command("nft");
    command.arg("-f").arg(file.path());
    let (status, time) = timed(|| command.status().unwrap());
    assert!(status.success(), "nft did not load what we print");
    time
}

/// One Service added, changed, deleted, with so many there.
pub(crate) fn one_change() {
    head(&[
        "Services",
        "kind",
        "change",
        "update to changes p50",
        "p99",
        "diff and commit p50",
        "p99",
        "of it the kernel p50",
        "/ kernel",
    ]);
    for (count, kind) in COUNTS.into_iter().flat_map(|count| KINDS.map(|kind| (count, kind))) {
        if kind == Kind::Networks && count > 10_000 {
            continue;
        }
        let mut world = World::with(count, kind);
        let namespace = Namespace::new().unwrap();
        let changes = namespace.run(|| changes(&mut world, count)).unwrap();
        for (name, samples) in ["add", "change", "delete"].into_iter().zip(changes) {
            let [plan, commit, kernel] = samples.map(Times::of);
            row(&[
                &count.to_string(),
                &format!("{kind:?}"),
                name,
                &us(plan.at(50)),
                &us(plan.at(99)),
                &us(commit.at(50)),
                &us(commit.at(99)),
                &us(kernel.at(50)),
                &ratio(commit.at(50), kernel.at(50)),
            ]);
        }
    }
}

type Samples = [Vec<Duration>; 3];

fn changes(world: &mut World, count: u32) -> [Samples; 3] {
    let mut netlink = Netlink::open().unwrap();
    let everything = world.step();
    commit(&mut netlink, world.changes(&everything)).unwrap();
    world.apply(everything);
    let mut samples: [Samples; 3] = Default::default();
    for turn in 0..100 {
        for (change, samples) in samples.iter_mut().enumerate() {
            let key = match change {
                0 => world.insert(count, turn),
                1 => world.insert(count, turn + 1),
                _ => {
                    let key = world.insert(count, turn);
                    world.remove(&key);
                    key
                }
            };
            step(world, &mut netlink, key, samples);
        }
    }
    samples
}

fn step(world: &mut World, netlink: &mut Netlink, key: Key, samples: &mut Samples) {
    let (comparison, planning) = timed(|| world.take(&BTreeSet::from([key])));
    let (changes, diffing) = timed(|| world.changes(&comparison));
    let (kernel, committing) = timed(|| commit(netlink, changes).unwrap());
    samples[0].push(planning + diffing);
    samples[1].push(committing);
    samples[2].push(kernel);
    world.apply(comparison);
}
