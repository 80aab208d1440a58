#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::plan::Step;
use super::*;
use crate::cni::{OnFailure, PLUGIN_NAME};

const CONFIG: &str = "10-pods.conflist";

/// A node's directories, with a network of one plugin.
struct Node {
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        let node = Self { dir: tempfile::tempdir().unwrap() };
        [node.places().plugins, node.places().configs].iter().for_each(|path| fs::create_dir(path).unwrap());
        fs::write(node.places().plugins.join("bridge"), "program").unwrap();
        fs::write(node.places().source, "egressd".repeat(40_000)).unwrap();
        node.write(CONFIG, &network().to_string())
    }

    fn places(&self) -> Places {
        let at = |name: &str| self.dir.path().join(name);
        Places { source: at("egressd"), plugins: at("bin"), configs: at("net.d") }
    }

    fn config(&self, name: &str) -> PathBuf {
        self.places().configs.join(name)
    }

    fn program(&self) -> PathBuf {
        self.places().plugins.join(PLUGIN_NAME)
    }

    fn has_whole_program(&self) -> bool {
        let mode = fs::metadata(self.program()).unwrap().permissions().mode();
        mode & 0o7777 == 0o755 && fs::read(self.program()).unwrap() == fs::read(self.places().source).unwrap()
    }

    fn write(self, name: &str, text: &str) -> Self {
        fs::write(self.config(name), text).unwrap();
        self
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.config(name)).unwrap()
    }

    fn job(&self, goal: Goal) -> Job {
        Job { places: self.places(), goal }
    }

    fn install(&self) -> Report {
        self.job(installed()).carry_out()
    }

    fn remove(&self) -> Report {
        self.job(removed()).carry_out()
    }

    fn types(&self, name: &str) -> Vec<String> {
        let config: Value = serde_json::from_str(&self.text(name)).unwrap();
        let plugins = config["plugins"].as_array().unwrap();
        plugins.iter().map(|plugin| plugin["type"].as_str().unwrap().to_owned()).collect()
    }

    /// What a runtime needs: the first configuration can be read, and every plugin that it names can be run.
    fn expect_working(&self, when: &str) {
        let mut names = names(&self.places().configs);
        names.retain(|name| plan::is_config(name));
        for plugin in self.types(&names[0]) {
            assert!(self.places().plugins.join(&plugin).is_file(), "{when}: {plugin} is missing");
            assert!(plugin != PLUGIN_NAME || self.has_whole_program(), "{when}: the plugin is cut off");
        }
    }
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn network() -> Value {
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge"}]})
}

fn installed() -> Goal {
    Goal::Chained(Entry { wait: Duration::from_secs(2), on_failure: OnFailure::Open, socket: None })
}

fn removed() -> Goal {
    Goal::Unchained(ProgramFile::Goes)
}

#[test]
fn the_plugin_is_put_beside_others_and_chained_and_a_second_time_nothing_happens() {
    let node = Node::new();
    fs::set_permissions(node.config(CONFIG), Permissions::from_mode(0o640)).unwrap();
    let report = node.install();
    assert_eq!((report.problems, report.done.len()), (vec![], 4));
    assert_eq!(node.types(CONFIG), ["bridge", PLUGIN_NAME]);
    assert_eq!(fs::metadata(node.config(CONFIG)).unwrap().permissions().mode() & 0o7777, 0o640);
    node.expect_working("after installing");
    assert_eq!(node.install(), Report::default());
}

#[test]
fn removing_leaves_what_was_before_byte_by_byte_and_a_second_time_nothing_happens() {
    let node = Node::new();
    node.install();
    assert_eq!(node.remove().problems, Vec::<String>::new());
    assert_eq!(node.text(CONFIG), network().to_string());
    assert_eq!(
        (names(&node.places().plugins), names(&node.places().configs)),
        (vec!["bridge".to_owned()], vec![CONFIG.to_owned()])
    );
    assert_eq!(node.remove(), Report::default());
}

#[test]
fn a_crash_after_any_step_and_within_it_leaves_a_network_that_works() {
    for (before, goal) in [(removed(), installed()), (installed(), removed())] {
        for crash in 0..8 {
            let node = Node::new();
            node.job(before.clone()).carry_out();
            let steps = node.job(goal.clone()).plan().unwrap().steps;
            for step in steps.iter().take(crash) {
                disk::carry_out(step).unwrap();
                node.expect_working(&format!("after {step}"));
            }
            if let Some(step) = steps.get(crash) {
                cut_off(step);
                node.expect_working(&format!("within {step}"));
            }
            assert_eq!(node.job(goal.clone()).carry_out().problems, Vec::<String>::new());
            node.expect_working("after the next process");
            assert_eq!(node.job(goal.clone()).show(), Report::default());
            let left = [names(&node.places().plugins), names(&node.places().configs)].concat();
            assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
        }
    }
}

