//! What is reported about other programs' chains and flowtables, for any of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use egressd_core::beside::{Flowtable, MOST, NatChain, Neighbours};
use egressd_core::finding::Finding;
use egressd_core::ruleset::{Priority, TableFamily};
use proptest::prelude::*;

fn priorities() -> impl Strategy<Value = Priority> {
    (Priority::FIRST.number()..=Priority::LAST.number()).prop_map(|number| Priority::new(number).unwrap())
}

fn chains() -> impl Strategy<Value = Vec<NatChain>> {
    let chain = (0..40u32, -250..120).prop_map(|(number, priority)| NatChain {
        priority,
        family: TableFamily::Ip,
        table: "other".to_owned(),
        name: format!("chain-{number}."),
    });
    proptest::collection::vec(chain, 0..30)
}

fn of(chains: &[NatChain]) -> Neighbours {
    Neighbours { chains: chains.iter().cloned().collect(), ..Neighbours::default() }
}

/// The smallest priority that a remedy names.
fn advised(findings: &[Finding]) -> Option<i32> {
    let message = findings.first()?.message.to_string();
    let (_, rest) = message.split_once("set --priority (EGRESSD_PRIORITY) to ")?;
    rest.split_once(' ')?.0.parse().ok()
}

proptest! {
    /// Whatever is at our priority or before it is reported, what is after it is not, and the list is bounded.
    #[test]
    fn every_chain_that_may_translate_before_ours_is_reported_or_counted(chains in chains(), ours in priorities()) {
        let neighbours = of(&chains);
        let findings = neighbours.findings(ours);
        let before = neighbours.chains.iter().filter(|chain| chain.priority <= ours.number()).count();
        prop_assert_eq!(findings.len(), before.min(MOST + 1));
        for chain in &neighbours.chains {
            let name = format!("chain {} in table ip other translates sources at priority {},", chain.name, chain.priority);
            let is_named = findings.iter().any(|finding| finding.message.to_string().starts_with(&name));
            prop_assert!(!is_named || chain.priority <= ours.number(), "{name}");
            prop_assert!(is_named || chain.priority > ours.number() || before > MOST, "{name}");
        }
        if let Some(more) = before.checked_sub(MOST).filter(|more| *more > 0) {
            let last = findings.last().unwrap().message.to_string();
            prop_assert!(last.starts_with(&format!("{more} more chains translate sources")), "{last}");
        }
    }

    /// The remedy is one: with the priority that it names nothing is reported any more.
    #[test]
    fn with_the_priority_that_the_remedy_names_nothing_is_before_ours(chains in chains(), ours in priorities()) {
        let neighbours = of(&chains);
        if let Some(number) = advised(&neighbours.findings(ours)) {
            prop_assert_eq!(neighbours.findings(Priority::new(number).unwrap()), vec![]);
        }
    }
}

#[test]
fn a_flowtable_is_reported_whatever_our_priority_is() {
    let flowtable = |number: u32| Flowtable {
        family: TableFamily::Inet,
        table: "other".to_owned(),
        name: format!("f{number}"),
        devices: (0..number).map(|device| format!("eth{device:02}")).collect(),
    };
    let neighbours = Neighbours { flowtables: (0..12).map(flowtable).collect(), ..Neighbours::default() };
    let messages: Vec<String> =
        neighbours.findings(Priority::FIRST).iter().map(|finding| finding.message.to_string()).collect();
    assert_eq!(messages.len(), MOST + 1);
    assert!(messages[0].starts_with("flowtable f0 in table inet other forwards packets"), "{}", messages[0]);
    assert!(messages[0].contains("on no device;"), "{}", messages[0]);
    assert!(messages.iter().any(|message| message.contains(", eth07 and 3 more;")), "{messages:?}");
    assert!(messages[MOST].starts_with("4 more flowtables forward packets"), "{}", messages[MOST]);
}
