//! The expected source addresses of a flood of datagrams during changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Result, ensure};

/// What the flood was to be seen as, by the number of its datagrams.
pub(crate) struct History {
    /// From this number on either of the two was right, or the one alone.
    periods: Vec<(u32, IpAddr, IpAddr)>,
}

impl History {
    pub(crate) fn beginning_as(address: IpAddr) -> Self {
        Self { periods: vec![(0, address, address)] }
    }

    /// Between the two positions both the last address and this one are right; then only this one. The datagram at the
    /// second position may have left before it was counted.
    pub(crate) fn changed_to(&mut self, address: IpAddr, [begun, seen]: [u32; 2]) {
        let (from, _, last) = self.periods[self.periods.len() - 1];
        self.periods.extend([(begun.max(from), last, address), (seen + 1, address, address)]);
    }

    fn is_expected(&self, number: u32, seen: IpAddr) -> bool {
        let begun = self.periods.iter().rev().find(|(from, ..)| *from <= number);
        begun.is_some_and(|(_, last, address)| seen == *last || seen == *address)
    }

    /// The periods before and after a number, for the message of a failure.
    fn periods_near(&self, number: u32) -> &[(u32, IpAddr, IpAddr)] {
        let after = self.periods.partition_point(|(from, ..)| *from <= number);
        &self.periods[after.saturating_sub(3)..self.periods.len().min(after + 2)]
    }

    pub(crate) fn expect_right(&self, seen: &BTreeMap<u32, IpAddr>, sent: u32) -> Result<()> {
        let wrong: Vec<_> = seen.iter().filter(|(number, seen)| !self.is_expected(**number, **seen)).take(10).collect();
        let around = wrong.first().map(|(number, _)| self.periods_near(**number));
        ensure!(wrong.is_empty(), "of {} datagrams these had a wrong source: {wrong:?}; {around:?}", seen.len());
        // A receiver that was not scheduled in time loses some; losing many would be a gap in service.
        ensure!(seen.len() >= sent as usize / 100 * 98, "only {} of {sent} datagrams arrived", seen.len());
        Ok(())
    }
}
