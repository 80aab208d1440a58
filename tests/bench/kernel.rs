//! All Services at once: from nothing to the kernel's commit.

use std::io::Write;
use std::time::Duration;

use egressd::kernel::nft::{Error, Netlink};
use egressd_core::diff::{Changes, diff};
use egressd_core::ruleset::Ruleset;
use lab::Namespace;

use crate::asks::EgressRequest;
use crate::clock::{self, used};
use crate::measure::{head, ms, ratio, row};
use crate::world::World;

pub(crate) const COUNTS: [u32; 3] = [1_000, 10_000, 30_000];
const KINDS: [EgressRequest; 3] = [EgressRequest::Plain, EgressRequest::Ports, EgressRequest::Networks];

/// The numbers of Services of each kind.
pub(crate) fn populations() -> impl Iterator<Item = (u32, EgressRequest)> {
    COUNTS.into_iter().flat_map(|count| KINDS.map(|kind| (count, kind)))
}

/// Everything from nothing, beside the kernel's own time for the same bytes, and beside `nft -f`.
pub(crate) fn cold_start() {
    println!("Time of the processor. Each Service has two endpoints.\n");
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
    for (count, kind) in populations() {
        let mut world = World::with(count, kind);
        let (comparison, planning) = used(clock::thread, || world.step());
        let ruleset = comparison.after();
        let namespace = Namespace::new().unwrap();
        let (kernel, whole) = namespace.run(|| commit_from_nothing(ruleset)).unwrap();
        let nft = nft_load(ruleset);
        row(&[
            &count.to_string(),
            &format!("{kind:?}"),
            &ms(planning),
            &ms(whole),
            &ms(kernel),
            &ratio(whole, kernel),
            &ms(nft),
            &ratio(whole, nft),
        ]);
    }
}

fn commit_from_nothing(ruleset: &Ruleset) -> (Duration, Duration) {
    let mut netlink = Netlink::open().unwrap();
    used(clock::thread, || commit(&mut netlink, &diff(&Ruleset::default(), ruleset)).unwrap())
}

/// The kernel's time for all batches.
pub(crate) fn commit(netlink: &mut Netlink, changes: &Changes) -> Result<Duration, Error> {
    changes.batches().map(|batch| netlink.commit_timed(batch, clock::thread)).sum()
}

fn nft_load(ruleset: &Ruleset) -> Duration {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{ruleset}").unwrap();
    let namespace = Namespace::new().unwrap();
    let mut command = namespace.command("nft");
    command.arg("-f").arg(file.path());
    let (status, time) = used(clock::children, || command.status().unwrap());
    assert!(status.success(), "nft did not load what we print");
    time
}
