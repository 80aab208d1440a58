#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};

use egressd_core::ruleset::{Layout, Name};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::*;
use crate::kernel::nft::attributes::Messages;
use crate::kernel::nft::elements::userdata;
use crate::kernel::nft::socket::Transport;

/// The port of the socket that reads.
const PORT: u32 = 4711;
/// How many questions a reading of one table without sets has: the table, its rules, chains, sets and objects.
const QUESTIONS: usize = 5;

/// A kernel with one table, beside programs that commit all the time.
#[derive(Debug)]
struct BusyKernel {
    owner: Option<u32>,
    commits: Commits,
    /// Dumps of these kinds (`NFT_MSG_GET*`) are interrupted so often.
    interruptions: BTreeMap<u32, usize>,
    /// How often the table is changed by others: it gets another counter before each dump of objects.
    changes: usize,
    generation: u32,
    objects: usize,
    answers: VecDeque<Vec<u8>>,
    asked: Sender<u32>,
}

/// What other programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commits {
    None,
    /// One between any two questions.
    Always,
}

impl BusyKernel {
    fn reading(mut self, prepare: impl FnOnce(&mut Self)) -> (Result<Readback, Error>, BTreeMap<u32, usize>) {
        let (asked, kinds) = channel();
        self.asked = asked;
        prepare(&mut self);
        let table = TableId { family: TableFamily::Ip, name: Name::new("kube_vip_v4").unwrap() };
        let mut socket = Socket::over(self, PORT);
        let read = read(&mut socket, &[table]);
        drop(socket);
        (read, count(&kinds))
    }

    fn answer(&mut self, kind: u32, sequence: u32) {
        match kind {
            sys::NFT_MSG_GETGEN => {
                self.generation += u32::from(self.commits == Commits::Always);
                let generation = self.generation;
                self.say(sys::NFT_MSG_NEWGEN, 0, sequence, |w| w.number(sys::NFTA_GEN_ID, generation));
            }
            sys::NFT_MSG_GETTABLE => {
                let owner = self.owner;
                self.say(sys::NFT_MSG_NEWTABLE, 0, sequence, |w| {
                    w.text(sys::NFTA_TABLE_NAME, "kube_vip_v4");
                    w.bytes(sys::NFTA_TABLE_USERDATA, &userdata::comment(&Layout::OURS.comment()));
                    owner.into_iter().for_each(|owner| w.number(sys::NFTA_TABLE_OWNER, owner));
                });
            }
            kind => self.dump(kind, sequence),
        }
    }

    fn dump(&mut self, kind: u32, sequence: u32) {
        let left = self.interruptions.entry(kind).or_default();
        let interrupted = if *left > 0 { libc::NLM_F_DUMP_INTR } else { 0 };
        *left = left.saturating_sub(1);
        if kind == sys::NFT_MSG_GETOBJ {
            self.objects += usize::from(self.changes > 0);
            self.changes = self.changes.saturating_sub(1);
            let name = format!("counter-{}", self.objects);
            self.say(sys::NFT_MSG_NEWOBJ, libc::NLM_F_MULTI, sequence, |w| {
                w.text(sys::NFTA_OBJ_TABLE, "kube_vip_v4");
                w.text(sys::NFTA_OBJ_NAME, &name);
                w.number(sys::NFTA_OBJ_TYPE, sys::NFT_OBJECT_COUNTER);
            });
        }
        let mut end = Writer::default();
        let flags = crate::kernel::netlink::Flags((libc::NLM_F_MULTI | interrupted) as u16);
        let header = crate::kernel::netlink::Header { kind: libc::NLMSG_DONE as u16, flags, sequence };
        end.frame(header, &[0; 4], |_| {});
        self.answers.push_back(end.framed().unwrap());
    }

    fn say(&mut self, kind: u32, flags: i32, sequence: u32, attributes: impl FnOnce(&mut Writer)) {
        let header = Header::nftables(kind, Flags(flags as u16), Some(TableFamily::Ip));
        let mut writer = Writer::default();
        writer.frame(crate::kernel::netlink::Header { sequence, ..header.common() }, &header.fixed(), attributes);
        self.answers.push_back(writer.framed().unwrap());
    }
}

