//! What cannot be read of manifests, and could say where pods live.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;

use egressd_core::model::{ChangeKey, Completeness, Snapshot};

use super::{FileId, Places};
use crate::source::handover::Update;

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\nspec: {podCIDRs: [10.0.0.0/24]}\n";
const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";

/// What a directory with these files says when it is read for the first time.
fn first_look(files: &[(&str, &str)]) -> (tempfile::TempDir, Places, Update) {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
    let mut places = Places::one(dir.path(), "node-a");
    let update = places.scan(&BTreeSet::new());
    (dir, places, update)
}

fn in_doubt(snapshot: &Snapshot) -> Vec<&str> {
    let partial = snapshot.cluster_networks.iter().filter(|(_, one)| one.completeness == Completeness::Partial);
    partial.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_file_that_names_a_node_and_was_never_read_is_in_doubt() {
    let broken = [
        "apiVersion: v1\nkind: Node\nmetadata: {name: node-b}\nspec: {podCIDRs: [10.42.9.0/24",
        "apiVersion: v1\nkind: node\nmetadata: {name: node-b}\n",
        "apiVersion: v1\nkind: Node\nmetadata: {nmae: node-b}\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"Node\", ",
    ];
    for text in broken {
        for others in [&[][..], &[("node.yaml", NODE)]] {
            let files = [&[("b.yaml", text), ("web.yaml", WEB)], others].concat();
            let (_dir, _places, update) = first_look(&files);
            assert_eq!(in_doubt(&update.snapshot).len(), 1, "{text}");
            assert!(update.keys.contains(&ChangeKey::Cluster));
        }
    }
}

#[test]
fn a_file_that_names_none_is_no_doubt_and_one_without_a_text_only_where_no_node_is_known() {
    let (_dir, _places, update) = first_look(&[("web.yaml", "kind: Service\nmetadata: [")]);
    assert_eq!(in_doubt(&update.snapshot), [""; 0]);
    let (_dir, _places, update) = first_look(&[("nodes.yaml", "")]);
    assert_eq!(in_doubt(&update.snapshot), ["manifest nodes.yaml"]);
    let (_dir, _places, update) = first_look(&[("more.yaml", ""), ("node.yaml", NODE)]);
    assert_eq!(in_doubt(&update.snapshot), [""; 0]);
}

#[test]
fn a_doubt_is_over_when_the_file_can_be_read_and_what_was_read_once_gives_none() {
    let (dir, mut places, update) = first_look(&[("node.yaml", "kind: Node\nspec: [")]);
    assert_eq!(in_doubt(&update.snapshot), ["manifest node.yaml"]);
    for (text, expected) in [(NODE, 0), ("kind: Node\nspec: [", 0)] {
        fs::write(dir.path().join("node.yaml"), text).unwrap();
        let touched = FileId { place: 0, name: "node.yaml".to_owned() };
        let update = places.scan(&[touched].into());
        assert_eq!(in_doubt(&update.snapshot).len(), expected, "{text}");
    }
}

#[test]
fn of_two_nodes_of_one_name_both_say_what_is_inside() {
    let other = NODE.replace("10.0.0.0/24", "10.42.9.0/24");
    let (_dir, _places, update) = first_look(&[("a.yaml", NODE), ("b.yaml", &other)]);
    let facts = egressd_core::model::ClusterFacts::detected(&update.snapshot);
    assert!(facts.is_excluded([10, 42, 9, 9].into()) && facts.is_excluded([10, 0, 0, 9].into()));
    assert_eq!(facts.doubt(egressd_core::net::Family::Ipv4), None);
}

/// A fresh disk has `lost+found`, a clone has `.git`; neither is a manifest that someone deleted all others for.
#[test]
fn another_directory_without_a_manifest_takes_nothing_away_whatever_else_is_in_it() {
    let (dir, mut places, _) = first_look(&[("web.yaml", WEB)]);
    let away = dir.path().with_extension("away");
    fs::rename(dir.path(), &away).unwrap();
    fs::create_dir(dir.path()).unwrap();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    fs::write(dir.path().join(".gitkeep"), "").unwrap();
    let update = places.scan(&BTreeSet::new());
    assert_eq!(
        (update.snapshot.services.len(), update.findings.first().unwrap().code.as_str()),
        (1, "manifests-unreachable")
    );
    fs::remove_dir_all(&away).unwrap();
}
