//! Stays on a node: whoever installs the cluster's network writes the configuration anew, and the entry is gone then.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use super::{Job, Report, disk};

/// Between two looks: a pod that begins meanwhile is not waited for.
const INTERVAL: Duration = Duration::from_secs(2);

/// Does the job, and again whenever the node's files change, until it is stopped. It leaves everything as it is then: an
/// update of the DaemonSet stops it, too, and pods that begin in between are to wait as all others.
pub async fn stay(job: &Job, stop: impl Future<Output = ()>, mut report: impl FnMut(&Report)) {
    let mut stop = pin!(stop);
    let mut reported = Report::default();
    let mut settled = None;
    loop {
        let signature = disk::signature(&job.places).ok();
        if signature.is_none() || signature != settled {
            let news = job.carry_out();
            if !news.done.is_empty() || news.problems != reported.problems {
                report(&news);
            }
            settled = signature.filter(|_| news.done.is_empty() && news.problems.is_empty());
            reported = news;
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = &mut stop => return,
        }
    }
}
