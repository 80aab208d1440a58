//! Names on Services that are almost those of egress: what nothing reads, and was probably meant for us. A misspelled
//! filter would be no filter, so beside a request it makes the input bad (P4); any other one is reported.
//!
//! Only names are looked at, and of foreign domains none: what others call their annotations is theirs.

use crate::finding::{Finding, Severity, Span, at_most};
use crate::model::{AnnotationPrefix, Service};
use crate::spelling::{MOST_EDITS, edits, nearest};

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
const OTHER_WORDS: [&str; 2] = ["ingress", "egress-nftables-table"];

/// Of names so short a second wrong letter makes another one: `egress-ip` is others'.
const SHORT: usize = 11;

/// A label of a domain from which on it is known by itself.
const KNOWN_BY_ITSELF: usize = 7;

/// Most names of annotations, and of labels, that are looked at among those that could be ours: a Service has room for ten
/// thousand, and each costs time on every node.
const MOST_NAMES: usize = 256;

/// The domain of policies' annotations, which people take for that of Services'.
const PRODUCT: &str = "egressd.io";

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

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Annotation,
    Label,
}

/// Whose a name is, by what stands before the slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    /// The prefix itself.
    Ours,
    /// The prefix in another case.
    OtherCase,
    /// One that can be taken for the prefix.
    Near,
    /// None.
    Absent,
}

/// What a Service's strays make of its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// One for each.
    pub findings: Vec<Finding>,
    /// Whether one of them would narrow or change what is asked for.
    pub weight: Weight,
}

/// How much a name that nothing reads matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It asks for something that nobody sees, or for nothing.
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
    Strays { findings: at_most(strays.iter().map(finding)), weight }
}

/// The same where nothing does.
pub fn alone(service: &Service, prefix: &AnnotationPrefix) -> Vec<Finding> {
    at_most(strays(service, prefix).map(|stray| stray.finding(Severity::Warning, prefix)))
}

/// Whether a Service has one.
pub fn has_any(service: &Service, prefix: &AnnotationPrefix) -> bool {
    strays(service, prefix).next().is_some()
}

/// Whether an annotation or a label of this name can be one: what has to be kept of a Service to report it.
pub fn is_almost_ours(name: &str, prefix: &AnnotationPrefix) -> bool {
    [Place::Annotation, Place::Label].into_iter().any(|place| meant(place, name, prefix).is_some())
}

fn strays<'a>(service: &'a Service, prefix: &'a AnnotationPrefix) -> impl Iterator<Item = Stray<'a>> {
    let of = |place| {
        let names = match place {
            Place::Annotation => &service.annotations,
            Place::Label => &service.labels,
        };
        let could_be = names.iter().filter(|(name, _)| split(name, prefix).is_some()).take(MOST_NAMES);
        could_be.filter_map(move |(name, value)| stray(place, name, value, prefix))
    };
    let all = of(Place::Annotation).chain(of(Place::Label));
    // What stands there under its right name, too, is not missed, unless it narrows to something else.
    all.filter(|stray| {
        let right = stray.right.and_then(|right| service.annotations.get(&prefix.name(right)));
        right.is_none_or(|right| stray.weight() == Weight::Filter && right != stray.value)
    })
}

fn stray<'a>(place: Place, name: &'a str, value: &'a str, prefix: &AnnotationPrefix) -> Option<Stray<'a>> {
    let (domain, right) = meant(place, name, prefix)?;
    // Such a label is a word that people choose among themselves.
    let is_a_word = (place, domain, right) == (Place::Label, Domain::Absent, Some("egress")) && !is_boolean(value);
    (!is_a_word).then_some(Stray { place, name, value, right })
}

/// Whose a name is, and what was probably meant by it; none where it is right, or not ours.
fn meant(place: Place, name: &str, prefix: &AnnotationPrefix) -> Option<(Domain, Option<&'static str>)> {
    let (domain, rest) = split(name, prefix)?;
    if (place, domain) == (Place::Annotation, Domain::Ours) && is_read(rest) {
        return None;
    }
    if OTHER_WORDS.contains(&rest) {
        return None;
    }
    let near = nearest(rest, KNOWN).filter(|(edits, known)| is_near_enough(domain, *edits, known));
    match (near, domain) {
        (Some((_, right)), _) => Some((domain, Some(right))),
        (None, Domain::Ours | Domain::OtherCase) if begins_as_ours(rest) => Some((domain, None)),
        (None, Domain::Ours | Domain::OtherCase | Domain::Near | Domain::Absent) => None,
    }
}

/// Whether an annotation behind the prefix is read, or looked at by the policy that reads all that begin so.
fn is_read(rest: &str) -> bool {
    rest.starts_with("egress") || KNOWN.contains(&rest)
}

