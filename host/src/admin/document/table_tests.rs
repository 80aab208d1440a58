#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use egressd_core::finding::Finding;
use tokio::sync::watch;

use super::*;
use crate::policies::{PolicyReport, PolicyState};
use crate::state_channel::notices::Notices;
use crate::state_channel::{StateChannel, state_channel};

/// The document of a state, and what is printed of it.
fn shown(change: impl FnOnce(&StateChannel)) -> (Document, String) {
    let (source, orphans) = (watch::channel(Arc::default()).1, watch::channel(Arc::default()).1);
    let (channel, reader) = state_channel(source, Notices::default().reader(), orphans);
    change(&channel);
    let document = Document::new("node-a", Publish::All, &reader.newest(), None);
    let mut printed = Vec::new();
    table_of(&mut printed, &document, Columns::Usual).unwrap();
    (document, String::from_utf8(printed).unwrap())
}

#[test]
fn what_a_finding_says_is_not_printed_a_second_time_as_trouble() {
    let sentence = "a newer egressd created the table";
    let (_, printed) = shown(|channel| {
        channel.newer(Some(Finding::error("newer-layout", sentence)));
        channel.held_back(sentence.to_owned(), None);
    });
    assert_eq!(printed.matches(sentence).count(), 1, "{printed}");
    assert!(printed.contains(&format!("error: {sentence} [newer-layout]")), "{printed}");
    let (_, printed) = shown(|channel| channel.held_back("the kernel refuses it".to_owned(), None));
    assert!(printed.contains("trouble: the kernel refuses it\n"), "{printed}");
}

#[test]
fn what_is_wrong_with_a_policy_has_its_code_in_the_table_and_in_json() {
    let refused = PolicyReport::unloaded("guard", PolicyState::Refused, Some("it has no module".to_owned()));
    let good = PolicyReport::unloaded("other", PolicyState::Off, None);
    let (document, printed) = shown(|channel| channel.policies(vec![refused, good], vec![]));
    assert!(printed.contains("guard: it has no module [policy-refused]"), "{printed}");
    let json = serde_json::to_value(&document).unwrap();
    let codes = json["policies"].as_array().unwrap().iter().map(|policy| policy["troubleCode"].as_str());
    assert_eq!(codes.collect::<Vec<_>>(), [Some("policy-refused"), None]);
    assert!(json["policies"][0]["slowedCode"].is_null());
}
