//! Names on Services that are almost those of egressd's annotations: nothing reads them, and they are probably
//! misspelled. A misspelled filter would not filter, so beside a request it makes the input invalid (P4); any other one
//! is reported.
//!
//! Only names are looked at, and of foreign domains only those of our filters: what others call their annotations is
//! theirs.

mod domain;
mod foreign;
mod unavailable;

use self::domain::{Domain, split};
pub use self::unavailable::asked_unavailable;
use self::unavailable::is_almost_unavailable;
use crate::finding::{Finding, Severity, Span, at_most};
use crate::model::{AnnotationPrefix, Service};
use egressd_vocabulary::spelling::{MOST_EDITS, nearest, same_terms, terms};

/// What is read of a Service, by the built-in policy and by the host, and what is accepted without effect.
const KNOWN: [&str; 13] = [
    "egress",
    "egress-ipv6",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "egress-internal",
    "egress-no-internal-traffic",
    "egress-detect-api-server",
    "flush-conntrack",
    "ignore",
    "loadbalancerIPs",
    "vipHost",
];

/// Of these, what has no effect, so that nothing is lost where it is misspelled.
const WITHOUT_EFFECT: [&str; 3] = ["egress-internal", "egress-no-internal-traffic", "egress-detect-api-server"];

/// What is not asked of Services, and stands near what is.
const OTHER_NAMES: [&str; 2] = ["ingress", "egress-nftables-table"];

/// Of names so short a second wrong letter makes another one: `egress-ip` is others'.
const MIN_LENGTH_FOR_TWO_EDITS: usize = 11;

/// What filters are called by: which end of a connection or which networks, and what of it.
const SIDES: [&str; 4] = ["source", "destination", "allowed", "denied"];
const THINGS: [&str; 2] = ["port", "network"];

/// The code of findings about names.
const MISSPELLED_NAME: &str = "misspelled-name";

/// Most names of annotations, and of labels, that are looked at among those that could be ours: a Service has room for
/// ten thousand, and each costs time on every node.
const MOST_NAMES: usize = 256;

/// A name that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stray<'a> {
    place: Place,
    /// As it stands there.
    name: &'a str,
    value: &'a str,
    /// What was meant; none where it begins as ours do and is near none of them.
    right: Option<&'static str>,
}

/// Whether a name is that of an annotation or of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Annotation,
    Label,
}

/// What a Service's strays make of its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    pub findings: Vec<Finding>,
    /// Whether one of them would narrow or change what is asked for.
    pub weight: Weight,
}

/// How much a name that nothing reads matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It asks for something that no program sees, or for nothing.
    #[default]
    Light,
    /// Without it more would be translated than was asked for.
    Filter,
}

/// The names on a Service that are almost ours, where something asks for egress.
pub fn beside_a_request(service: &Service, prefix: &AnnotationPrefix) -> Strays {
    let strays: Vec<Stray<'_>> = strays(service, prefix).collect();
    let weight = strays.iter().map(Stray::weight).max().unwrap_or_default();
    let finding = |stray: &Stray<'_>| match stray.weight() {
        Weight::Filter => stray.finding(Severity::Error, prefix),
        Weight::Light => stray.finding(Severity::Warning, prefix),
    };
    let findings = strays.iter().map(finding).chain(foreign::filters(service, prefix));
    Strays { findings: at_most(findings), weight }
}

/// Findings about such names where egress is not asked for.
pub fn alone(service: &Service, prefix: &AnnotationPrefix) -> Vec<Finding> {
    at_most(strays(service, prefix).map(|stray| stray.finding(Severity::Warning, prefix)))
}

/// Whether a Service has one.
pub fn has_any(service: &Service, prefix: &AnnotationPrefix) -> bool {
    strays(service, prefix).next().is_some()
}

/// Whether an annotation or a label of this name can be one, or says of one that it is another program's: what has to
/// be kept of a Service to report it.
pub fn is_almost_ours(name: &str, prefix: &AnnotationPrefix) -> bool {
    foreign::matters(name)
        || is_almost_unavailable(name, prefix)
        || [Place::Annotation, Place::Label].into_iter().any(|place| meant(place, name, prefix).is_some())
}

fn strays<'a>(service: &'a Service, prefix: &'a AnnotationPrefix) -> impl Iterator<Item = Stray<'a>> {
    let names_in = |place| {
        let names = match place {
            Place::Annotation => &service.annotations,
            Place::Label => &service.labels,
        };
        let could_be = names.iter().filter(|(name, _)| split(name, prefix).is_some()).take(MOST_NAMES);
        could_be.filter_map(move |(name, value)| stray(place, name, value, prefix))
    };
    let all = names_in(Place::Annotation).chain(names_in(Place::Label));
    // What stands there under its right name, too, is not missed, unless it narrows to something else.
    all.filter(|stray| {
        let right = stray.right.and_then(|right| service.annotations.get(&prefix.name(right)));
        right.is_none_or(|right| stray.weight() == Weight::Filter && right != stray.value)
    })
}

fn stray<'a>(place: Place, name: &'a str, value: &'a str, prefix: &AnnotationPrefix) -> Option<Stray<'a>> {
    let (domain, right) = meant(place, name, prefix)?;
    // Such a label is a name that people choose among themselves.
    let is_a_free_label =
        (place, domain, right) == (Place::Label, Domain::Absent, Some("egress")) && !is_boolean(value);
    (!is_a_free_label).then_some(Stray { place, name, value, right })
}