/// A step that has begun: half of a file is there. A rename and a deletion are one call.
fn cut_off(step: &Step) {
    match step {
        Step::CopyProgram { to, .. } | Step::WriteConfig { to, .. } => {
            disk::carry_out(step).unwrap();
            let half = fs::metadata(to).unwrap().len() / 2;
            fs::OpenOptions::new().write(true).open(to).unwrap().set_len(half).unwrap();
        }
        Step::Rename { .. } | Step::Delete { .. } => {}
    }
}

#[test]
fn the_configuration_that_is_first_by_its_name_is_the_one_in_use() {
    let node = Node::new().write("20-other.conflist", &network().to_string()).write("05-notes.txt", "x");
    node.install();
    assert_eq!((node.types(CONFIG).len(), node.types("20-other.conflist").len()), (2, 1));
    // And it is taken out wherever it is.
    let node = node.write("05-new.conflist", &network().to_string());
    node.install();
    assert_eq!(node.types("05-new.conflist").len(), 2);
    node.remove();
    assert_eq!((node.types(CONFIG).len(), node.types("05-new.conflist").len()), (1, 1));
}

#[test]
fn a_configuration_that_cannot_be_chained_into_is_left_with_one_sentence() {
    for (name, text, sentence) in [
        ("00.conf", r#"{"cniVersion":"1.0.0","type":"bridge"}"#, "it has a single plugin: write it as a .conflist"),
        ("00.conflist", "{", "it is no JSON object"),
        ("00.conflist", "\u{0}", "it is binary"),
        ("00.conflist", r#"{"cniVersion":"9.0.0","plugins":[{"type":"bridge"}]}"#, "it is of CNI version \"9.0.0\""),
    ] {
        let node = Node::new().write(name, text);
        let report = node.install();
        assert_eq!(report.problems.len(), 1, "{report:?}");
        let start = format!("cannot chain egressd-cni into {}: {sentence}", node.config(name).display());
        assert!(report.problems[0].starts_with(&start), "{}", report.problems[0]);
        assert_eq!((node.text(name).as_str(), node.types(CONFIG).len()), (text, 1));
    }
    let node = Node::new();
    fs::remove_file(node.config(CONFIG)).unwrap();
    assert!(node.install().problems[0].starts_with("no network configuration is in "));
}

#[test]
fn the_program_stays_while_a_configuration_may_name_it() {
    let node = Node::new();
    node.install();
    let node = node.write("99-broken.conflist", "{egressd-cni");
    let report = node.remove();
    assert!(report.problems[0].starts_with("cannot take egressd-cni out of "), "{report:?}");
    assert!(node.program().is_file() && node.types(CONFIG).len() == 1);
    let node = node.write("99-broken.conflist", "{");
    assert_eq!(node.remove().problems, Vec::<String>::new());
    assert!(!node.program().exists());
}

#[test]
fn the_program_can_stay_for_pods_that_were_made_with_it() {
    let node = Node::new();
    node.install();
    assert_eq!(node.job(Goal::Unchained(ProgramFile::Stays)).carry_out().problems, Vec::<String>::new());
    assert!(node.types(CONFIG).len() == 1 && node.has_whole_program());
}

#[test]
fn what_another_program_writes_meanwhile_is_not_lost() {
    let node = Node::new();
    let steps = node.job(installed()).plan().unwrap().steps;
    let newer = json!({"cniVersion": "1.0.0", "name": "newer", "plugins": [{"type": "bridge"}]}).to_string();
    let node = node.write(CONFIG, &newer);
    let failed = steps.iter().find_map(|step| disk::carry_out(step).err()).unwrap();
    assert!(failed.to_string().ends_with("another program has just written it"), "{failed}");
    assert_eq!(node.text(CONFIG), newer);
    node.install();
    assert!(node.text(CONFIG).contains("newer") && node.types(CONFIG).len() == 2);
}

#[test]
fn a_plugin_of_another_release_is_replaced() {
    let node = Node::new();
    fs::write(node.program(), "older").unwrap();
    node.install();
    assert!(node.has_whole_program());
}

#[tokio::test(start_paused = true)]
async fn what_stays_chains_again_and_leaves_everything_when_it_is_stopped() {
    let node = Node::new();
    let job = node.job(installed());
    let reports = std::cell::RefCell::new(Vec::new());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        fs::write(node.config(CONFIG), network().to_string()).unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    stay(&job, stop, |report| reports.borrow_mut().push(report.clone())).await;
    let done: Vec<usize> = reports.borrow().iter().map(|report| report.done.len()).collect();
    assert_eq!((done, node.types(CONFIG).len()), (vec![4, 2], 2));
}
