//! The closed list of codes of findings and of reasons of Events: what each means, why it appears and what to do.
//!
//! Programs look at codes, so they are stable. `tests/docs` holds that what host, core, the built-in policy and the SDK
//! emit is in the list, and that `docs/findings.md` is the list. Other policies have codes of their own.

mod addresses;
mod built_in;
mod endpoints;
mod entry;
mod events;
mod networks;
mod owners;
mod policies;
mod process;
mod services;
mod sources;

use egressd_vocabulary::spelling::{MOST_EDITS, edits};

pub use entry::{CodeEntry, EventType, Level};

/// The codes about one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// A heading.
    pub title: &'static str,
    /// One line of Markdown.
    pub about: &'static str,
    /// Sorted by code.
    pub entries: &'static [CodeEntry],
}

/// All codes, in the order of the page.
pub const GROUPS: [Group; 10] = [
    Group {
        title: "Addresses of a Service",
        about: "Which addresses a Service has, and which of them may be a source address.",
        entries: addresses::ENTRIES,
    },
    Group {
        title: "Which node has an address",
        about: "On which node an address is, from what load balancers, `vipHost` and interfaces say ([owner.md](owner.md)).",
        entries: owners::ENTRIES,
    },
    Group {
        title: "Endpoints",
        about: "Pods behind a Service that are not translated, or share rules with another Service.",
        entries: endpoints::ENTRIES,
    },
    Group {
        title: "Networks and Nodes",
        about: "What is inside the cluster, towards which nothing is translated, and what Nodes say about themselves \
                ([install.md](install.md#what-is-inside-the-cluster)).",
        entries: networks::ENTRIES,
    },
    Group {
        title: "Requests and limits",
        about: "What is asked for, and how much of it this node may hold ([security.md](security.md#limits)).",
        entries: services::ENTRIES,
    },
    Group {
        title: "The built-in policy",
        about: "What the policy `annotations` reports about the annotations of a Service ([annotations.md](annotations.md)). Where \
                a value is an error, what was accepted last stays in force until it is corrected. Other policies may \
                use the same codes.",
        entries: built_in::ENTRIES,
    },
    Group {
        title: "Policies",
        about: "What egressd reports about policies and their answers ([policies.md](policies.md)).",
        entries: policies::ENTRIES,
    },
    Group {
        title: "Sources",
        about: "What cannot be read from the API server or from manifests ([operate.md](operate.md#in-a-cluster)).",
        entries: sources::ENTRIES,
    },
    Group {
        title: "Node and process",
        about: "What egressd reports about itself, its files, its node and its tables.",
        entries: process::ENTRIES,
    },
    Group {
        title: "Event reasons",
        about: "The reasons of Events in `kubectl describe`. The note of an Event has the code of the finding that is its cause.",
        entries: events::ENTRIES,
    },
];

/// How many codes are proposed instead of one that is not in the list.
const MOST_SIMILAR: usize = 3;

/// The shortest text that is looked for within codes.
const SHORTEST_PART: usize = 3;

/// The shortest part of a code that says what it is about: `not` and `bad` do not.
const SHORTEST_TOPIC: usize = 4;

/// The longest text that is compared with codes, in bytes.
const LONGEST_COMPARED: usize = 64;

/// Every entry, in the order of the page.
pub fn all() -> impl Iterator<Item = &'static CodeEntry> {
    GROUPS.iter().flat_map(|group| group.entries)
}

/// The entry of a code, in whatever case it is written, with `_` or a blank for a hyphen, and with the brackets, quotes
/// and blanks around it that output has.
pub fn find(code: &str) -> Option<&'static CodeEntry> {
    let code = normalised(code);
    all().find(|entry| entry.code.eq_ignore_ascii_case(&code))
}

fn normalised(text: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || "[](){}<>\"'`,;:.".contains(c);
    text.trim_matches(is_around).replace(['_', ' '], "-").to_ascii_lowercase()
}

/// The codes that are nearest to a text which is none: those that differ in few letters, then those that have it as a
/// part, then those that share at least half of its parts; three at most.
pub fn similar(text: &str) -> Vec<&'static str> {
    let text = normalised(text);
    if text.len() > LONGEST_COMPARED {
        return Vec::new();
    }
    let distance = |code: &'static str| Some((distance(&text, &code.to_ascii_lowercase())?, code));
    let mut near: Vec<(usize, &str)> = all().filter_map(|entry| distance(entry.code)).collect();
    near.sort_unstable();
    near.into_iter().take(MOST_SIMILAR).map(|(_, code)| code).collect()
}

/// How far a code is from a text; none where they have nothing in common.
fn distance(text: &str, code: &str) -> Option<usize> {
    let edits = edits(text, code);
    if edits <= MOST_EDITS {
        return Some(edits);
    }
    if text.len() >= SHORTEST_PART && code.contains(text) {
        return Some(MOST_EDITS + 1);
    }
    let common = topics(text).filter(|part| topics(code).any(|other| other == *part)).count();
    (common > 0 && 2 * common >= topics(text).count()).then(|| MOST_EDITS + 2 + topics(code).count().abs_diff(common))
}

fn topics(code: &str) -> impl Iterator<Item = &str> {
    code.split('-').filter(|part| part.len() >= SHORTEST_TOPIC)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_there_once_and_its_group_is_sorted() {
        let codes: BTreeSet<String> = all().map(|entry| entry.code.to_ascii_lowercase()).collect();
        assert_eq!(codes.len(), all().count());
        for group in GROUPS {
            assert!(group.entries.is_sorted_by_key(|entry| entry.code), "{}", group.title);
        }
    }

    #[test]
    fn every_text_is_a_sentence_on_one_line() {
        for entry in all() {
            for text in [entry.sentence, entry.cause, entry.remedy] {
                let begins =
                    text.starts_with(|c: char| c.is_uppercase() || "`k".contains(c) || text.starts_with("egressd"));
                let is_sentence = begins && text.ends_with(['.', ')']) && !text.contains("  ");
                assert!(is_sentence && !text.contains('\n'), "{}: {text}", entry.code);
            }
            assert!(!entry.level.names().is_empty(), "{}", entry.code);
        }
    }

    #[test]
    fn a_code_is_found_as_people_copy_it_and_others_are_not() {
        for text in ["held-elsewhere", "HELD-Elsewhere", "held_elsewhere", "held elsewhere", " [held-elsewhere],\n"] {
            assert_eq!(find(text).map(|entry| entry.code), Some("held-elsewhere"), "{text:?}");
        }
        assert_eq!(find("policyfailed").map(|entry| entry.code), Some("PolicyFailed"));
        assert_eq!(find("not-a-port").map(|entry| entry.code), Some("not-a-port"));
        assert_eq!(find("held"), None);
    }

    #[test]
    fn a_text_that_is_no_code_has_the_nearest_ones() {
        for (text, nearest) in [
            ("held-elsewere", &["held-elsewhere"][..]),
            ("api-server", &["api-server-certificate", "api-server-error", "api-server-forbids"]),
            ("orphaned", &["OrphanedTable", "orphaned-table"]),
            ("state-broken", &["newer-state", "state-lost", "state-unreadable"]),
            ("not-a-lost", &["not-a-list", "not-a-port", "state-lost"]),
            ("not-a-thing", &[]),
            ("address-of-another-planet", &[]),
            ("xyz", &[]),
            ("", &[]),
        ] {
            assert_eq!(similar(text), nearest, "{text}");
        }
        assert_eq!(similar(&"held-elsewhere-".repeat(10_000)), Vec::<&str>::new());
    }
}
