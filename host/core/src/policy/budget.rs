//! The resources that all policies together may use on a node. A loaded policy keeps what it has: a new one is refused
//! where it does not fit beside those.

use std::collections::BTreeMap;
use std::time::Duration;

/// The resources that one policy uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of native code in memory.
    pub native: u64,
    /// Processor time to compile it, which every start costs again.
    pub time: Duration,
}

impl Cost {
    /// The least that a policy can cost.
    pub const LEAST: Self = Self { native: 1, time: Duration::from_nanos(1) };
}

/// How much all of them may cost. The built-in policy, and what is off, costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of policies.
    pub policies: usize,
    /// Bytes of native code.
    pub native: u64,
    /// Processor time to compile them.
    pub time: Duration,
    /// How long the first round waits for them, where no earlier process had any in force.
    pub wait: Duration,
}

impl Default for Limits {
    /// A policy of a usual size has 1 MiB of native code and takes 0.1 s.
    fn default() -> Self {
        Self { policies: 64, native: 128 << 20, time: Duration::from_secs(60), wait: Duration::from_secs(60) }
    }
}

/// What is used of the limits, by policy.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    limits: Limits,
    used: BTreeMap<String, Cost>,
}

/// Why a policy does not fit. No numbers but the limits and its own size: the sentence is written into the cluster, and
/// a new one each time that others change would be, too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ConfigMap {policy} does not fit beside the policies in force: {kind}")]
pub struct Excess {
    policy: String,
    kind: Kind,
    cost: Cost,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Kind {
    #[error("the limit of policies, {0}, is reached; remove one, or raise --policies-most (EGRESSD_POLICIES_MOST)")]
    Policies(usize),
    #[error(
        "all policies together may have {} MiB of native code, and this one exceeds what is left; make it smaller, \
         remove one, or raise --policies-mebibytes (EGRESSD_POLICIES_MEBIBYTES)",
        .0 >> 20
    )]
    Native(u64),
    #[error(
        "compiling all policies may take {} s of processor time, and this one exceeds what is left; make it smaller, \
         remove one, or raise --policies-cpu-seconds (EGRESSD_POLICIES_CPU_SECONDS)",
        .0.as_secs()
    )]
    Time(Duration),
}

impl Excess {
    /// What it would have cost, as far as that was known.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

impl Budget {
    /// With nothing used.
    pub fn new(limits: Limits) -> Self {
        Self { limits, used: BTreeMap::new() }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a policy of this cost fits beside the others. What it had before under its name becomes free.
    ///
    /// # Errors
    /// The first limit that it would exceed.
    pub fn fits(&self, policy: &str, cost: Cost) -> Result<(), Excess> {
        let Limits { policies, native, time, wait: _ } = self.limits;
        let others = || self.used.iter().filter(|(name, _)| *name != policy).map(|(_, cost)| cost);
        let kind = if others().count() >= policies {
            Kind::Policies(policies)
        } else if others().fold(cost.native, |sum, other| sum.saturating_add(other.native)) > native {
            Kind::Native(native)
        } else if others().fold(cost.time, |sum, other| sum.saturating_add(other.time)) > time {
            Kind::Time(time)
        } else {
            return Ok(());
        };
        Err(Excess { policy: policy.to_owned(), kind, cost })
    }

    /// It is in force at this cost, instead of what it had under its name; none for what costs nothing.
    pub fn charge(&mut self, policy: &str, cost: Option<Cost>) {
        match cost {
            Some(cost) => drop(self.used.insert(policy.to_owned(), cost)),
            None => drop(self.used.remove(policy)),
        }
    }
}
