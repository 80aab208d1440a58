//! The metrics, all of them, in both of Prometheus' text formats. Names, labels and what they are bounded by stand in
//! `docs/operate.md`.
//!
//! The loop and the policies count as they go; what is true at the moment is set anew by each scrape, so nothing of a
//! Service outlives it. No other room is imported: who scrapes says what is true, as numbers and names.

mod format;

use std::fmt;
use std::time::Duration;

use egressd_core::finding::Finding;
use egressd_core::model::{SubjectKey, SubjectKind};
use egressd_core::ruleset::{Name, TableFamily};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use format::Format;

type Labels = Vec<(&'static str, String)>;

/// Handles to all metrics; clones are of the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    services: Family<Labels, Gauge>,
    endpoints: Gauge,
    elements: Family<Labels, Gauge>,
    connections: Family<Labels, Counter>,
    dropped: Family<Labels, Counter>,
    blocked: Family<Labels, Gauge>,
    findings: Family<Labels, Gauge>,
    orphans: Gauge,
    orphan_pods: Family<Labels, Gauge>,
    commits: Counter,
    commits_failed: Counter,
    table_changes: Family<Labels, Counter>,
    connections_ended: Counter,
    commit_duration: Histogram,
    round_duration: Histogram,
    audit_cycles: Counter,
    audit_disagreements: Counter,
    evaluations: Family<Labels, Counter>,
    evaluation_failures: Family<Labels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        // 10 µs to 2.6 s: one element, up to many thousands.
        let durations = || Histogram::new(exponential_buckets(0.000_01, 4.0, 10));
        Self {
            services: Family::default(),
            endpoints: Gauge::default(),
            elements: Family::default(),
            connections: Family::default(),
            dropped: Family::default(),
            blocked: Family::default(),
            findings: Family::default(),
            orphans: Gauge::default(),
            orphan_pods: Family::default(),
            commits: Counter::default(),
            commits_failed: Counter::default(),
            table_changes: Family::default(),
            connections_ended: Counter::default(),
            commit_duration: durations(),
            round_duration: durations(),
            audit_cycles: Counter::default(),
            audit_disagreements: Counter::default(),
            evaluations: Family::default(),
            evaluation_failures: Family::default(),
        }
    }
}

