//! The laws of limits, as properties.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use egressd_core::model::SubjectKey;
use egressd_core::plan::{BudgetRequest, Capacity, Grant, Limits, ServiceLimits, Size, Usage, grants};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    service: ServiceLimits { rules: 4, networks: 8, endpoints: 100 },
    namespace: Capacity { elements: 20, networks: 12, chains: 10 },
    node: Capacity { elements: 40, networks: 20, chains: 16 },
};

/// One Service in numbers; `accepted` and `before` are parts of the newest, unless an edit made it smaller.
#[derive(Clone, Debug)]
struct Request {
    key: SubjectKey,
    created: i64,
    before: Size,
    claim: Size,
    accepted: Option<Size>,
    newest: Size,
}

fn size() -> impl Strategy<Value = Size> {
    (0..6usize, 0..10usize, 0..10usize, prop_oneof![3 => Just(0), 1 => 0..8usize])
        .prop_map(|(rules, elements, networks, chains)| Size { rules, elements, networks, chains })
}

fn asked() -> impl Strategy<Value = Vec<Request>> {
    let one = (0..5u8, 0..4i64, size(), proptest::option::of(size()), size());
    vec(one, 0..14).prop_map(|all| {
        let named = (0..).zip(all).map(|(place, (namespace, created, before, accepted, newest)): (u32, _)| {
            let key = SubjectKey::service(format!("n{namespace}"), format!("s{place}"));
            Request { key, created, before, claim: Size::default(), accepted, newest }
        });
        named.collect()
    })
}

/// Of Services that are all new.
fn new_ones() -> impl Strategy<Value = Vec<Request>> {
    asked().prop_map(|mut all| {
        for one in &mut all {
            (one.before, one.accepted) = (Size::default(), None);
        }
        all
    })
}

fn wish(one: &Request) -> BudgetRequest {
    let Request { key, created, before, claim, accepted, newest } = one.clone();
    BudgetRequest { key, created, before, claim, accepted, newest }
}

fn granted(all: &[Request]) -> BTreeMap<&SubjectKey, Grant> {
    let wishes: Vec<BudgetRequest> = all.iter().map(wish).collect();
    all.iter().map(|one| &one.key).zip(grants(&LIMITS, &wishes).0.iter().map(|granted| granted.grant)).collect()
}

fn has(one: &Request, grant: Grant) -> Size {
    match grant {
        Grant::Nothing => Size::default(),
        Grant::Before => one.before,
        Grant::Accepted => one.accepted.expect("what is granted was known"),
        Grant::Newest => one.newest,
    }
}

/// Elements, networks and pods with chains.
type Used = [usize; 3];

/// What an administrator allows of each.
const OF_NAMESPACE: Used = [20, 12, 10];
const OF_NODE: Used = [40, 20, 16];

fn counted(size: Size) -> Used {
    [size.elements, size.networks, size.chains]
}

fn and(one: Used, other: Used) -> Used {
    std::array::from_fn(|at| one[at] + other[at])
}

fn is_within(used: Used, most: Used) -> bool {
    used.iter().zip(most).all(|(used, most)| *used <= most)
}

/// What each namespace has.
fn used(all: &[Request], granted: &BTreeMap<&SubjectKey, Grant>) -> BTreeMap<String, Used> {
    let mut used: BTreeMap<String, Used> = BTreeMap::new();
    for one in all {
        let size = has(one, granted[&one.key]);
        let namespace = used.entry(one.key.namespace.to_string()).or_default();
        *namespace = and(*namespace, counted(size));
    }
    used
}

/// The largest share of the node, in parts of [`WHOLE`].
fn share([elements, networks, chains]: Used) -> usize {
    (elements * 20 * 16).max(networks * 40 * 16).max(chains * 40 * 20)
}

