//! What is known of the networks around this node: the decision about private destinations where pods of unknown networks
//! may be, whether an earlier release's rules go on; and the networks of this node's own pods.

use std::io;
use std::path::PathBuf;

use egressd_core::finding::Finding;
use egressd_core::model::PrivateDestinations;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::version::{self, FoundFile};
use super::write_whole;

/// More than this egressd writes; a newer one may add to it.
const MAX_FILE: u64 = 4096;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNetworks {
    /// The decision about private destinations.
    pub private: PrivateDestinations,
    /// The networks of this node's pods, as its Node listed them last. They name no pod, so they count after a start of the
    /// machine too.
    pub own_pods: Vec<IpNet>,
}

/// The file, and what it says.
#[derive(Debug)]
pub(super) struct NetworkFile {
    path: PathBuf,
    written: Option<KnownNetworks>,
    /// That it stays as it is, and why.
    unknown: Vec<Finding>,
}

impl NetworkFile {
    /// The file as an earlier process left it.
    pub(super) fn open(path: PathBuf) -> Self {
        let (written, unknown) = match version::find(&path, MAX_FILE) {
            // Cut off: written again with the next change, and until then nothing is taken for granted.
            FoundFile::Known(bytes) => (Some(read(&bytes).unwrap_or_default()), Vec::new()),
            FoundFile::Missing => (None, Vec::new()),
            FoundFile::Unknown(why) => (Some(KnownNetworks::default()), vec![version::finding(&path, &why)]),
        };
        Self { path, written, unknown }
    }

    /// What is unknown about it.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.unknown
    }

    /// What an earlier process of a release that knows the question knew; none where none did.
    pub(super) fn written(&self) -> Option<&KnownNetworks> {
        self.written.as_ref()
    }

    /// Remembers this. What this egressd does not know stays.
    pub(super) fn write(&mut self, known: &KnownNetworks) -> io::Result<()> {
        if !self.unknown.is_empty() || self.written.as_ref() == Some(known) {
            return Ok(());
        }
        let own_pods: Vec<String> = known.own_pods.iter().map(ToString::to_string).collect();
        let line = json!({ "privateDestinations": name(known.private), "ownPodNetworks": own_pods });
        write_whole(&self.path, format!("{}{line}\n", version::line()).as_bytes())?;
        self.written = Some(known.clone());
        Ok(())
    }
}

fn name(private: PrivateDestinations) -> &'static str {
    match private {
        PrivateDestinations::Withheld => "withheld",
        PrivateDestinations::AsBefore => "as-before",
    }
}

fn read(bytes: &[u8]) -> Option<KnownNetworks> {
    let line = bytes.split(|byte| *byte == b'\n').nth(1)?;
    let line: Value = serde_json::from_slice(line).ok()?;
    let value = line.get("privateDestinations")?.as_str()?;
    let all = [PrivateDestinations::Withheld, PrivateDestinations::AsBefore];
    let private = all.into_iter().find(|private| name(*private) == value)?;
    // Earlier releases remember none.
    let own_pods = line.get("ownPodNetworks").and_then(Value::as_array).into_iter().flatten();
    let own_pods = own_pods.filter_map(|network| network.as_str()?.parse().ok()).collect();
    Some(KnownNetworks { private, own_pods })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    #[test]
    fn what_was_known_is_there_after_a_restart_and_what_was_not_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let open = || NetworkFile::open(dir.path().join("private"));
        assert_eq!(open().written(), None);
        for private in [PrivateDestinations::AsBefore, PrivateDestinations::Withheld] {
            for own_pods in [vec![], vec!["10.0.0.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()]] {
                let known = KnownNetworks { private, own_pods };
                open().write(&known).unwrap();
                assert_eq!(open().written(), Some(&known));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        for text in
            ["", "{\"version\":1}\n", "{\"version\":1}\n{\"privateDestinations\":\"open\"}\n", "{\"version\":2}\n"]
        {
            fs::write(&path, text).unwrap();
            let known = NetworkFile::open(path.clone());
            assert_eq!(known.written().map(|known| known.private), Some(PrivateDestinations::Withheld), "{text:?}");
        }
    }

    #[test]
    fn the_file_of_an_earlier_release_has_its_decision_and_no_networks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("private");
        fs::write(&path, "{\"version\":1}\n{\"privateDestinations\":\"as-before\"}\n").unwrap();
        let known = KnownNetworks { private: PrivateDestinations::AsBefore, own_pods: vec![] };
        assert_eq!(NetworkFile::open(path).written(), Some(&known));
    }
}
