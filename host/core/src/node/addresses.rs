//! The part that is the addresses of the node's interfaces. It is only observed: egressd gives no interface an address, so
//! there is no change of it.

use std::convert::Infallible;

use super::Part;
use crate::effect::Effect;
use crate::owner::{Held, Standing};

/// Which addresses the node's interfaces have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses;

impl Part for Addresses {
    const NAME: &'static str = "addresses";

    type State = Held;
    type Change = Infallible;

    /// Whatever interfaces have is as desired.
    fn diff(_: &Held, _: &Held) -> Vec<Effect<Infallible>> {
        Vec::new()
    }

    fn text(state: &Held) -> String {
        state.iter().map(|(address, standing)| format!("{address} {}\n", text(*standing))).collect()
    }
}

fn text(standing: Standing) -> &'static str {
    match standing {
        Standing::Duplicate => "duplicate",
        Standing::Tentative => "tentative",
        Standing::Usable => "usable",
    }
}