/// Whose a name is, and what was probably meant by it; none where it is right, or not ours.
fn meant(place: Place, name: &str, prefix: &AnnotationPrefix) -> Option<(Domain, Option<&'static str>)> {
    let (domain, rest) = split(name, prefix)?;
    if (place, domain) == (Place::Annotation, Domain::Ours) && is_read(rest) {
        return None;
    }
    if OTHER_NAMES.contains(&rest) {
        return None;
    }
    if is_ipv4(rest) {
        return Some((domain, Some("egress")));
    }
    let near = nearest(rest, KNOWN).filter(|(edits, known)| is_near_enough(domain, *edits, known));
    let right = near.map(|(_, right)| right).or_else(|| by_terms(domain, rest));
    match (right, domain) {
        (Some(right), _) => Some((domain, Some(right))),
        (None, Domain::Ours | Domain::OtherCase) if begins_as_ours(rest) || speaks_of_egress(rest) => {
            Some((domain, None))
        }
        (None, Domain::Ours | Domain::OtherCase | Domain::Near | Domain::Absent) => None,
    }
}

/// Whether an annotation behind the prefix is read, or looked at by the policy that reads all that begin so.
fn is_read(rest: &str) -> bool {
    rest.starts_with("egress") || KNOWN.contains(&rest)
}

/// `egress-ipv4`, which is one letter from `egress-ipv6` and asks for what `egress` does.
fn is_ipv4(rest: &str) -> bool {
    terms(rest).iter().eq(["egress", "ipv4"])
}

fn begins_as_ours(rest: &str) -> bool {
    let beginning = rest.get(.."egress-".len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case("egress-") || beginning == "egress_")
}

/// A name that has the terms of one of ours, in whatever order, with or without `egress`.
fn by_terms(domain: Domain, rest: &str) -> Option<&'static str> {
    match domain {
        Domain::Ours | Domain::OtherCase | Domain::Near => same_terms(rest, KNOWN).or_else(|| without_egress(rest)),
        // Without a domain nothing else says that it is about egress.
        Domain::Absent => rest.to_ascii_lowercase().contains("egress").then(|| same_terms(rest, KNOWN)).flatten(),
    }
}

/// A name in which `egress-` is missing and two letters are wrong. What is left of a shorter one is any name.
fn without_egress(rest: &str) -> Option<&'static str> {
    let long = KNOWN.into_iter().filter(|known| known.matches('-').count() > 1);
    nearest(&format!("egress-{rest}"), long).map(|(_, known)| known)
}

/// Whether a name that is near none of ours is about egress or a filter all the same: `allowed-ports`.
fn speaks_of_egress(rest: &str) -> bool {
    let terms = terms(rest);
    let has = |some: &[&str]| some.iter().any(|term| terms.contains(*term));
    let is_filter = || terms.iter().all(|term| SIDES.contains(&term.as_str()) || THINGS.contains(&term.as_str()));
    has(&["egress"]) || has(&SIDES) && has(&THINGS) && is_filter()
}

/// One mistake in the domain and two in a short name are too many to know what was meant; and without a domain,
/// `ignore` is a name like any other.
fn is_near_enough(domain: Domain, edits: usize, known: &str) -> bool {
    let of_short = |most| if known.len() <= MIN_LENGTH_FOR_TWO_EDITS { most } else { MOST_EDITS };
    match domain {
        Domain::Ours | Domain::OtherCase => true,
        Domain::Near => edits <= of_short(1),
        Domain::Absent => known != "ignore" && edits <= of_short(1),
    }
}

fn is_boolean(value: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "1", "0"].iter().any(|term| value.trim().eq_ignore_ascii_case(term))
}

impl Stray<'_> {
    fn weight(&self) -> Weight {
        match self.right {
            Some(right) if WITHOUT_EFFECT.contains(&right) => Weight::Light,
            Some("ignore") => Weight::Filter,
            Some(right) if right.starts_with("egress-") => Weight::Filter,
            // `egress-ipv4` with another value than `egress` narrows it.
            Some("egress") if self.name.to_ascii_lowercase().contains("v4") => Weight::Filter,
            Some(_) => Weight::Light,
            None => Weight::Filter,
        }
    }

    fn finding(&self, severity: Severity, prefix: &AnnotationPrefix) -> Finding {
        let name = self.name;
        let right = self.right.map(|right| prefix.name(right));
        let message = match (self.place, right) {
            (Place::Annotation, Some(right)) => {
                format!("annotation {name} is not read; write {right}, or remove the annotation")
            }
            (Place::Annotation, None) => {
                format!("unknown annotation {name}; check its spelling, or remove it")
            }
            (Place::Label, Some(right)) => {
                format!(
                    "label {name} is not read: egress takes annotations; write the annotation {right}, or remove the \
                     label"
                )
            }
            (Place::Label, None) => {
                format!("label {name} is not read, and no annotation has this name; remove it")
            }
        };
        Finding { span: self.span(), ..Finding::new(severity, MISSPELLED_NAME, message) }
    }

    fn span(&self) -> Option<Span> {
        match self.place {
            Place::Annotation => Some(Span { annotation: self.name.to_owned(), offset: 0, length: self.value.len() }),
            Place::Label => None,
        }
    }
}
