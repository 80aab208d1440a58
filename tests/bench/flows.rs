//! The cost of comparing connections with the rules: one walk of the kernel through all of them, and the deletion of some.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use egressd::kernel::flows::{Connections, FlowKernel as _, FoundFlow};
use egressd_core::flows::Filter;
use lab::{Lab, Node};

use crate::measure::{Times, head, ms, ratio, row, timed};

const ROUNDS: usize = 15;
/// Connections that end at once.
const DELETED: usize = 1_000;

pub(crate) fn flows() {
    println!("Time of a walk through so many connections, and of a deletion; a plain dump gives every one of them.\n");
    head(&["connections", "plain dump", "walk for one pod", "/ dump", "deletion of 1,000", "each"]);
    for count in [1_000, 20_000, 200_000] {
        let lab = Lab::new().unwrap();
        lab.node().make_connections(count).unwrap();
        let Walks { plain, one, deleting } = measure(lab.node());
        let each = deleting.as_secs_f64() * 1e6 / DELETED as f64;
        let ratio = ratio(one, plain);
        row(&[&count.to_string(), &ms(plain), &ms(one), &ratio, &ms(deleting), &format!("{each:.1} us")]);
    }
}

struct Walks {
    plain: Duration,
    one: Duration,
    deleting: Duration,
}

fn measure(node: &Node) -> Walks {
    node.namespace
        .run(|| {
            let mut kernel = Connections::open().unwrap();
            let absent: IpAddr = [198, 18, 255, 1].into();
            let mut walks = |filter| {
                let rounds = (0..ROUNDS).map(|_| timed(|| walk(&mut kernel, filter)).1);
                Times::of(rounds.collect()).percentile(50)
            };
            let (plain, one) = (walks(Filter::Family(None)), walks(Filter::From(absent)));
            let found = walk(&mut kernel, Filter::Family(None));
            let some: Vec<FoundFlow> = found.into_iter().take(DELETED).collect();
            let (deleted, deleting) = timed(|| kernel.delete(&some).unwrap());
            assert_eq!(deleted, some.len(), "entries ended meanwhile");
            Walks { plain, one, deleting }
        })
        .unwrap()
}

fn walk(kernel: &mut Connections, filter: Filter) -> Vec<FoundFlow> {
    let mut found = Vec::new();
    kernel
        .walk(filter, &mut |flow| {
            found.push(flow);
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}
