//! 256 KiB of annotations of any content are a user error at most: the built-in policy never fails on them,
//! within the fuel, memory and answer limits of one call, and the guard accepts its answer.

use std::sync::LazyLock;

use egressd_core::chain::{Chain, ChainDecision, ChainResult, Member, MemberRole};
use egressd_core::model::SubjectView;

use crate::services::{ENGINE, context, policy, view};

/// As much as the API server takes of all annotations of an object together.
const MAX_ANNOTATION_BYTES: usize = 256 << 10;

/// Every annotation whose value is read.
const ANNOTATIONS_READ: [&str; 10] = [
    "egress",
    "egress-ipv6",
    "egress-source-ports",
    "egress-destination-ports",
    "egress-allowed-networks",
    "egress-denied-networks",
    "flush-conntrack",
    "egress-internal",
    "egress-no-internal-traffic",
    "egress-detect-api-server",
];

static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let built_in = policy(&ENGINE, egressd::wasm::built_in(), "annotations", "{}");
    Chain::new([Member::new(MemberRole::Policy(built_in))])
});

fn ask(annotations: &[(String, String)]) -> ChainResult {
    let named: Vec<(&str, &str)> = annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let service = SubjectView { findings: Vec::new(), ..view("web", &named) };
    CHAIN.evaluate(&context(), &service)
}

fn expect_an_answer(annotations: &[(String, String)], what: &str) -> ChainResult {
    let verdict = ask(annotations);
    assert!(!matches!(verdict.decision, ChainDecision::Failed(_)), "{what}: {:?}", verdict.decision);
    assert!(verdict.findings.len() <= 16, "{what}: {} findings", verdict.findings.len());
    let longest = verdict.findings.iter().map(|finding| finding.message.len()).max().unwrap_or_default();
    assert!(longest < 1_000, "{what}: a sentence of {longest} bytes");
    verdict
}

fn named(name: &str, value: String) -> (String, String) {
    (format!("kube-vip.io/{name}"), value)
}

/// The same text over and over, as much as goes.
fn over_and_over(text: &str) -> String {
    text.repeat(MAX_ANNOTATION_BYTES / text.len())
}

/// As many different items as fit, separated by commas.
fn numbered(item: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for number in 0.. {
        let item = item(number);
        if list.len() + item.len() + 1 > MAX_ANNOTATION_BYTES {
            break;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&item);
    }
    list
}

