//! Puts the plugin on a node and takes it away: its file in the directory of plugins, and its entry in the chain of the
//! network configuration that the container runtime uses.
//!
//! Nothing else is written. A configuration is changed in its text, since it belongs to the cluster's network, and whoever
//! installs that compares it, or reads what egressd does not know.

mod chain;
mod disk;
mod plan;
mod spans;
mod started;
mod stay;
#[cfg(feature = "testkit")]
pub mod testkit;

use disk::Error;

pub use chain::Entry;
pub use plan::{Goal, Places, ProgramFile};
pub use started::run;
pub use stay::stay;

use crate::errors::with_causes;

/// What is to be done on a node.
#[derive(Clone, Debug)]
pub struct Job {
    pub places: Places,
    pub goal: Goal,
}

/// What was done, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps, as sentences.
    pub done: Vec<String>,
    /// What stands in the way, a sentence each. None: the node is as it should be.
    pub problems: Vec<String>,
}

impl Job {
    /// Does what is to be done. Doing it again changes nothing.
    pub fn carry_out(&self) -> Report {
        let mut report = Report::default();
        match self.plan() {
            Ok(plan) => {
                report.problems = plan.problems;
                for step in plan.steps {
                    if let Err(error) = disk::carry_out(&step) {
                        report.problems.push(with_causes(&error));
                        break;
                    }
                    report.done.push(step.to_string());
                }
            }
            Err(error) => report.problems.push(with_causes(&error)),
        }
        report
    }

    /// What would be done.
    pub fn show(&self) -> Report {
        match self.plan() {
            Ok(plan) => Report { done: plan.steps.iter().map(ToString::to_string).collect(), problems: plan.problems },
            Err(error) => Report { done: Vec::new(), problems: vec![with_causes(&error)] },
        }
    }

    fn plan(&self) -> Result<plan::Plan, Error> {
        Ok(plan::plan(&disk::look(&self.places)?, &self.goal, &self.places))
    }
}

#[cfg(test)]
#[path = "install_tests.rs"]
mod tests;
