//! A node on which random plans follow each other.

use anyhow::{Context, Result, anyhow, ensure};
use egressd::kernel::nft::Netlink;
use egressd_core::compile::{compile, table_names};
use egressd_core::diff::diff;
use egressd_core::node::Adapter as _;
use egressd_core::plan::Plan;
use egressd_core::ruleset::{Ruleset, TableNames};
use egressd_core::testkit::{Packet, Universe, trace};
use lab::Lab;
use proptest::sample::subsequence;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::packets::{send, sendable};
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
                self.expect(&[&self.ruleset.clone(), &desired], PACKETS_BETWEEN).with_context(halfway)?;
            }
        }
        let found = self.kernel.read(&self.tables)?;
        ensure!(found.foreign.is_empty(), "unexpected objects in the tables: {:?}", found.foreign);
        ensure!(found.state == desired, "the kernel holds\n{}instead of\n{desired}", found.state);
        self.expect(&[&desired], PACKETS).with_context(|| format!("under\n{desired}"))?;
        self.plan = plan.clone();
        self.ruleset = desired;
        Ok(())
    }

    /// Sends some packets; each has to be seen with a source that one of these rulesets gives.
    fn expect(&mut self, rulesets: &[&Ruleset], count: usize) -> Result<()> {
        // Flows are repeated, and conntrack remembers how they were translated.
        self.lab.node().forget_connections()?;
        for packet in self.any(&subsequence(self.packets.clone(), count))? {
            let right: Vec<_> = rulesets.iter().map(|ruleset| trace(ruleset, &packet)).collect();
            let seen = send(&self.lab, &self.universe, &packet).with_context(|| format!("{packet:?}"))?;
            ensure!(right.contains(&seen), "{packet:?}: the tracer says {right:?}, the receiver {seen:?}");
        }
        Ok(())
    }
}
