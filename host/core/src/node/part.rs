//! A part of a node: a small vocabulary of states, and the changes between them.

use std::fmt::{Debug, Display};

use crate::effect::Effect;

/// One part of what the kernel has of a node. Pure: who reads and writes the kernel is its [`super::Adapter`].
pub trait Part {
    /// As people read it, and log lines have it.
    const NAME: &'static str;

    /// What the kernel has of it, or is to have. Only what is egressd's own.
    type State: Clone + Debug + Default + PartialEq;

    /// What the kernel takes over in one step, or not at all. Its text is what an operator would type.
    type Change: Clone + Debug + PartialEq + Display;

    /// What leads from one state to another, in an order in which the kernel takes it; nothing where both are equal.
    /// Phases never go back within it.
    fn diff(applied: &Self::State, desired: &Self::State) -> Vec<Effect<Self::Change>>;

    /// The state as text, for logs and output.
    fn text(state: &Self::State) -> String;
}
