//! One change among many Services, from the request that makes it to the kernel.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::Client;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams};
use lab::addresses::NODE_NAME;
use lab::cluster::{SERVICES as SERVICE_COLLECTION, SLICES, Session, endpoints};
use serde_json::{Value, json};

use super::bare::Watcher;
use super::kernel_monitor::KernelMonitor;
use super::{STEP_TIMEOUT, population};
use crate::measure::{Times, head, ms, row};

/// Repetitions of each change.
const TURNS: usize = 100;
/// The distance between two Services that change.
const STRIDE: usize = population::SERVICES / TURNS;
/// Time without an event after which egressd has finished its writes for the previous change.
const SETTLE_TIME: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// An endpoint has another address: one element comes, one goes.
    Endpoint,
    /// Egress is no longer requested, or requested again: two elements are deleted or added.
    Annotation,
}

/// Times of one kind of changes.
pub(crate) struct Samples {
    change: Change,
    /// From the request to the watch event.
    api: Vec<Duration>,
    /// From the watch event to the kernel.
    ours: Vec<Duration>,
    whole: Vec<Duration>,
}

pub(crate) fn samples(session: &Session, kernel: &KernelMonitor, watcher: &Watcher) -> [Samples; 2] {
    let mut samples = [Change::Endpoint, Change::Annotation].map(Samples::of);
    for turn in 0..TURNS {
        for samples in &mut samples {
            watcher.wait_for_quiet(SETTLE_TIME);
            kernel.forget();
            samples.measure(turn, session, kernel, watcher);
        }
    }
    samples
}

pub(crate) fn print(samples: &[Samples]) {
    head(&["change", "request to watcher p50", "p99", "watcher to kernel p50", "p99", "request to kernel p50", "p99"]);
    for Samples { change, api, ours, whole } in samples {
        let times = [api, ours, whole].map(|times| Times::of(times.clone()));
        let cells = times.iter().flat_map(|times| [ms(times.percentile(50)), ms(times.percentile(99))]);
        let cells: Vec<String> = [format!("{change:?}")].into_iter().chain(cells).collect();
        row(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    }
    println!();
}

impl Samples {
    fn of(change: Change) -> Self {
        Self { change, api: Vec::new(), ours: Vec::new(), whole: Vec::new() }
    }

    fn measure(&mut self, turn: usize, session: &Session, kernel: &KernelMonitor, watcher: &Watcher) {
        let (collection, name, patch) = self.change.request(turn);
        let (begun, version) = session.talk(async |client| write(&client, collection, &name, &patch).await).unwrap();
        let seen = watcher.wait_for_version(&version, STEP_TIMEOUT);
        let in_force = kernel.wait_for_change(STEP_TIMEOUT);
        self.api.push(seen.duration_since(begun));
        self.ours.push(in_force.duration_since(seen));
        self.whole.push(in_force.duration_since(begun));
    }
}

impl Change {
    /// The collection, the name and the patch.
    fn request(self, turn: usize) -> (&'static str, String, Value) {
        match self {
            Self::Endpoint => {
                let number = turn * STRIDE;
                let addresses = population::endpoints(number, 1 + turn);
                let patch = json!({"endpoints": endpoints(NODE_NAME, &addresses)});
                (SLICES, population::name(number), patch)
            }
            Self::Annotation => {
                // Off, and on again in the next turn.
                let value = if turn.is_multiple_of(2) { "false" } else { "true" };
                let patch = json!({"metadata": {"annotations": {"kube-vip.io/egress": value}}});
                (SERVICE_COLLECTION, population::name(turn / 2 * STRIDE + 1), patch)
            }
        }
    }
}

/// When the request began, on a connection that is there, and which version it made.
async fn write(client: &Client, collection: &str, name: &str, patch: &Value) -> Result<(Instant, String)> {
    client.apiserver_version().await?;
    let request = Request::new(collection).patch(name, &PatchParams::default(), &Patch::Merge(patch))?;
    let begun = Instant::now();
    let written: Value = client.request(request).await?;
    let version = written["metadata"]["resourceVersion"].as_str().context("it has no version")?;
    Ok((begun, version.to_owned()))
}
