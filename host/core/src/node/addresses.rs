//! The part for the addresses of the node's interfaces. It is only observed: egressd assigns no addresses, so it has no
//! changes.

use std::convert::Infallible;

use super::Part;
use crate::effect::Effect;
use crate::owner::{AddressState, LocalAddresses};

/// Which addresses the node's interfaces have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses;

impl Part for Addresses {
    const NAME: &'static str = "addresses";

    type State = LocalAddresses;
    type Change = Infallible;

    /// Whatever interfaces have is as desired.
    fn diff(_: &LocalAddresses, _: &LocalAddresses) -> Vec<Effect<Infallible>> {
        Vec::new()
    }

    fn text(state: &LocalAddresses) -> String {
        state.iter().map(|(address, standing)| format!("{address} {}\n", text(*standing))).collect()
    }
}

fn text(standing: AddressState) -> &'static str {
    match standing {
        AddressState::Duplicate => "duplicate",
        AddressState::Tentative => "tentative",
        AddressState::Usable => "usable",
    }
}
