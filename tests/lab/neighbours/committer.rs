//! A program that commits to nftables all the time, as kube-proxy and plugins of the network do on a busy node.

use std::io::Write;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::topology::Node;

/// Its table.
const TABLE: &str = "add table ip lab_committer\nadd set ip lab_committer s { type ipv4_addr; }\n";

/// A running one, which commits to a table of its own until it is dropped.
#[derive(Debug)]
pub struct Committer {
    over: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Committer {
    /// Lets it commit each time that this time is over.
    ///
    /// # Errors
    /// When `nft` cannot be started.
    pub fn start(node: &Node, every: Duration) -> Result<Self> {
        let mut nft = node.namespace.command("nft");
        let nft = nft.arg("-i").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let nft = nft.spawn().context("cannot start nft")?;
        let (over, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stop, count) = (Arc::clone(&over), Arc::clone(&commits));
        let thread = thread::spawn(move || commit(nft, every, &stop, &count));
        Ok(Self { over, commits, thread: Some(thread) })
    }

    /// How often it has committed.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it could not commit.
    pub fn end(mut self) -> Result<()> {
        self.over.store(true, Ordering::SeqCst);
        let thread = self.thread.take().context("it runs")?;
        thread.join().map_err(|_| anyhow!("a thread panicked"))?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn commit(mut nft: Child, every: Duration, over: &AtomicBool, commits: &AtomicUsize) -> Result<()> {
    let mut lines = nft.stdin.take().context("nft has no input")?;
    lines.write_all(TABLE.as_bytes())?;
    let begun = Instant::now();
    for turn in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let verb = if turn % 2 == 0 { "add" } else { "delete" };
        writeln!(lines, "{verb} element ip lab_committer s {{ 192.0.2.1 }}")?;
        commits.fetch_add(1, Ordering::SeqCst);
        thread::sleep((every * (turn + 1)).saturating_sub(begun.elapsed()));
    }
    drop(lines);
    nft.wait()?;
    Ok(())
}
