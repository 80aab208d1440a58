//! A directory in which nodes publish themselves, beside manifests: each file counts for its own node, or costs itself.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use egressd_core::model::{EgressNode, ReadState};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::{Value, json};

use super::{PlaceArgument, Places};
use crate::source::handover::Update;
use crate::state::Sources;

const HERE: &str = "here";

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        ["manifests", "published", "state"].iter().for_each(|name| fs::create_dir(dir.path().join(name)).unwrap());
        fs::write(dir.path().join("manifests/none.yaml"), "{apiVersion: v1, kind: List, items: []}").unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join("published").join(name)
    }

    /// By a rename, as nodes write there.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.at(".new"), content).unwrap();
        fs::rename(self.at(".new"), self.at(name)).unwrap();
    }

    /// As after a start.
    fn places(&self) -> Places {
        let given = vec![
            PlaceArgument::Path(self.dir.path().join("manifests")),
            PlaceArgument::Published(self.dir.path().join("published")),
        ];
        Places::new(given, HERE).remembering(&Sources::of(&self.dir.path().join("state")))
    }

    fn messages(&self, update: &Update) -> Vec<String> {
        let directory = format!("{}/", self.at("").display());
        update.findings.iter().map(|finding| finding.message.replace(&directory.replace("//", "/"), "")).collect()
    }
}

fn node(name: &str, addresses: &Value) -> String {
    let spec = json!({"version": "0.1.0", "addresses": addresses, "held": []});
    let object =
        json!({"apiVersion": "egressd.io/v1alpha1", "kind": "EgressNode", "metadata": {"name": name}, "spec": spec});
    object.to_string()
}

/// The nodes that count, each with its addresses.
fn published(update: &Update) -> Vec<String> {
    let line = |(name, node): (&String, &Arc<EgressNode>)| format!("{name} {:?}", node.addresses);
    update.snapshot.egress_nodes.by_name.iter().map(line).collect()
}

#[test]
fn a_file_counts_for_the_node_of_its_name_and_what_is_none_costs_itself() {
    let fixture = Fixture::new();
    fixture.write("a.json", node("a", &json!(["192.0.2.1"])));
    fixture.write("b.yaml", node("b", &json!(["192.0.2.2", "2001:db8::2"])));
    fixture.write("renamed.json", node("c", &json!(["192.0.2.3"])));
    fixture.write("web.yaml", "{apiVersion: v1, kind: Service, metadata: {name: web}}");
    fixture.write("two.yaml", format!("{}\n---\n{}", node("two", &json!([])), node("two", &json!([]))));
    fixture.write("other.yaml", "{apiVersion: example.com/v1, kind: Other, metadata: {name: other}}");
    fixture.write("broken.json", "{\"apiVersion\": ");
    fixture.write("large.json", " ".repeat(300 << 10));
    fixture.write("passed.txt", "over");
    symlink("a.json", fixture.at("link.json")).unwrap();
    mkfifoat(CWD, fixture.at("pipe.json"), Mode::RUSR | Mode::WUSR).unwrap();
    fs::create_dir(fixture.at("directory.json")).unwrap();
    let update = fixture.places().read().unwrap();
    assert_eq!(published(&update), ["a [192.0.2.1]", "b [192.0.2.2, 2001:db8::2]"]);
    assert!(update.snapshot.services.is_empty() && update.snapshot.egress_nodes.followed == ReadState::Yes);
    let messages = fixture.messages(&update);
    let expected = [
        "broken.json: it is not YAML: ",
        "directory.json: it is a directory, and only regular files are read: ",
        "large.json: it has more than 262144 bytes, and no EgressNode has: remove the file; ",
        "link.json: it is a symbolic link, and only regular files are read: ",
        "other.yaml: it has 0 EgressNodes, and a file of this name is about EgressNode other: write one, or remove the file; ",
        "pipe.json: it is a named pipe, and only regular files are read: ",
        "renamed.json: it has EgressNode c, and a file of this name is about EgressNode renamed: remove the file, ",
        "two.yaml: it has 2 EgressNodes, and a file of this name is about EgressNode two: write one, ",
        "web.yaml: it has Service default/web, and a file of this name is about EgressNode web: remove the file, ",
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    messages.iter().zip(expected).for_each(|(message, begin)| assert!(message.starts_with(begin), "{message}"));
}

/// But for this node's own file, which is written again.
#[test]
fn what_a_node_published_stays_while_its_file_cannot_be_read_over_a_restart_too() {
    let fixture = Fixture::new();
    ["a", HERE].iter().for_each(|name| fixture.write(&format!("{name}.json"), node(name, &json!(["192.0.2.1"]))));
    let mut places = fixture.places();
    assert_eq!(published(&places.read().unwrap()), ["a [192.0.2.1]", "here [192.0.2.1]"]);
    while places.remember() {}
    ["a", HERE].iter().for_each(|name| fixture.write(&format!("{name}.json"), "{"));
    assert_eq!(published(&places.scan(&BTreeSet::new())), ["a [192.0.2.1]"]);
    let mut places = fixture.places();
    assert_eq!(published(&places.read().unwrap()), ["a [192.0.2.1]"]);
    fs::remove_file(fixture.at("a.json")).unwrap();
    fixture.write("here.json", node(HERE, &json!(["192.0.2.9", "no address"])));
    assert!(published(&places.scan(&BTreeSet::new())).is_empty());
    fixture.write("here.json", node(HERE, &json!(["192.0.2.9"])));
    let update = places.scan(&BTreeSet::new());
    assert_eq!((published(&update), update.findings.len()), (vec!["here [192.0.2.9]".to_owned()], 0));
}

/// Where nodes publish themselves, none may be there: after the machine began anew, say.
#[test]
fn an_empty_directory_says_that_no_node_is_there_and_a_missing_one_is_an_error() {
    let fixture = Fixture::new();
    fixture.write("a.json", node("a", &json!(["192.0.2.1"])));
    let mut places = fixture.places();
    places.read().unwrap();
    while places.remember() {}
    fs::remove_file(fixture.at("a.json")).unwrap();
    let update = fixture.places().read().unwrap();
    assert_eq!((published(&update), update.findings.len()), (vec![], 0));
    fs::remove_dir(fixture.at("")).unwrap();
    let error = fixture.places().read().unwrap_err().to_string();
    assert!(error.starts_with("cannot read --publish-dir ") && error.contains("published"), "{error}");
    assert_eq!(places.scan(&BTreeSet::new()).findings[0].code, "manifests-unreachable");
}
