//! The law of rounds: whatever happened before, and wherever the kernel refused, a step comes to what all gives from
//! nothing, and what is known is what looking at all of the newest state gives.
#![expect(clippy::expect_used, reason = "tests")]

#[path = "incremental/announced.rs"]
mod announced;
#[path = "incremental/audit.rs"]
mod audit;
#[path = "incremental/changes.rs"]
mod changes;
#[path = "incremental/events.rs"]
mod events;
#[path = "incremental/happenings.rs"]
mod happenings;
#[path = "incremental/kernel.rs"]
mod kernel;
#[path = "incremental/node.rs"]
mod node;
#[path = "incremental/objects.rs"]
mod objects;
#[path = "incremental/policies.rs"]
mod policies;
#[path = "incremental/rounds.rs"]
mod rounds;
#[path = "incremental/scenes.rs"]
mod scenes;

use events::Happening;
use happenings::happenings;
use node::Node;
use proptest::prelude::*;
use scenes::scenes;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 5_000 }))]

    #[test]
    fn a_step_comes_to_what_all_gives_from_nothing(
        scenario in scenes(),
        history in prop::collection::vec(happenings(), 1..32),
    ) {
        let mut node = Node::new(&scenario);
        for Happening { event, answered, limits } in history {
            node.meet(&event);
            node.answer(answered);
            node.round(limits)?;
        }
        node.end()?;
    }
}
