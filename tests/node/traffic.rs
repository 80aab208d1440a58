//! The source addresses with which callers are seen outside.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::node::{Arrival, Cluster, Outside, Role};
use lab::wait_until;

/// How long a change may take to be seen. It takes milliseconds; a loaded machine is slow.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Calls of one caller in one family: half a second's, where there is time.
const CALLS_PER_CALLER: usize = 25;

/// Callers, and the addresses with which they are to be seen: one of each family that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedSources {
    pub(crate) names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl ExpectedSources {
    /// Waits until every caller is seen so, in both families; a mark of that moment.
    pub(crate) fn wait_until_settled(&self, cluster: &Cluster) -> Result<usize> {
        let outside = &cluster.outside;
        let begun = outside.mark();
        for (name, address) in self.pairs() {
            let mut last = None;
            let waited = wait_until(&format!("{name} is seen as {address}"), CHANGE_TIMEOUT, || {
                last = outside.newest(begun, name, address);
                Ok(last == Some(address))
            });
            waited.with_context(|| format!("{name} is seen as {last:?}\n{}", cluster.circumstances()))?;
        }
        // An older call may still be on its way.
        let settled = outside.mark();
        self.wait_for_calls(outside, settled, 2)?;
        Ok(outside.mark())
    }

    /// Waits until every caller has gone on for a while.
    pub(crate) fn call_on(&self, cluster: &Cluster) -> Result<()> {
        self.wait_for_calls(&cluster.outside, cluster.outside.mark(), CALLS_PER_CALLER)
    }

    /// Fails when any caller was seen with another source since a mark, in any call; each has called since.
    pub(crate) fn ensure_only(&self, cluster: &Cluster, mark: usize) -> Result<usize> {
        self.wait_for_calls(&cluster.outside, mark, 1)?;
        let calls = self.calls(&cluster.outside, mark);
        let expected = |call: &&Arrival| self.addresses.contains(&call.source);
        let looked_at = |call: &&Arrival| self.addresses.iter().any(|one| one.is_ipv4() == call.source.is_ipv4());
        let wrong: Vec<_> = calls.iter().filter(looked_at).filter(|call| !expected(call)).collect();
        ensure!(
            wrong.is_empty(),
            "{} of {} calls have another source than {:?}; the first: {:?}\n{}",
            wrong.len(),
            calls.len(),
            self.addresses,
            wrong.first(),
            cluster.circumstances()
        );
        Ok(calls.len())
    }

    fn wait_for_calls(&self, outside: &Outside, mark: usize, count: usize) -> Result<()> {
        for (name, address) in self.pairs() {
            wait_until(&format!("{name} calls an address like {address}"), CHANGE_TIMEOUT, || {
                let calls = outside.since(mark).into_iter().filter(|arrival| is_call(arrival, name, address));
                Ok(calls.count() >= count)
            })?;
        }
        Ok(())
    }

    fn calls(&self, outside: &Outside, mark: usize) -> Vec<Arrival> {
        let is_ours = |arrival: &Arrival| arrival.role == Role::Call && self.names.contains(&arrival.name);
        outside.since(mark).into_iter().filter(is_ours).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        let addresses = || self.addresses.iter().copied();
        self.names.iter().flat_map(move |name| addresses().map(move |address| (name.as_str(), address)))
    }
}

fn is_call(arrival: &Arrival, name: &str, like: IpAddr) -> bool {
    arrival.role == Role::Call && arrival.name == name && arrival.source.is_ipv4() == like.is_ipv4()
}
