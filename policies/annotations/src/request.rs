//! What the annotations of one Service ask for, read and checked, before anything is known of its endpoints.

use egressd_policy_sdk::{Diagnostic, Family, IpNet, MOST_DIAGNOSTICS, OnChange, PortRange, Severity, clipped};

use crate::annotations::{Annotation, Annotations};
use crate::{boolean, networks, ports, spelling};

/// Most networks of one family, allowed and denied together: the host takes no more in a rule.
pub(crate) const MOST_NETWORKS: usize = 4096;
/// Most ports, of both ends together: likewise.
pub(crate) const MOST_PORTS: usize = 1024;

/// Most annotations that are called unknown: as many as an answer has room for, of which there may be ten thousand.
const MOST_UNKNOWN: usize = MOST_DIAGNOSTICS;

/// A request for egress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// IPv6 too.
    pub(crate) ipv6: bool,
    /// Empty: every port and protocol.
    pub(crate) source_ports: Vec<PortRange>,
    /// Empty: every port and protocol.
    pub(crate) destination_ports: Vec<PortRange>,
    /// None: every destination. Both families.
    pub(crate) allowed: Option<Allowed<'a>>,
    /// Both families.
    pub(crate) denied: Vec<IpNet>,
    /// For connections that contradict a change; none where the annotation is missing, and others decide.
    pub(crate) on_change: Option<OnChange>,
    /// In force, but probably not as meant.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// The only destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed<'a> {
    /// Where they are written.
    pub(crate) annotation: Annotation<'a>,
    /// Both families; never empty.
    pub(crate) networks: Vec<IpNet>,
}

/// What stands on the Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// Egress is not asked for.
    Nothing(Vec<Diagnostic>),
    /// This is asked for.
    Asked(Request<'a>),
    /// At least one item cannot be read: one diagnostic for each.
    Wrong(Vec<Diagnostic>),
}

/// Reads all annotations, or none where egress is not asked for.
pub(crate) fn read<'a>(annotations: &Annotations<'a>) -> Reading<'a> {
    if boolean::parse_off_switch(annotations.ignore) == Ok(Some(true)) {
        return Reading::Nothing(ignored(annotations));
    }
    match boolean::parse(annotations.egress) {
        Ok(Some(true)) => request(annotations).map_or_else(Reading::Wrong, Reading::Asked),
        Ok(Some(false)) => Reading::Nothing(boolean::warning(annotations.egress).into_iter().collect()),
        Ok(None) => Reading::Nothing(without_egress(annotations)),
        // Whether egress is asked for is not known; what else is wrong is reported all the same.
        Err(diagnostics) => Reading::Wrong(with_other_mistakes(diagnostics, annotations)),
    }
}

fn with_other_mistakes(mut wrong: Vec<Diagnostic>, annotations: &Annotations<'_>) -> Vec<Diagnostic> {
    wrong.extend(request(annotations).err().unwrap_or_default());
    wrong
}

/// Everything is read before anything is refused, so that people see all mistakes at once.
fn request<'a>(annotations: &Annotations<'a>) -> Result<Request<'a>, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let flush = noted(boolean::parse(annotations.flush_conntrack), &mut wrong);
    let request = Request {
        ipv6: noted(boolean::parse(annotations.ipv6), &mut wrong) == Some(true),
        source_ports: noted(ports::parse(annotations.source_ports), &mut wrong),
        destination_ports: noted(ports::parse(annotations.destination_ports), &mut wrong),
        allowed: allowed(annotations, &mut wrong),
        denied: noted(networks::parse(annotations.denied_networks), &mut wrong).unwrap_or_default(),
        on_change: flush.map(|flush| if flush { OnChange::Sever } else { OnChange::Keep }),
        warnings: warnings(annotations, &mut wrong),
    };
    wrong.extend(annotations.unknown.iter().take(MOST_UNKNOWN).map(|annotation| unknown(annotation, Severity::Error)));
    wrong.extend(too_many(&request));
    if wrong.is_empty() { Ok(request) } else { Err(wrong) }
}

/// What the host would refuse as a failure of this policy, and is a mistake of the user.
fn too_many(request: &Request<'_>) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    let allowed = request.allowed.as_ref().map_or(&[][..], |allowed| &allowed.networks);
    for family in [Family::Ipv4, Family::Ipv6] {
        let networks = allowed.iter().chain(&request.denied).copied();
        let what = format!("allowed and denied {family} networks");
        wrong.extend(more_than(&what, family.networks(networks).count(), MOST_NETWORKS));
    }
    let ports = request.source_ports.len() + request.destination_ports.len();
    wrong.extend(more_than("source and destination ports", ports, MOST_PORTS));
    wrong
}