fn begins_as_ours(rest: &str) -> bool {
    let beginning = rest.get(.."egress-".len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case("egress-") || beginning == "egress_")
}

/// One mistake in the domain and two in a short name are too many to know what was meant; and without a domain, `ignore` is
/// a word like any other.
fn is_near_enough(domain: Domain, edits: usize, known: &str) -> bool {
    let of_short = |most| if known.len() <= SHORT { most } else { MOST_EDITS };
    match domain {
        Domain::Ours | Domain::OtherCase => true,
        Domain::Near => edits <= of_short(1),
        Domain::Absent => known != "ignore" && edits <= of_short(1),
    }
}

/// What stands before the slash, and after it; none where it is somebody else's.
fn split<'a>(name: &'a str, prefix: &AnnotationPrefix) -> Option<(Domain, &'a str)> {
    let Some((domain, rest)) = name.split_once('/') else {
        let behind = behind(name, prefix.as_str()).or_else(|| behind(name, PRODUCT));
        return Some(behind.map_or((Domain::Absent, name), |rest| (Domain::Near, rest)));
    };
    if domain == prefix.as_str() {
        return Some((Domain::Ours, rest));
    }
    // kube-vip knows no prefix but its own: with another one here, that one is not ours.
    if domain.eq_ignore_ascii_case(AnnotationPrefix::default().as_str()) && *prefix != AnnotationPrefix::default() {
        return None;
    }
    if domain.eq_ignore_ascii_case(prefix.as_str()) {
        return Some((Domain::OtherCase, rest));
    }
    let near = is_near_domain(domain, prefix.as_str()) || is_near_domain(domain, PRODUCT);
    near.then_some((Domain::Near, rest))
}

/// What follows a domain without the slash: `kube-vip.io.egress`.
fn behind<'a>(name: &'a str, domain: &str) -> Option<&'a str> {
    let beginning = name.get(..domain.len()).filter(|beginning| beginning.eq_ignore_ascii_case(domain))?;
    name[beginning.len()..].strip_prefix(['.', '-', '_', ':'])
}

/// Whether a domain is another one only by a slip: a few letters, or another end than `.io`. Domains that differ in a
/// number or in a part of two letters are siblings, as of two instances.
fn is_near_domain(domain: &str, ours: &str) -> bool {
    // Most are foreign, and of 30,000 Services all are looked at.
    if domain.len() > ours.len() + MOST_EDITS {
        return false;
    }
    let domain = domain.to_ascii_lowercase();
    same_beginning(&domain, ours) || edits(&domain, ours) <= MOST_EDITS && !are_siblings(&domain, ours)
}

/// `kubevip.com`, `kube-vip/`: domains of one owner have two labels.
fn same_beginning(domain: &str, ours: &str) -> bool {
    let Some((label, end)) = ours.split_once('.').filter(|(_, end)| !end.contains('.')) else { return false };
    let (first, rest) = domain.split_once('.').unwrap_or((domain, end));
    let bare = |label: &str| label.replace(['-', '_'], "");
    label.len() >= KNOWN_BY_ITSELF && !rest.contains('.') && bare(first) == bare(label)
}

fn are_siblings(one: &str, other: &str) -> bool {
    let parts = |domain: &str| domain.split(['.', '-']).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (parts(one), parts(other));
    let is_number = |part: &str| part.len() <= 2 || part.bytes().any(|byte| byte.is_ascii_digit());
    let mut different = one.iter().zip(&other).filter(|(one, other)| one != other);
    one.len() == other.len() && different.all(|(one, other)| is_number(one) || is_number(other))
}

fn is_boolean(value: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "1", "0"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

impl Stray<'_> {
    fn weight(&self) -> Weight {
        match self.right {
            Some(right) if WITHOUT_EFFECT.contains(&right) => Weight::Light,
            Some("ignore") => Weight::Filter,
            Some(right) if right.starts_with("egress-") => Weight::Filter,
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
                format!("annotation {name} is no annotation of egress; check its spelling, or remove it")
            }
            (Place::Label, Some(right)) => {
                format!(
                    "label {name} is not read: egress takes annotations; write the annotation {right}, or remove the label"
                )
            }
            (Place::Label, None) => {
                format!("label {name} is not read, and is no annotation of egress either; remove it")
            }
        };
        Finding { span: self.span(), ..Finding::new(severity, "misspelled-name", message) }
    }

    fn span(&self) -> Option<Span> {
        match self.place {
            Place::Annotation => Some(Span { annotation: self.name.to_owned(), offset: 0, length: self.value.len() }),
            Place::Label => None,
        }
    }
}
