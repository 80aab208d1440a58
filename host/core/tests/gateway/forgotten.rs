//! Services of which it is unknown what was in force.

use egressd_core::compile::Kept;
use egressd_core::plan::{Plan, SubjectAddresses};

/// Some of the Services, and that nothing is known of the others but what is their own.
pub(crate) fn forget(plan: &Plan, forgotten: &[bool]) -> (Plan, Kept) {
    let (mut today, mut kept) = (plan.clone(), Kept::new());
    for ((key, service), _) in plan.subjects.iter().zip(forgotten).filter(|(_, gone)| **gone) {
        today.subjects.remove(key);
        let addresses = service.rules.iter().map(|rule| rule.address()).collect();
        let own = SubjectAddresses { key: key.clone(), pods: service.pods().collect(), addresses };
        kept.insert(service.uid.clone(), own);
    }
    (today, kept)
}