/// All metrics with their names and what they mean: the only place that registers any.
fn registry(metrics: &Metrics) -> Registry {
    let Metrics { services, endpoints, elements, connections, findings, .. } = metrics.clone();
    let Metrics { dropped, blocked, .. } = metrics.clone();
    let Metrics { commits, commits_failed, commit_duration, round_duration, .. } = metrics.clone();
    let Metrics { audit_cycles, audit_disagreements, table_changes, connections_ended: ended, .. } = metrics.clone();
    let Metrics { evaluations, evaluation_failures, orphans, orphan_pods, .. } = metrics.clone();
    let mut registry = Registry::with_prefix("egressd");
    let r = &mut registry;
    r.register("build", "Version of egressd", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    r.register("services", "Services by state", services);
    r.register("endpoints", "Endpoint addresses that are translated", endpoints);
    r.register("elements", "Elements of our nftables maps, by table and map", elements);
    r.register("connections", "Connections that were translated, by Service", connections);
    r.register("dropped_packets", "Packets of guarded pods that were dropped, by Service", dropped);
    r.register("blocked_endpoints", "Guarded endpoints that are not translated, by Service and reason", blocked);
    r.register("findings", "Current findings, by severity and code", findings);
    r.register("orphaned_tables", "Tables that no egressd looks after; `egressd clean --all` removes them", orphans);
    r.register("orphaned_table_pods", "Pods that an orphaned table still translates", orphan_pods);
    r.register("commits", "Batches that the kernel committed", commits);
    r.register("commits_failed", "Batches that the kernel refused", commits_failed);
    r.register(
        "table_changes",
        "Changes of egressd's tables by other programs, by table; each was undone",
        table_changes,
    );
    r.register("connections_ended", "Connections that were deleted because they contradict the rules", ended);
    r.register_with_unit("commit_duration", "Time of the kernel for one batch", Unit::Seconds, commit_duration);
    r.register_with_unit("round_duration", "Time from newest state to ruleset", Unit::Seconds, round_duration);
    r.register("audit_cycles", "Complete audits of the state that egressd keeps", audit_cycles);
    r.register(
        "audit_disagreements",
        "Inconsistencies that audits found; each is a defect of egressd",
        audit_disagreements,
    );
    r.register("policy_evaluations", "Evaluations of a policy", evaluations);
    r.register("policy_failures", "Evaluations of a policy that failed", evaluation_failures);
    registry
}

impl Metrics {
    /// The kernel took a batch over.
    pub fn committed(&self, took: Duration) {
        self.commits.inc();
        self.commit_duration.observe(took.as_secs_f64());
    }

    /// The kernel refused a batch.
    pub fn refused(&self) {
        self.commits_failed.inc();
    }

    /// A table of ours was not as it was left.
    pub fn table_changed(&self, family: TableFamily, table: &Name) {
        let labels = vec![("family", family_label(family)), ("table", table.to_string())];
        self.table_changes.get_or_create(&labels).inc();
    }

    /// So many connections were deleted.
    pub fn severed(&self, connections: usize) {
        self.connections_ended.inc_by(u64::try_from(connections).unwrap_or(u64::MAX));
    }

    /// A plan and ruleset were worked out.
    pub fn round(&self, took: Duration) {
        self.round_duration.observe(took.as_secs_f64());
    }

    /// Something that is kept was not what follows from the newest state.
    pub fn disagreed(&self) {
        self.audit_disagreements.inc();
    }

    /// All that is kept was looked at once more.
    pub fn audited(&self) {
        self.audit_cycles.inc();
    }

    /// Where the questions to a policy are counted.
    pub fn policy(&self, name: &str) -> PolicyCounters {
        let labels: Labels = vec![("policy", name.to_owned())];
        let evaluations = self.evaluations.get_or_create_owned(&labels);
        let failures = self.evaluation_failures.get_or_create_owned(&labels);
        PolicyCounters { evaluations, failures }
    }

    /// The policy is gone, and so are its numbers.
    pub fn forget(&self, policy: &str) {
        let labels: Labels = vec![("policy", policy.to_owned())];
        self.evaluations.remove(&labels);
        self.evaluation_failures.remove(&labels);
    }

    /// Begins anew with all that is only true at the moment.
    pub fn scrape(&self) -> Scrape<'_> {
        let Self { services, endpoints, elements, findings, orphans, orphan_pods, blocked, .. } = self;
        for by_name in [services, elements, findings, orphan_pods, blocked] {
            by_name.clear();
        }
        self.connections.clear();
        self.dropped.clear();
        endpoints.set(0);
        orphans.set(0);
        Scrape(self)
    }
}

/// One scrape: takes what is true at the moment, and then prints everything.
#[derive(Debug)]
pub struct Scrape<'a>(&'a Metrics);

