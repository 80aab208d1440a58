//! What metrics show of the newest state and of the kernel.

use egressd_core::model::SubjectKey;
use egressd_core::record::Record;
use egressd_core::status::SubjectStatus;

use crate::instances::orphans::Orphan;
use crate::kernel::nft::{Counted, Survey};
use crate::metrics::{Format, Metrics, Scrape};
use crate::state_channel::DaemonState;

/// Everything as text. Without a survey (the kernel could not be read) its metrics are missing.
pub(crate) fn text(metrics: &Metrics, newest: &DaemonState, survey: Option<&Survey>, format: Format) -> String {
    let scrape = metrics.scrape();
    for Orphan { table, pods, instance: _ } in &*newest.orphans {
        scrape.orphan(table.family, &table.name, *pods);
    }
    for ((family, map), count) in survey.into_iter().flat_map(|survey| &survey.elements) {
        scrape.elements(*family, map, *count);
    }
    newest.standing().for_each(|finding| scrape.finding(&finding));
    if let Some(round) = &newest.in_force {
        round.overview.findings.iter().for_each(|finding| scrape.finding(finding));
        for (key, shown) in &round.subjects {
            let record = &shown.record;
            let Some(status) = record.status() else { continue };
            service(&scrape, status);
            if let Some(survey) = survey {
                counted(&scrape, key, record, &survey.counted);
            }
            let blocked = record.plan().map_or(0, |plan| plan.blocked().len());
            if blocked > 0 {
                scrape.blocked(key, status.reason_to_block(), blocked);
            }
        }
    }
    scrape.text(format)
}

fn service(scrape: &Scrape<'_>, status: &SubjectStatus) {
    scrape.service(status.state, status.endpoints.len());
    status.findings.iter().for_each(|finding| scrape.finding(finding));
}

fn counted(scrape: &Scrape<'_>, key: &SubjectKey, record: &Record, counted: &Counted) {
    if let Some(count) = counted.connections.get(&record.uid) {
        scrape.connections(key, *count);
    }
    if let Some(count) = counted.dropped.get(&record.uid) {
        scrape.dropped(key, *count);
    }
}

#[cfg(test)]
mod tests {
    use egressd_core::compile::Instance;
    use egressd_core::net::Family;

    use super::*;

    #[test]
    fn orphaned_tables_are_counted_and_named_as_long_as_there_are_any() {
        let (metrics, mut newest) = (Metrics::default(), DaemonState::begin());
        newest.orphans = [Orphan::of(Instance::Default, Family::Ipv4)].into();
        let orphaned = text(&metrics, &newest, None, Format::Text);
        for line in [
            "egressd_orphaned_tables 1\n",
            "egressd_orphaned_table_pods{family=\"ipv4\",table=\"kube_vip_v4\"} 3\n",
            "egressd_findings{severity=\"warning\",code=\"orphaned-table\"} 1\n",
        ] {
            assert!(orphaned.contains(line), "{line:?} is missing:\n{orphaned}");
        }
        assert!(!text(&metrics, &DaemonState::begin(), None, Format::Text).contains("kube_vip_v4"));
    }
}
