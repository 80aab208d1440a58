//! A directory of manifests as a source: the same YAML as in a cluster, without one.
//!
//! Files are taken whole, and a file that cannot be read keeps its last good state, over restarts too: an edit that goes
//! wrong takes nothing away from anybody.

mod file;
mod gathered;
#[cfg(test)]
mod history_tests;
mod lost;
mod memory;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use egressd_core::finding::Finding;
use egressd_core::model::{Key, Snapshot};

use self::file::{File, Stamp};
use self::gathered::Gathered;
pub use self::gathered::snapshot;
use self::memory::{Memory, Newest};
use self::start::Beginning;
use super::documents::{Contents, contents};
use super::handover::Update;
use crate::files;
use crate::state::Sources;

/// Where policies come from unless the operator says otherwise: the namespace that egressd is installed in.
pub const POLICIES: &str = "egressd";

/// A directory, and what was read from it.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    node: String,
    policies: String,
    files: BTreeMap<String, File>,
    memory: Memory,
    beginning: Beginning,
}

/// Why the directory itself cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the manifests directory {path}")]
pub struct Error {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Directory {
    /// A directory of which nothing was read yet. Endpoints without a node are on `node`; policies are taken
    /// from [`POLICIES`].
    pub fn new(path: impl Into<PathBuf>, node: impl Into<String>) -> Self {
        let (path, node) = (path.into(), node.into());
        let (memory, beginning) = (Memory::none(&path, &node), Beginning::Unread);
        Self { path, node, policies: POLICIES.to_owned(), files: BTreeMap::new(), memory, beginning }
    }

    /// The same with what an earlier process left, and will be left to the next one.
    #[must_use]
    pub fn remembering(self, sources: Sources) -> Self {
        Self { memory: self.memory.from(sources), ..self }
    }

    /// The same with policies from another namespace.
    #[must_use]
    pub fn with_policies_of(self, namespace: impl Into<String>) -> Self {
        Self { policies: namespace.into(), ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what changed, and everything in `touched` (file names) in any case.
    ///
    /// # Errors
    /// When the directory cannot be listed; what was read before stays.
    pub fn scan(&mut self, touched: &BTreeSet<String>) -> Result<Update, Error> {
        let mut present = self.list().map_err(|source| Error { path: self.path.clone(), source })?;
        let mut keys = BTreeSet::from_iter(self.begin(&present));
        if self.beginning == Beginning::Read {
            keys.extend(self.drop_all_but(&present));
        }
        present.retain(|name, stamp| touched.contains(name) || self.files.get(name).is_none_or(|f| f.stamp != *stamp));
        for (name, stamp) in present {
            keys.extend(self.read(&name, stamp));
        }
        let (snapshot, mut findings) = self.snapshot();
        findings.splice(0..0, self.faults());
        Ok(Update { snapshot, keys, findings })
    }

    /// Leaves to the next process what one manifest says; whether there are more of which that changed.
    pub fn remember(&mut self) -> bool {
        self.memory.write_one()
    }

    /// The manifests in the directory itself; editors' and hidden files are none.
    fn list(&self) -> io::Result<BTreeMap<String, Option<Stamp>>> {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if is_manifest(&name) {
                // Follows links, as mounted ConfigMaps have them.
                let stamp = fs::metadata(self.path.join(&name)).ok().map(|meta| Stamp::of(&meta));
                names.insert(name, stamp);
            }
        }
        Ok(names)
    }

    /// Takes a file's new content, or notes why not; returns the keys of what it held and holds.
    fn read(&mut self, name: &str, stamp: Option<Stamp>) -> Vec<Key> {
        let text = files::text(&self.path.join(name));
        // It may be readable soon without another change of its content.
        let stamp = stamp.filter(|_| !matches!(text, Err(files::Error::System(_))));
        let read = text.map_err(fault).and_then(|text| contents(&text, &self.node).map_err(|error| error.to_string()));
        let (mut file, mut keys) = match self.files.remove(name) {
            Some(known) => (known, Vec::new()),
            None => self.last_good(name, &read),
        };
        file.stamp = stamp;
        match read {
            Ok(mut contents) => {
                let (originals, partly) = (mem::take(&mut contents.originals), contents.partly());
                keys.extend(file.take(contents));
                self.memory.note(name, Newest { file: &file, originals, partly });
            }
            Err(fault) => file.refuse(&fault),
        }
        self.files.insert(name.to_owned(), file);
        keys
    }

    /// A file that was not read yet: where all of it can be read, nothing else counts.
    fn last_good(&mut self, name: &str, read: &Result<Contents, String>) -> (File, Vec<Key>) {
        let is_whole = read.as_ref().is_ok_and(Contents::is_whole);
        let file = if is_whole { File::default() } else { self.memory.recall(name) };
        let keys = file.keys();
        (file, keys)
    }

    fn faults(&self) -> Vec<Finding> {
        let of_file = |(name, file): (&String, &File)| {
            let name = name.clone();
            let faults = file.faults.clone().into_iter();
            faults.map(move |fault| Finding::error("manifest-refused", format!("{name}: {fault}")))
        };
        let files = self.files.iter().flat_map(of_file);
        self.awaited().into_iter().chain(files).chain(self.memory.findings().cloned()).collect()
    }

    /// Everything that all files say together. What two files say, the first by name says.
    fn snapshot(&self) -> (Snapshot, Vec<Finding>) {
        let mut gathered = Gathered::with_policies_of(&self.policies);
        for (name, file) in &self.files {
            for object in &file.objects {
                gathered.add(name, object);
            }
        }
        self.files.values().for_each(|file| gathered.lose(&file.lost));
        (gathered.snapshot, gathered.findings)
    }
}

fn fault(error: files::Error) -> String {
    match error {
        files::Error::System(error) => format!("it cannot be read: {error}"),
        error @ (files::Error::Special(_) | files::Error::Long { .. } | files::Error::Binary | files::Error::Utf16) => {
            error.to_string()
        }
    }
}

/// What kustomize reads beside the manifests that it names.
const KUSTOMIZATIONS: [&str; 2] = ["kustomization.yaml", "kustomization.yml"];

fn is_manifest(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    !name.starts_with('.') && !KUSTOMIZATIONS.contains(&name) && matches!(extension, Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    const DNS: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\n";

    struct Fixture {
        dir: tempfile::TempDir,
        directory: Directory,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let directory = Directory::new(dir.path(), "node-a");
            Self { dir, directory }
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).unwrap();
        }

        fn scan(&mut self) -> Update {
            self.directory.scan(&BTreeSet::new()).unwrap()
        }

        fn services(update: &Update) -> Vec<String> {
            update.snapshot.services.keys().map(ToString::to_string).collect()
        }
    }

