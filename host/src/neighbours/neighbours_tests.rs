#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::beside::NatChain;
use egressd_core::ruleset::TableFamily;

use super::*;

/// A kernel that answers what the test says.
#[derive(Default)]
struct Answers {
    generation: u32,
    readings: usize,
    answer: Answer,
}

#[derive(Clone, Copy, Default)]
enum Answer {
    #[default]
    Whole,
    Torn,
    Refused,
}

/// The chains that the fake kernel has, by the names of the generation.
fn chains(generation: u32) -> Neighbours {
    let chain = |number: u32| NatChain {
        priority: 80,
        family: TableFamily::Ip,
        table: "other".to_owned(),
        name: format!("c{number}"),
    };
    Neighbours { chains: (0..generation).map(chain).collect(), ..Neighbours::default() }
}

impl Neighbourhood for Answers {
    fn generation(&mut self) -> Result<u32, nft::Error> {
        Ok(self.generation)
    }

    fn neighbours(&mut self) -> Result<FoundNeighbours, nft::Error> {
        self.readings += 1;
        match self.answer {
            Answer::Whole => Ok(FoundNeighbours::Whole(chains(self.generation))),
            Answer::Torn => Ok(FoundNeighbours::Part(chains(self.generation))),
            Answer::Refused => Err(nft::Error::NotPermitted),
        }
    }
}

fn watcher() -> Watcher<Answers> {
    Watcher::new(Priority::DEFAULT, Answers::default())
}

/// How many findings there are after a look; none where nothing changed.
fn found(watcher: &mut Watcher<Answers>, generation: u32, answer: Answer) -> Option<usize> {
    watcher.kernel.generation = generation;
    watcher.kernel.answer = answer;
    watcher.changed_findings().map(|findings| findings.len())
}

#[test]
fn the_ruleset_is_read_once_for_each_generation() {
    let mut watcher = watcher();
    assert_eq!(found(&mut watcher, 2, Answer::Whole), Some(2));
    assert_eq!(found(&mut watcher, 2, Answer::Whole), None);
    assert_eq!(watcher.kernel.readings, 1);
    assert_eq!(found(&mut watcher, 0, Answer::Whole), Some(0), "they are gone");
}

#[test]
fn what_cannot_be_read_stays_as_it_was_known_and_is_read_again() {
    let mut watcher = watcher();
    assert_eq!(found(&mut watcher, 2, Answer::Whole), Some(2));
    assert_eq!(found(&mut watcher, 0, Answer::Refused), None);
    assert_eq!(watcher.known, chains(2));
    assert!(watcher.trouble.is_some());
    assert_eq!(found(&mut watcher, 0, Answer::Whole), Some(0));
    assert_eq!(watcher.trouble, None);
}

#[test]
fn a_reading_that_others_interrupt_adds_and_takes_nothing_away() {
    let mut watcher = watcher();
    assert_eq!(found(&mut watcher, 2, Answer::Whole), Some(2));
    assert_eq!(found(&mut watcher, 1, Answer::Torn), None);
    assert_eq!(found(&mut watcher, 3, Answer::Torn), Some(3));
    assert_eq!(found(&mut watcher, 1, Answer::Whole), Some(1), "the same generation is read again");
}

#[test]
fn what_only_parts_show_is_bounded() {
    let mut watcher = watcher();
    let most = u32::try_from(MAX_KNOWN).unwrap();
    found(&mut watcher, most, Answer::Torn);
    assert_eq!(watcher.known.count(), MAX_KNOWN);
    found(&mut watcher, 3, Answer::Torn);
    assert_eq!(watcher.known, chains(3));
}

#[test]
fn the_thread_reports_what_it_finds() {
    let notices = Notices::default();
    let reader = notices.reader();
    follow(Priority::DEFAULT, notices, || Ok(Answers { generation: 1, ..Answers::default() })).unwrap();
    while reader.now().is_empty() {
        thread::yield_now();
    }
    assert_eq!(reader.now()[0].code, "nat-before-ours");
}
