//! egressd itself, from Services to what the kernel holds, without the policies' calls.

use std::time::Duration;

use egressd::kernel::nft::Netlink;
use egressd_core::diff::Comparison;
use lab::Namespace;

use super::{RuleCost, changing};
use crate::asks::EgressRequest;
use crate::change::{step, times};
use crate::clock::{self, used};
use crate::kernel::commit;
use crate::world::World;

const TURNS: u32 = 300;

/// Its cost, and the kernel's share of it.
pub(super) fn measure(namespace: &Namespace, count: u32) -> [RuleCost; 2] {
    let measure = || {
        let (mut netlink, mut world) = (Netlink::open().unwrap(), World::unknown(count, EgressRequest::Plain, 1));
        let (kernel, cold) = used(clock::thread, || {
            world.answer_all();
            let everything = world.step();
            apply(&mut netlink, &mut world, everything)
        });
        let change = |turn| {
            let key = world.insert(changing(turn, count), turn);
            step(&mut world, &mut netlink, key)
        };
        let costs: Vec<_> = (1..=TURNS).map(change).collect();
        let [_, of_kernel, whole] = times(&costs);
        [RuleCost { cold, change: whole }, RuleCost { cold: kernel, change: of_kernel }]
    };
    namespace.run(measure).unwrap()
}

fn apply(netlink: &mut Netlink, world: &mut World, everything: Comparison) -> Duration {
    let kernel = commit(netlink, &world.changes(&everything)).unwrap();
    world.apply(everything);
    kernel
}
