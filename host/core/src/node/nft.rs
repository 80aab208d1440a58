//! The part for egressd's tables. Its vocabulary is [`crate::ruleset`], and its changes are derived in [`crate::diff`].

use super::Part;
use crate::diff::{Batch, diff};
use crate::effect::Effect;
use crate::ruleset::Ruleset;

/// egressd's nftables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nft;

impl Part for Nft {
    const NAME: &'static str = "nft";

    type State = Ruleset;
    type Change = Batch;

    fn diff(applied: &Ruleset, desired: &Ruleset) -> Vec<Effect<Batch>> {
        diff(applied, desired).effects
    }

    fn text(state: &Ruleset) -> String {
        state.to_string()
    }
}