impl Scrape<'_> {
    /// A finding stands.
    pub fn finding(&self, finding: &Finding) {
        let labels = vec![("severity", finding.severity.to_string()), ("code", finding.code.to_string())];
        self.0.findings.get_or_create(&labels).inc();
    }

    /// A Service is in this state, with so many endpoints translated.
    pub fn service(&self, state: impl fmt::Display, endpoints: usize) {
        self.0.services.get_or_create(&vec![("state", state.to_string())]).inc();
        self.0.endpoints.inc_by(gauge(endpoints));
    }

    /// A subject has translated so many connections. The label of its name is its kind, so that none is taken for another.
    pub fn connections(&self, subject: &SubjectKey, count: u64) {
        self.0.connections.get_or_create(&subject_labels(subject)).inc_by(count);
    }

    /// So many packets of a subject's pods were dropped.
    pub fn dropped(&self, subject: &SubjectKey, count: u64) {
        self.0.dropped.get_or_create(&subject_labels(subject)).inc_by(count);
    }

    /// So many pods of a subject are guarded and not translated, for a reason: the code of a finding.
    pub fn blocked(&self, subject: &SubjectKey, reason: &str, pods: usize) {
        let mut labels = subject_labels(subject);
        labels.push(("reason", reason.to_owned()));
        self.0.blocked.get_or_create(&labels).set(gauge(pods));
    }

    /// A map of ours has so many elements.
    pub fn elements(&self, family: TableFamily, map: &Name, elements: u64) {
        let labels = vec![("family", family_label(family)), ("map", map.to_string())];
        self.0.elements.get_or_create(&labels).set(gauge(elements));
    }

    /// A table has no owner any more, and translates so many pods.
    pub fn orphan(&self, family: TableFamily, table: &Name, pods: usize) {
        let labels = vec![("family", family_label(family)), ("table", table.to_string())];
        self.0.orphans.inc();
        self.0.orphan_pods.get_or_create(&labels).set(gauge(pods));
    }

    /// Everything as text.
    pub fn text(self, format: Format) -> String {
        let mut text = String::new();
        // A String takes everything.
        let _ = encode(&mut text, &registry(self.0));
        format.of_open_metrics(text)
    }
}

fn subject_labels(subject: &SubjectKey) -> Labels {
    let name = match subject.kind {
        SubjectKind::Service => "service",
        SubjectKind::EgressPolicy => "egress_policy",
    };
    vec![("namespace", subject.namespace.to_string()), (name, subject.name.to_string())]
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// The numbers of one policy.
#[derive(Clone, Debug)]
pub struct PolicyCounters {
    evaluations: Counter,
    failures: Counter,
}

impl PolicyCounters {
    /// It was asked a question.
    pub fn asked(&self) {
        self.evaluations.inc();
    }

    /// It could not answer one.
    pub fn failed(&self) {
        self.failures.inc();
    }
}

/// `ipv4` or `ipv6` where it has one family of addresses. Values of labels that egressd chooses are in lower case.
fn family_label(family: TableFamily) -> String {
    family.addresses().map_or_else(|| family.to_string(), |family| family.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_before_the_first_round_has_what_there_is() {
        let metrics = Metrics::default();
        metrics.committed(Duration::from_micros(30));
        let text = metrics.scrape().text(Format::OpenMetrics);
        assert!(text.contains("egressd_commits_total 1\n"), "{text}");
        assert!(text.contains("egressd_commit_duration_seconds_count 1\n"), "{text}");
        assert!(text.contains("egressd_orphaned_tables 0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn a_policy_that_is_gone_has_no_numbers() {
        let metrics = Metrics::default();
        let [gone, other] = ["gone", "other"].map(|name| metrics.policy(name));
        gone.asked();
        other.asked();
        metrics.forget("gone");
        gone.failed();
        let text = metrics.scrape().text(Format::OpenMetrics);
        assert!(text.contains("policy=\"other\"") && !text.contains("policy=\"gone\""), "{text}");
    }

    #[test]
    fn what_was_true_at_one_scrape_is_gone_at_the_next() {
        let metrics = Metrics::default();
        let scrape = metrics.scrape();
        scrape.service("active", 2);
        scrape.service("active", 1);
        scrape.connections(&SubjectKey::service("shop", "web"), 7);
        let text = scrape.text(Format::OpenMetrics);
        for line in [
            "egressd_services{state=\"active\"} 2\n",
            "egressd_endpoints 3\n",
            "egressd_connections_total{namespace=\"shop\",service=\"web\"} 7\n",
        ] {
            assert!(text.contains(line), "{line:?} is missing:\n{text}");
        }
        let text = metrics.scrape().text(Format::OpenMetrics);
        assert!(text.contains("egressd_endpoints 0\n") && !text.contains("active") && !text.contains("shop"), "{text}");
    }
}