/// Values of all kinds, with a description.
fn values() -> Vec<(&'static str, String)> {
    let v4 = |n: usize| format!("{}.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255, n % 251);
    vec![
        ("bad items", over_and_over("x,")),
        ("items between blanks", over_and_over(" x ,\n")),
        ("separators", over_and_over(",")),
        ("blanks", over_and_over(" ")),
        ("blanks around a yes", format!("{}true", over_and_over(" "))),
        ("a no behind blanks", format!("{}false", over_and_over(" "))),
        ("one item", over_and_over("x")),
        ("one number", over_and_over("9")),
        ("a port of many digits", format!("tcp:{}", over_and_over("9"))),
        ("a prefix of many digits", format!("10.0.0.0/{}", over_and_over("9"))),
        ("a protocol without an end", format!("{}:80", over_and_over("t"))),
        ("colons", over_and_over("tcp:")),
        ("slashes", over_and_over("1/")),
        ("characters that do not print", over_and_over("\u{feff}")),
        ("quotes", over_and_over("\"\\")),
        ("letters of two, three and four bytes", over_and_over("ä\u{2028}💥")),
        ("the same with commas", over_and_over("ä,\u{2028},💥,")),
        ("control characters", over_and_over("\u{1b}\0\u{7f}")),
        ("doubles of a port", over_and_over("tcp:80,")),
        ("doubles of a network", over_and_over("10.0.0.0/8,")),
        ("ports that miss a bit", numbered(|n| format!("tcp:{}-{}", n % 65_535 + 2, n % 65_535 + 1))),
        ("ports beyond", numbered(|n| format!("udp:{}", 65_536 + n))),
        ("networks that miss a bit", numbered(|n| format!("{}/8", v4(n)))),
        ("mapped addresses", numbered(|n| format!("::ffff:{}", v4(n)))),
        ("good ports", numbered(|n| format!("tcp:{}", n % 65_535 + 1))),
        ("good ranges", numbered(|n| format!("sctp:{}-65535", n % 65_535 + 1))),
        ("good networks", numbered(v4)),
        ("good short networks", numbered(|n| format!("{:x}::", n % 65_535 + 1))),
        ("good long networks", numbered(|n| format!("2001:db8:aaaa:bbbb:cccc:dddd:eeee:{:x}/128", n % 65_536))),
        ("good networks, and a bad one behind", numbered(|n| if n == 10_000 { "x".to_owned() } else { v4(n) })),
    ]
}

#[test]
fn no_value_of_any_annotation_makes_it_fail() {
    for name in ANNOTATIONS_READ {
        for (what, value) in values() {
            let mut annotations = vec![named(name, value)];
            if name != "egress" {
                annotations.push(named("egress", "true".to_owned()));
                annotations.push(named("egress-ipv6", "true".to_owned()));
                annotations.dedup_by(|later, earlier| later.0 == earlier.0);
            }
            expect_an_answer(&annotations, &format!("{name}: {what}"));
        }
    }
}

#[test]
fn five_thousand_bad_items_are_invalid_and_counted() {
    let annotations =
        [named("egress", "true".to_owned()), named("egress-destination-ports", vec!["x"; 5_000].join(","))];
    let verdict = expect_an_answer(&annotations, "5,000 bad ports");
    assert!(matches!(verdict.decision, ChainDecision::Invalid { .. }), "{:?}", verdict.decision);
    let last = &verdict.findings.last().unwrap().message;
    assert_eq!(last, "egress-destination-ports: and 4985 more items, not read; correct the ones before");
}

#[test]
fn thousands_of_valid_items_are_accepted_up_to_the_guards_limit_and_invalid_beyond() {
    let list = |count: usize| (0..count).map(|n| format!("10.{}.{}.1", n >> 8, n & 255)).collect::<Vec<_>>().join(",");
    let ask = |allowed: usize, denied: usize| {
        let networks = [("egress-allowed-networks", list(allowed)), ("egress-denied-networks", list(denied))];
        let mut annotations = vec![named("egress", "true".to_owned())];
        annotations.extend(networks.map(|(name, value)| named(name, value)));
        expect_an_answer(&annotations, &format!("{allowed} allowed and {denied} denied")).decision
    };
    assert!(matches!(ask(2_048, 2_048), ChainDecision::Draft(draft) if draft.rules().len() == 1));
    assert!(matches!(ask(2_048, 2_049), ChainDecision::Invalid { .. }));
    assert!(matches!(ask(9_000, 1), ChainDecision::Invalid { .. }));
}

#[test]
fn all_lists_at_once_are_invalid() {
    for (what, value) in values() {
        let lists = &ANNOTATIONS_READ[2..6];
        let half = value.floor_char_boundary(MAX_ANNOTATION_BYTES / lists.len());
        let mut annotations = vec![named("egress", "true".to_owned())];
        annotations.extend(lists.iter().map(|name| named(name, value[..half].to_owned())));
        expect_an_answer(&annotations, &format!("all lists: {what}"));
    }
}

/// The names are the tenant's text too.
#[test]
fn thousands_of_annotations_are_within_the_limits() {
    for prefix in ["egress", "egress-\u{e4}"] {
        let mut annotations = vec![named("egress", "true".to_owned())];
        annotations.extend((0..13_000).map(|n| named(&format!("{prefix}{n}"), String::new())));
        expect_an_answer(&annotations, "13,000 annotations");
    }
    let one = [named(&over_and_over("egress"), "true".to_owned()), named("egress", "true".to_owned())];
    expect_an_answer(&one, "a name of 256 KiB");
}
