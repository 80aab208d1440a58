//! The law of rounds: whatever happened before, and wherever the kernel refused, a step comes to what all gives from nothing.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "incremental/events.rs"]
mod events;
#[path = "incremental/node.rs"]
mod node;
#[path = "incremental/policies.rs"]
mod policies;

use events::{Happening, happenings, scenes};
use node::Node;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 5_000 }))]

    #[test]
    fn a_step_comes_to_what_all_gives_from_nothing(
        scene in scenes(),
        history in prop::collection::vec(happenings(), 1..24),
    ) {
        let mut node = Node::new(&scene);
        for Happening { event, answered, fate } in history {
            node.meet(&event);
            node.answer(answered);
            node.round(fate)?;
        }
        node.end()?;
    }
}