fn more_than(what: &str, count: usize, most: usize) -> Option<Diagnostic> {
    let message = format!("the Service has {count} {what} together; write at most {most}, as wider networks or ranges");
    (count > most).then(|| Diagnostic::error("too-many-items", message))
}

fn allowed<'a>(annotations: &Annotations<'a>, wrong: &mut Vec<Diagnostic>) -> Option<Allowed<'a>> {
    let networks = noted(networks::parse(annotations.allowed_networks), wrong)?;
    Some(Allowed { annotation: annotations.allowed_networks?, networks })
}

/// What is accepted without effect has to be readable too, and must not ask for the opposite of what holds.
fn warnings(annotations: &Annotations<'_>, wrong: &mut Vec<Diagnostic>) -> Vec<Diagnostic> {
    noted(boolean::parse(annotations.internal), wrong);
    noted(boolean::parse_off_switch(annotations.ignore), wrong);
    let mut warnings = empty_filters(annotations);
    warnings.extend(
        [annotations.ipv6, annotations.flush_conntrack, annotations.ignore].into_iter().filter_map(boolean::warning),
    );
    let without_effect = [
        (annotations.no_internal_traffic, "traffic that stays in the cluster is never translated"),
        (annotations.detect_api_server, "traffic to the API server is never translated"),
    ];
    for (annotation, truth) in without_effect {
        let opposite = noted(boolean::parse(annotation), wrong) == Some(false);
        let sentence = format!("has no effect: {truth}; remove the annotation");
        warnings.extend(annotation.filter(|_| opposite).map(|a| a.warning("no-effect", &sentence)));
    }
    warnings
}

/// An empty filter lets everything pass, as in kube-vip, and may be a template without its value. An empty list of
/// denied networks denies as little as it says.
fn empty_filters(annotations: &Annotations<'_>) -> Vec<Diagnostic> {
    let filters = [annotations.source_ports, annotations.destination_ports, annotations.allowed_networks];
    let empty = filters.into_iter().flatten().filter(Annotation::is_empty);
    empty
        .map(|a| a.warning("empty-filter", "counts as not set, so it restricts nothing; fill it, or remove it"))
        .collect()
}

/// A misspelled filter would be no filter, so beside `egress` it is an error.
fn unknown(annotation: &Annotation<'_>, severity: Severity) -> Diagnostic {
    let message = format!(
        "unknown annotation {}; {}, or remove it",
        clipped(annotation.full_name),
        spelling::right_names(annotation)
    );
    let span = annotation.span(0, annotation.value.len());
    Diagnostic::new(severity, "unknown-annotation", message).at(span)
}

/// A filter looks as if it asked for egress by itself, and a misspelled `egress` leaves filters alone.
fn without_egress(annotations: &Annotations<'_>) -> Vec<Diagnostic> {
    let alone = annotations.beside_egress().filter(|annotation| annotation.value.trim_ascii() != "false");
    let alone = alone.map(|a| a.warning("without-egress", "does nothing without egress: \"true\"; set both"));
    let unknown = annotations.unknown.iter().take(MOST_UNKNOWN).map(|a| unknown(a, Severity::Warning));
    alone.chain(unknown).collect()
}

/// Without `egress` nothing is lost by it, and what kube-vip makes of it is kube-vip's.
fn ignored(annotations: &Annotations<'_>) -> Vec<Diagnostic> {
    let Some(egress) = annotations.egress else { return Vec::new() };
    let message = "ignore: \"true\" takes this Service out of egress; remove it to translate";
    let ignored = Diagnostic::info("ignored", message).at(egress.span(0, egress.value.len()));
    boolean::warning_of_off_switch(annotations.ignore).into_iter().chain([ignored]).collect()
}

/// The value; or, when it cannot be read, a default with which nothing is done, because the mistakes are noted.
fn noted<T: Default>(read: Result<T, Vec<Diagnostic>>, wrong: &mut Vec<Diagnostic>) -> T {
    read.unwrap_or_else(|mistakes| {
        wrong.extend(mistakes);
        T::default()
    })
}