/// One with a table without an owner, and that no program changes.
fn kernel() -> BusyKernel {
    BusyKernel {
        owner: None,
        commits: Commits::None,
        interruptions: BTreeMap::new(),
        changes: 0,
        generation: 1,
        objects: 0,
        answers: VecDeque::new(),
        asked: channel().0,
    }
}

fn count(kinds: &Receiver<u32>) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for kind in kinds.try_iter().filter(|kind| *kind != sys::NFT_MSG_GETGEN) {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

impl Transport for BusyKernel {
    fn send(&mut self, bytes: &[u8]) -> rustix::io::Result<()> {
        let question = Messages(bytes).next().ok_or(Errno::INVAL)?;
        let kind = u32::from(question.kind) & 0xff;
        let _ = self.asked.send(kind);
        self.answer(kind, question.sequence);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _flags: RecvFlags) -> rustix::io::Result<usize> {
        let bytes = self.answers.pop_front().ok_or(Errno::WOULDBLOCK)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn make_room(&mut self, bytes: usize) -> usize {
        bytes
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[test]
fn a_table_of_our_own_is_read_once_whatever_others_commit() {
    let (read, asked) = kernel().reading(|kernel| {
        kernel.owner = Some(PORT);
        kernel.commits = Commits::Always;
    });
    assert_eq!(read.unwrap().certainty, Certainty::Exclusive);
    assert_eq!((asked.len(), asked.values().max()), (QUESTIONS, Some(&1)), "{asked:?}");
}

#[test]
fn a_quiet_table_is_read_once() {
    let (read, asked) = kernel().reading(|_| {});
    assert_eq!(read.unwrap().certainty, Certainty::Settled);
    assert_eq!(asked.values().max(), Some(&1), "{asked:?}");
}

#[test]
fn two_equal_readings_in_a_row_are_one_whatever_others_commit() {
    let (read, asked) = kernel().reading(|kernel| kernel.commits = Commits::Always);
    assert_eq!(read.unwrap().certainty, Certainty::Settled);
    assert_eq!((asked.values().min(), asked.values().max()), (Some(&2), Some(&2)), "{asked:?}");
}

#[test]
fn a_change_between_two_readings_makes_a_third_one() {
    let (read, asked) = kernel().reading(|kernel| {
        kernel.commits = Commits::Always;
        kernel.changes = 2;
    });
    let read = read.unwrap();
    assert_eq!(read.certainty, Certainty::Settled);
    assert!(read.state.tables[&TableFamily::Ip].counters.contains(&Name::new("counter-2").unwrap()), "{read:?}");
    assert_eq!(asked.values().max(), Some(&3), "{asked:?}");
}

#[test]
fn a_dump_that_was_interrupted_is_made_again_alone() {
    let (read, asked) = kernel().reading(|kernel| {
        kernel.owner = Some(PORT);
        kernel.interruptions.insert(sys::NFT_MSG_GETRULE, 3);
    });
    assert_eq!(read.unwrap().certainty, Certainty::Exclusive);
    assert_eq!((asked[&sys::NFT_MSG_GETRULE], asked[&sys::NFT_MSG_GETCHAIN]), (4, 1), "{asked:?}");
}

#[test]
fn dumps_that_are_always_interrupted_end_in_a_reading() {
    let (read, asked) = kernel().reading(|kernel| {
        kernel.owner = Some(PORT);
        kernel.interruptions.insert(sys::NFT_MSG_GETRULE, usize::MAX);
    });
    assert_eq!(read.unwrap().certainty, Certainty::Settled, "two of them are equal");
    assert!(asked[&sys::NFT_MSG_GETRULE] > 2, "{asked:?}");
}

#[test]
fn a_table_that_others_change_all_the_time_is_uncertain_and_no_error() {
    let (read, asked) = kernel().reading(|kernel| {
        kernel.commits = Commits::Always;
        kernel.changes = usize::MAX;
    });
    let read = read.unwrap();
    assert_eq!((read.certainty, read.state.tables.len()), (Certainty::Uncertain, 1));
    assert!(asked[&sys::NFT_MSG_GETTABLE] > 2, "{asked:?}");
}