    #[test]
    fn only_what_changed_is_handed_over_as_a_key() {
        let mut fixture = Fixture::new();
        fixture.write("web.yaml", WEB);
        fixture.write("dns.yaml", DNS);
        assert_eq!(fixture.scan().keys.len(), 2);
        assert!(fixture.scan().keys.is_empty());
        fixture.write("web.yaml", &WEB.replace("{name: web}", "{name: web, labels: {a: b}}"));
        let keys: Vec<Key> = fixture.scan().keys.into_iter().collect();
        assert_eq!(keys, [Key::Service(egressd_core::model::ServiceKey::new("default", "web"))]);
    }

    #[test]
    fn a_broken_file_keeps_its_last_good_state_and_says_so() {
        let mut fixture = Fixture::new();
        fixture.write("web.yaml", WEB);
        fixture.scan();
        fixture.write("web.yaml", "kind: [");
        let update = fixture.scan();
        assert_eq!(Fixture::services(&update), ["default/web"]);
        let message = &update.findings[0].message;
        assert!(message.starts_with("web.yaml: it is not YAML: "), "{message}");
        assert!(message.ends_with("; its last good state stays in force"), "{message}");
    }

    #[test]
    fn a_truncated_file_keeps_its_last_good_state() {
        let mut fixture = Fixture::new();
        fixture.write("web.yaml", WEB);
        fixture.scan();
        fixture.write("web.yaml", "");
        assert_eq!(Fixture::services(&fixture.scan()), ["default/web"]);
    }

    #[test]
    fn policies_of_another_namespace_are_none() {
        let mut fixture = Fixture::new();
        let policy = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: egressd, labels: {egressd.io/policy: 'true'}}\nbinaryData: {policy.wasm: AGFzbQ==}\n";
        fixture.write("a.yaml", policy);
        fixture.write("b.yaml", &policy.replace("namespace: egressd, ", ""));
        fixture.write("c.yaml", &policy.replace("name: p", "name: q").replace("'true'", "'false'"));
        let update = fixture.scan();
        assert_eq!(update.snapshot.policies["p"].wasm.as_deref(), Some(&b"\0asm"[..]));
        assert_eq!(update.snapshot.policies.len(), 1);
        let said: Vec<&str> = update.findings.iter().map(|finding| finding.message.as_str()).collect();
        let expected = "b.yaml: ConfigMap default/p is no policy here; policies are taken from namespace egressd only";
        assert_eq!(said, [expected]);
    }

