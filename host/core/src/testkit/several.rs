//! A policy whose rule has several addresses.

use super::{RuleParts, rule};
use crate::chain::{Policy, PolicyFailure};
use crate::decision::{Decision, Draft, Outcome};
use crate::model::{Context, SubjectView};

/// Answers with one rule to all addresses of the subject, of which there has to be one, in the order of their numbers.
#[derive(Clone, Copy, Debug)]
pub struct Several;

impl Policy for Several {
    fn name(&self) -> &'static str {
        "several"
    }

    fn evaluate(&self, context: &Context, view: &SubjectView, _: &Draft) -> Result<Outcome, PolicyFailure> {
        let sources = view.local_endpoints(context).map(|endpoint| endpoint.address);
        let mut own = view.subject.addresses.clone();
        own.sort_unstable();
        let rule = RuleParts { alternatives: own[1..].to_vec(), ..rule(sources, own[0]).into() }.rule();
        Ok(Outcome { decision: Decision::Plan(Draft::of(vec![rule])), diagnostics: vec![] })
    }
}
