//! A node on which random plans follow each other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, ensure};
use egressd::kernel::nft::Netlink;
use egressd_core::compile::{compile, table_names};
use egressd_core::diff::diff;
use egressd_core::node::Adapter as _;
use egressd_core::plan::{Plan, guarded};
use egressd_core::ruleset::{Ruleset, TableNames};
use egressd_core::testkit::{Packet, Universe};
use lab::Lab;
use proptest::sample::subsequence;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::packets::{Arrival, send, sendable};
use crate::universe::{PODS, forwarded, universe};

/// The number of consecutive plans.
const PLANS: usize = 30;
/// Packets sent under each plan.
const PACKETS: usize = 60;
/// How many are sent between two batches of one change.
const PACKETS_BETWEEN: usize = 12;

/// Lives through a history, and sends packets all the while.
pub(crate) fn run_history(seed: u64) -> Result<()> {
    let mut node = Node::new(seed)?;
    for (number, step) in [Step::Anything, Step::Edit].into_iter().cycle().take(PLANS).enumerate() {
        let plan = node.next_plan(step)?;
        node.change_to(&plan, step).with_context(|| format!("plan {number}:\n{plan}"))?;
    }
    Ok(())
}

/// How the next plan differs from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A plan unrelated to the last one.
    Anything,
    /// The same with one Service changed, which keeps chains and elements.
    Edit,
}

struct Node {
    lab: Lab,
    universe: Universe,
    packets: Vec<Packet>,
    random: TestRunner,
    kernel: Netlink,
    tables: TableNames,
    plan: Plan,
    ruleset: Ruleset,
}

impl Node {
    fn new(seed: u64) -> Result<Self> {
        let lab = Lab::builder().pods(PODS).build()?;
        let universe = universe();
        for (cluster_address, destination, port) in forwarded(&universe) {
            lab.node().forward_like_kube_proxy((cluster_address, port).into(), (destination, port).into())?;
        }
        let kernel = lab.node().namespace.run(Netlink::open)??;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        Ok(Self {
            packets: sendable(&universe),
            lab,
            universe,
            random,
            kernel,
            tables: table_names(None),
            plan: Plan::default(),
            ruleset: Ruleset::default(),
        })
    }

    fn next_plan(&mut self, step: Step) -> Result<Plan> {
        match step {
            Step::Anything => self.any(&self.universe.plans()),
            Step::Edit => self.any(&self.universe.edits(self.plan.clone())).map(|(plan, _)| plan),
        }
    }

    fn any<T>(&mut self, strategy: &impl Strategy<Value = T>) -> Result<T> {
        let tree = strategy.new_tree(&mut self.random).map_err(|reason| anyhow!("no random value: {reason}"))?;
        Ok(tree.current())
    }

    fn change_to(&mut self, plan: &Plan, step: Step) -> Result<()> {
        let desired = compile(plan, &self.tables);
        let changes = diff(&self.ruleset, &desired);
        for (number, batch) in changes.batches().enumerate() {
            self.kernel.commit(batch).with_context(|| format!("the kernel refuses a batch of\n{changes}"))?;
            // What the laws of the core promise: between batches, if one Service changed, everybody is seen as before
            // or as after.
            if step == Step::Edit && number + 1 < changes.batches().len() {
                let halfway = || format!("after batch {} of\n{changes}", number + 1);
                self.expect_between(&desired, plan).with_context(halfway)?;
            }
        }
        let found = self.kernel.read(&self.tables)?;
        ensure!(found.foreign.is_empty(), "unexpected objects in the tables: {:?}", found.foreign);
        ensure!(found.state == desired, "the kernel holds\n{}instead of\n{desired}", found.state);
        self.expect(&desired).with_context(|| format!("under\n{desired}"))?;
        self.plan = plan.clone();
        self.ruleset = desired;
        Ok(())
    }

    /// Sends some packets; each has to be seen with the source that the ruleset gives. Of those that are dropped one is
    /// sent, since it takes seconds.
    fn expect(&mut self, ruleset: &Ruleset) -> Result<()> {
        let mut dropped = 0;
        for packet in self.some_packets(PACKETS)? {
            let right = Arrival::expected(ruleset, &packet);
            dropped += usize::from(right == Arrival::Dropped);
            if right != Arrival::Dropped || dropped == 1 {
                self.expect_one(&packet, &[right])?;
            }
        }
        Ok(())
    }

    /// The same between batches, as before or as after. What may be dropped meanwhile is not sent: what either of them
    /// drops, and what comes from a pod whose guard comes or goes, or that is in no known network: the guard is there before
    /// and after the translation that it protects, and before what else belongs to it.
    fn expect_between(&mut self, desired: &Ruleset, plan: &Plan) -> Result<()> {
        let [before, after] = [&self.plan, plan].map(|plan| guarded(plan).into_keys().collect::<BTreeSet<IpAddr>>());
        for packet in self.some_packets(PACKETS_BETWEEN)? {
            let pod = packet.source;
            if before.contains(&pod) != after.contains(&pod) || plan.elsewhere.contains(&pod) {
                continue;
            }
            let right = [&self.ruleset, desired].map(|ruleset| Arrival::expected(ruleset, &packet));
            if !right.contains(&Arrival::Dropped) {
                self.expect_one(&packet, &right)?;
            }
        }
        Ok(())
    }

    fn some_packets(&mut self, count: usize) -> Result<Vec<Packet>> {
        // Flows are repeated, and conntrack remembers how they were translated.
        self.lab.node().forget_connections()?;
        self.any(&subsequence(self.packets.clone(), count))
    }

    fn expect_one(&self, packet: &Packet, right: &[Arrival]) -> Result<()> {
        let seen = send(&self.lab, &self.universe, packet).with_context(|| format!("{packet:?}"))?;
        ensure!(right.contains(&seen), "{packet:?}: the tracer says {right:?}, the receiver {seen:?}");
        Ok(())
    }
}