    #[test]
    fn a_deleted_file_takes_its_objects_along() {
        let mut fixture = Fixture::new();
        fixture.write("web.yaml", WEB);
        fixture.scan();
        fs::remove_file(fixture.dir.path().join("web.yaml")).unwrap();
        let update = fixture.scan();
        assert!(update.snapshot.services.is_empty());
        assert_eq!(update.keys.len(), 1);
    }

    #[test]
    fn of_two_files_that_say_the_same_object_the_first_by_name_is_used() {
        let mut fixture = Fixture::new();
        fixture.write("a.yaml", WEB);
        fixture.write("b.yaml", WEB);
        let update = fixture.scan();
        let said: Vec<&str> = update.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(said, ["b.yaml: Service default/web is in a.yaml already, which is used; remove one of the two"]);
    }

    #[test]
    fn a_service_with_the_uid_of_another_is_refused_and_takes_nothing_from_it() {
        let mut fixture = Fixture::new();
        let of = |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, uid: u-1}}\n");
        fixture.write("a.yaml", &of("web"));
        fixture.write("b.yaml", &of("evil"));
        let update = fixture.scan();
        assert_eq!(Fixture::services(&update), ["default/web"]);
        let message = "b.yaml: Service default/evil has the metadata.uid of Service default/web, which is used; give it one of its own, or none";
        assert_eq!(update.findings[0].message, message);
    }

    #[test]
    fn a_directory_that_vanishes_is_an_error_and_forgets_nothing() {
        let mut fixture = Fixture::new();
        fixture.write("web.yaml", WEB);
        fixture.scan();
        let away = fixture.dir.path().with_extension("away");
        fs::rename(fixture.dir.path(), &away).unwrap();
        assert!(fixture.directory.scan(&BTreeSet::new()).is_err());
        fs::rename(&away, fixture.dir.path()).unwrap();
        let update = fixture.scan();
        assert_eq!(Fixture::services(&update), ["default/web"]);
        assert!(update.keys.is_empty());
    }

    #[test]
    fn a_bad_object_keeps_its_own_last_good_state_and_the_rest_of_its_file_is_new() {
        let mut fixture = Fixture::new();
        fixture.write("all.yaml", &format!("{WEB}---\n{DNS}"));
        fixture.scan();
        let bad = DNS.replace("{name: dns}", "{name: dns}\nspec: {type: Loud}");
        let (new, lost) = (WEB.replace("web", "new"), "kind: Service\nmetadata: {name: web}\n");
        fixture.write("all.yaml", &format!("{new}---\n{bad}"));
        let update = fixture.scan();
        assert_eq!(Fixture::services(&update), ["default/dns", "default/new"]);
        let message = &update.findings[0].message;
        assert!(message.starts_with("all.yaml: document 2 (Service dns) cannot be read: spec.type "), "{message}");
        assert!(message.ends_with("; its last good state stays in force"), "{message}");
        // What has lost its type could be any object that was there.
        fixture.write("all.yaml", &format!("{new}---\n{lost}"));
        assert_eq!(Fixture::services(&fixture.scan()), ["default/dns", "default/new"]);
        fixture.write("all.yaml", &new);
        assert_eq!(Fixture::services(&fixture.scan()), ["default/new"]);
    }

    #[test]
    fn a_node_of_which_a_part_cannot_be_read_keeps_what_was_inside() {
        let mut fixture = Fixture::new();
        let node =
            |cidr: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: n1}}\nspec: {{podCIDRs: [{cidr}]}}\n");
        fixture.write("node.yaml", &node("10.0.1.0/24"));
        fixture.scan();
        fixture.write("node.yaml", &node("10.0.2.0/24, here"));
        let networks = |update: &Update| update.snapshot.nodes["n1"].pod_networks.clone();
        let expected = ["10.0.2.0/24", "10.0.1.0/24"].map(|network| network.parse().unwrap());
        assert_eq!(networks(&fixture.scan()), expected);
        fixture.write("node.yaml", &node("10.0.2.0/24"));
        assert_eq!(networks(&fixture.scan()), expected[..1]);
    }

    #[test]
    fn a_kustomization_beside_its_manifests_is_none() {
        let mut fixture = Fixture::new();
        fixture.write("kustomization.yaml", "resources: [web.yaml]");
        fixture.write("web.yaml", WEB);
        let update = fixture.scan();
        assert_eq!((Fixture::services(&update).len(), update.findings.len()), (1, 0));
    }

    #[test]
    fn a_files_name_forges_no_line() {
        let mut fixture = Fixture::new();
        fixture.write("a\n\u{1b}[2JFORGED.yaml", "kind: [");
        let message = &fixture.scan().findings[0].message;
        assert!(message.starts_with("a  [2JFORGED.yaml: it is not YAML: "), "{message}");
    }
}
