//! Any history of changes, and of what the kernel makes of them.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::fixture::{Event, LoopFixture};
use super::kernel::Request;
use super::node_state::NodeState;
use super::policy::{NARROWLY, NOTHING, TRANSLATE};
use crate::daemon::Start;
use egressd_core::owner::Owner;

const SERVICES: [&str; 3] = ["web", "dns", "mail"];
const ADDRESSES: [&str; 3] = ["11.0.0.1", "11.0.0.2", "11.0.0.3"];
const PODS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];

/// Something that the loop is notified of, or time that it has.
#[derive(Clone, Debug)]
enum Step {
    Put {
        name: &'static str,
        setting: &'static str,
        address: &'static str,
        pods: Vec<&'static str>,
    },
    Remove(&'static str),
    Hold(Vec<&'static str>),
    /// The kernel answers so often; it refuses everything after that.
    Answers(Vec<Answer>),
}

/// The result of something that the kernel is asked for.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Perform,
    Refuse,
    Lose,
    Newer,
}

impl Answer {
    fn to(self, request: Request) {
        match self {
            Self::Perform => request.perform(),
            Self::Refuse => request.refuse(),
            Self::Lose => request.lose(),
            Self::Newer => request.find_newer(),
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let pods = || subsequence(PODS.to_vec(), 0..=PODS.len());
    let setting = prop_oneof![3 => Just(TRANSLATE), 2 => Just(NARROWLY), 1 => Just(NOTHING)];
    let set_service = (select(&SERVICES[..]), setting, select(&ADDRESSES[..]), pods());
    let set_service = set_service.prop_map(|(name, setting, address, pods)| Step::Put { name, setting, address, pods });
    let answer = prop_oneof![
        4 => Just(Answer::Perform),
        2 => Just(Answer::Refuse),
        1 => Just(Answer::Lose),
        1 => Just(Answer::Newer),
    ];
    prop_oneof![
        4 => set_service,
        1 => select(&SERVICES[..]).prop_map(Step::Remove),
        1 => subsequence(ADDRESSES.to_vec(), 1..=ADDRESSES.len()).prop_map(Step::Hold),
        4 => prop::collection::vec(answer, 1..6).prop_map(Step::Answers),
    ]
}

async fn step(fixture: &mut LoopFixture, step: &Step) {
    match step {
        Step::Put { name, setting, address, pods } => fixture.set_service(name, setting, address, pods),
        Step::Remove(name) => fixture.remove(name),
        Step::Hold(addresses) => fixture.hold(addresses),
        Step::Answers(answers) => answer(fixture, answers).await,
    }
}

/// Answers until there is nothing to answer any more.
async fn answer(fixture: &mut LoopFixture, answers: &[Answer]) {
    for answer in answers {
        let request = loop {
            match fixture.event().await {
                Event::Asked(request) => break request,
                Event::Reported => {}
                Event::Quiet => return,
            }
        };
        answer.to(request);
    }
}

async fn history(start: Start, steps: &[Step], end: Index) {
    let (end, mut node) =
        (end.index(steps.len() + 1), NodeState { owner: Owner::Address, start, ..NodeState::default() });
    for part in [&steps[..end], &steps[end..]] {
        let mut fixture = LoopFixture::start(node);
        fixture.hold(&ADDRESSES);
        fixture.take_over().await;
        for taken in part {
            step(&mut fixture, taken).await;
        }
        fixture.settle_exactly().await;
        fixture.stop();
        let (ended, next) = fixture.ended().await;
        ended.unwrap();
        node = next;
    }
}

proptest! {
    // Each starts threads and writes to the disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the kernel refused and when: once it refuses nothing more, it holds exactly what follows from the newest state,
    /// and that is reported, without trouble. On the way nothing is reported to be in force that the kernel does not have, and
    /// nothing is written to what was not read (`claims.rs`, `kernel.rs`). In between the process ends and another one begins.
    #[test]
    fn any_history_ends_exactly_once_the_kernel_refuses_nothing_more(
        steps in prop::collection::vec(any_step(), 0..24),
        end in any::<Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(history(Start::Adopt, &steps, end));
    }
}