const WHOLE: usize = 40 * 20 * 16;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2_000 } else { 20_000 }))]

    /// But for what was in force already, before its limit was lowered.
    #[test]
    fn no_namespace_and_no_node_has_more_than_it_may(all in asked()) {
        let before = used(&all, &all.iter().map(|one| (&one.key, Grant::Before)).collect());
        let used = used(&all, &granted(&all));
        for (namespace, used) in &used {
            let had = before[namespace];
            prop_assert!(is_within(*used, std::array::from_fn(|at| had[at].max(OF_NAMESPACE[at]))));
        }
        let all = used.values().fold(Used::default(), |all, one| and(all, *one));
        prop_assert!(is_within(all, OF_NODE), "{:?}", all);
    }

    /// A namespace never loses to others while it keeps to its equal share.
    #[test]
    fn whoever_keeps_to_the_equal_share_is_refused_nothing(all in new_ones()) {
        let granted = granted(&all);
        let wanted = used(&all, &all.iter().map(|one| (&one.key, Grant::Newest)).collect());
        for one in &all {
            let wants = wanted[&*one.key.namespace];
            let small = share(wants) * wanted.len() <= WHOLE && is_within(wants, OF_NAMESPACE);
            let allowed = one.newest.rules <= 4 && one.newest.networks <= 8;
            prop_assert!(!small || !allowed || granted[&one.key] == Grant::Newest, "{:?}", one);
        }
    }

    /// What is refused is never refused because of what another has beyond that.
    #[test]
    fn what_a_namespace_adds_takes_nothing_from_those_that_have_less_than_it_would(all in new_ones(), added in size()) {
        let without = granted(&all);
        let (key, created) = (SubjectKey::service("n0", "added"), 9);
        let newest = Size { networks: added.networks.min(8), rules: 1, ..added };
        let added = Request { key, created, before: Size::default(), claim: Size::default(), accepted: None, newest };
        let with: Vec<Request> = all.iter().cloned().chain([added]).collect();
        let with = granted(&with);
        let had = used(&all, &without).get("n0").copied().unwrap_or_default();
        let would = share(and(had, counted(newest)));
        let wanted = used(&all, &all.iter().map(|one| (&one.key, Grant::Newest)).collect());
        for one in all.iter().filter(|one| *one.key.namespace != *"n0" && share(wanted[&*one.key.namespace]) < would) {
            prop_assert_eq!(without[&one.key], with[&one.key], "{:?}", one);
        }
    }

    /// A limit of a namespace that is lower than what it has takes nothing away, where the node has room.
    #[test]
    fn what_was_in_force_stays_whatever_its_namespace_may_have_now(all in asked()) {
        let before: Vec<Request> = all.iter().map(|one| Request { newest: one.before, accepted: None, ..one.clone() }).collect();
        let total = before.iter().fold(Used::default(), |all, one| and(all, counted(one.before)));
        let granted = granted(&before);
        let fits = is_within(total, OF_NODE);
        prop_assert!(!fits || before.iter().all(|one| granted[&one.key] != Grant::Nothing));
    }

    #[test]
    fn what_was_in_force_and_fits_stays_whatever_is_edited(all in asked()) {
        let before: Vec<Request> = all.iter().map(|one| Request { newest: one.before, accepted: None, ..one.clone() }).collect();
        let sizes = before.iter().map(|one| (&one.key, Size { rules: 0, networks: one.before.networks.min(8), ..one.before }));
        let kept = fits(sizes) && before.iter().all(|one| one.before.networks <= 8);
        // What others may take is a matter of shares; in one namespace nothing is.
        let one_namespace = all.iter().all(|one| one.key.namespace == all[0].key.namespace);
        let granted = granted(&all);
        prop_assert!(!kept || !one_namespace || all.iter().all(|one| granted[&one.key] != Grant::Nothing));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(all in asked(), turn in 0..14usize) {
        let mut turned = all.clone();
        turned.rotate_left(turn.min(all.len()));
        prop_assert_eq!(granted(&all), granted(&turned));
    }

    #[test]
    fn where_everything_fits_everything_is_in_force(all in asked()) {
        let granted = granted(&all);
        let everything = fits(all.iter().map(|one| (&one.key, one.newest)));
        let new = all.iter().all(|one| one.before == Size::default() && one.accepted.is_none());
        prop_assert!(!everything || !new || granted.values().all(|grant| *grant == Grant::Newest));
    }

    /// What came into force is what was in force the next time: nothing moves by itself.
    #[test]
    fn the_next_round_has_the_same_outcome(all in new_ones()) {
        let first = granted(&all);
        let next: Vec<Request> =
            all.iter().map(|one| Request { before: has(one, first[&one.key]), ..one.clone() }).collect();
        let second = granted(&next);
        for one in &next {
            prop_assert_eq!(has(one, second[&one.key]), one.before);
        }
    }

    /// Pods that are replaced are gone for a moment: whatever waits in the namespace, they come back to their room.
    #[test]
    fn what_a_service_had_a_short_time_ago_is_there_when_it_comes_back(
        all in asked(), less in vec((0..10usize, 0..10usize), 14)
    ) {
        let had = in_one_namespace(all);
        let replaced = |place: usize| place.is_multiple_of(2);
        let now: Vec<Request> = had.iter().zip(less).enumerate().map(|(place, (one, less))| {
            let Size { elements, networks, chains, .. } = one.before;
            let (elements, networks) = (elements.saturating_sub(less.0), networks.saturating_sub(less.1));
            let fewer = Size { rules: 0, elements, networks, chains: chains.saturating_sub(less.0) };
            let one = Request { claim: one.before, ..one.clone() };
            if replaced(place) { Request { before: fewer, accepted: Some(fewer), newest: fewer, ..one } } else { one }
        }).collect();
        let first = granted(&now);
        let back: Vec<Request> = now.iter().zip(&had).enumerate().map(|(place, (one, had))| {
            let before = has(one, first[&one.key]);
            let newest = if replaced(place) { had.before } else { before };
            Request { before, accepted: Some(newest), newest, ..one.clone() }
        }).collect();
        let second = granted(&back);
        for (_, one) in back.iter().enumerate().filter(|(place, _)| replaced(*place)) {
            prop_assert_eq!(second[&one.key], Grant::Newest, "{:?}", one);
        }
    }
}

/// Whether everything fits as it is today.
fn fits<'a>(sizes: impl IntoIterator<Item = (&'a SubjectKey, Size)>) -> bool {
    let mut usage = Usage::new(LIMITS);
    for (key, size) in sizes {
        usage.replace(key, None, Some(size));
    }
    usage.namespaces().iter().all(|namespace| usage.fits(namespace)) && usage.fits_the_node()
}

/// As many of these as one namespace may have together.
fn in_one_namespace(all: Vec<Request>) -> Vec<Request> {
    let (mut used, mut some) = (Used::default(), Vec::new());
    for one in all {
        let before = Size { rules: 1, networks: one.before.networks.min(8), ..one.before };
        used = and(used, counted(before));
        if is_within(used, OF_NAMESPACE) {
            some.push(Request { key: SubjectKey::service("n", one.key.name.clone()), before, ..one });
        }
    }
    some
}
