//! Lines of a journal that this egressd does not know, most likely a newer one's. They are kept, until a later line says
//! something else of the same Service.

use std::collections::BTreeMap;
use std::path::Path;

use egressd_core::finding::Finding;
use egressd_core::model::Uid;
use serde_json::Value;

#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// The last of each Service. It counts instead of what stood before it, and not beside what comes after it.
    of_services: BTreeMap<Uid, Vec<u8>>,
    /// Of what they are is unknown, too, or they say more than one thing.
    others: Vec<Vec<u8>>,
}

/// What an unknown line is about.
pub(super) enum About {
    /// All that is remembered of this Service.
    Service(Uid),
    /// Something of this Service.
    PartOf(Uid),
    /// That is unknown, too.
    Unknown,
}

impl About {
    /// Of a line that is JSON.
    pub(super) fn of(line: &[u8]) -> Self {
        let parts: Vec<Value> = serde_json::from_slice(line).unwrap_or_default();
        let uid = parts.first().and_then(Value::as_str).and_then(|uid| Uid::new(uid).ok());
        match uid {
            Some(uid) if parts.len() == 2 => Self::Service(uid),
            Some(uid) => Self::PartOf(uid),
            None => Self::Unknown,
        }
    }
}

impl Unknown {
    pub(super) fn keep(&mut self, line: &[u8], about: About) {
        match about {
            About::Service(uid) => drop(self.of_services.insert(uid, line.to_vec())),
            About::PartOf(_) | About::Unknown => self.others.push(line.to_vec()),
        }
    }

    /// Another line says what is remembered of a Service.
    pub(super) fn forget(&mut self, uid: &Uid) {
        self.of_services.remove(uid);
    }

    /// Whether what is remembered of a Service is in a line that is not known.
    pub(super) fn has(&self, uid: &Uid) -> bool {
        self.of_services.contains_key(uid)
    }

    pub(super) fn len(&self) -> usize {
        self.of_services.len() + self.others.len()
    }

    /// All of them, but for those of these Services.
    pub(super) fn lines<'a>(&'a self, but: impl Fn(&Uid) -> bool + 'a) -> impl Iterator<Item = &'a [u8]> {
        let of_services = self.of_services.iter().filter(move |(uid, _)| !but(uid)).map(|(_, line)| line);
        self.others.iter().chain(of_services).map(Vec::as_slice)
    }
}

/// They are reported.
pub(super) fn finding(path: &Path, lines: usize) -> Option<Finding> {
    let message = || {
        let (path, lines) = (path.display(), if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") });
        format!(
            "state file {path} has {lines} that this egressd does not know, probably written by a newer one; such \
             lines are kept, and the rules of Services that depend on them stay in force until the Services have \
             valid input (docs/upgrade.md)"
        )
    };
    (lines > 0).then(|| Finding::warning("newer-state", message()))
}
