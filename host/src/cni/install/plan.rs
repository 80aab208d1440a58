//! What leads from what is found on a node to what it is to have, as steps. After each of them, and where one is cut off,
//! the node's network works: a configuration never names a plugin that is not there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::chain::{self, Entry};
use crate::cni::PLUGIN_NAME;

/// The program that is to be the plugin, and the directories of a node that its container runtime reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What is copied.
    pub source: PathBuf,
    /// Of plugins.
    pub plugins: PathBuf,
    /// Of network configurations.
    pub configs: PathBuf,
}

/// What a node is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The plugin, in the chain of the configuration that is in use.
    Chained(Entry),
    /// No configuration that names the plugin.
    Unchained(ProgramFile),
}

/// What happens to the plugin's file when no configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramFile {
    Goes,
    /// For runtimes that delete a pod's network with the configuration that it was made with.
    Stays,
}

/// The plugin's file, as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Missing,
    /// It is this program.
    Current,
    /// It is of another release, or cut off.
    Other,
}

/// What is found on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) program: Program,
    /// Configurations by the names of their files, or why one cannot be read.
    pub(super) configs: BTreeMap<String, Result<String, String>>,
    /// Files that an earlier process has begun.
    pub(super) unfinished: Vec<PathBuf>,
}

/// One change of the node's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    CopyProgram {
        from: PathBuf,
        to: PathBuf,
    },
    WriteConfig {
        to: PathBuf,
        text: String,
        like: PathBuf,
    },
    /// Takes the place of another file at once.
    Rename {
        from: PathBuf,
        to: PathBuf,
        expected: Expected,
    },
    Delete {
        path: PathBuf,
    },
}

/// What has to be in a place before it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Anything,
    /// Otherwise its owner has written it meanwhile, and that would be lost.
    Text(String),
}

/// Steps, and what stands in the way of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// A sentence each.
    pub(super) problems: Vec<String>,
}

impl Places {
    /// Of this process: it is the program that the plugin is.
    pub fn new(plugins: PathBuf, configs: PathBuf) -> Self {
        Self { source: PathBuf::from("/proc/self/exe"), plugins, configs }
    }

    pub(super) fn program(&self) -> PathBuf {
        self.plugins.join(PLUGIN_NAME)
    }

    /// Hidden, and with a name that no runtime takes for a configuration.
    fn beside(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}{UNFINISHED}"))
    }
}

/// How the names of files end that are not whole yet.
pub(super) const UNFINISHED: &str = ".egressd-new";

/// How a configuration that has a list of plugins is called.
const LIST: &str = ".conflist";

/// How configurations are called. Runtimes take the first of them by name.
pub(super) fn is_config(name: &str) -> bool {
    [LIST, ".conf", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// The way to a goal.
pub(super) fn plan(found: &Found, goal: &Goal, places: &Places) -> Plan {
    let steps = found.unfinished.iter().map(|path| Step::Delete { path: path.clone() }).collect();
    let plan = Plan { steps, problems: Vec::new() };
    match goal {
        Goal::Chained(entry) => plan.install(found, entry, places),
        Goal::Unchained(program) => plan.remove(found, *program, places),
    }
}

impl Plan {
    /// The program first: a configuration that names it works then.
    fn install(mut self, found: &Found, entry: &Entry, places: &Places) -> Self {
        if found.program != Program::Current {
            let to = Places::beside(&places.program());
            self.steps.push(Step::CopyProgram { from: places.source.clone(), to: to.clone() });
            self.steps.push(Step::Rename { from: to, to: places.program(), expected: Expected::Anything });
        }
        let Some((name, text)) = found.configs.first_key_value() else {
            let directory = places.configs.display();
            self.problems.push(format!("no network configuration is in {directory}: install the cluster's network"));
            return self;
        };
        let path = places.configs.join(name);
        match text.clone().and_then(|text| Ok((with_entry(name, &text, entry)?, text))) {
            Ok((Some(changed), text)) => self.change(&path, text, changed),
            Ok((None, _)) => {}
            Err(why) => self.problems.push(format!("cannot chain {PLUGIN_NAME} into {}: {why}", path.display())),
        }
        self
    }

    /// The program last, and only if no configuration can name it.
    fn remove(mut self, found: &Found, program: ProgramFile, places: &Places) -> Self {
        for (name, text) in &found.configs {
            let path = places.configs.join(name);
            match text.clone().and_then(|text| Ok((without_entry(&text)?, text))) {
                Ok((Some(changed), text)) => self.change(&path, text, changed),
                Ok((None, _)) => {}
                Err(why) => self.problems.push(format!("cannot take {PLUGIN_NAME} out of {}: {why}", path.display())),
            }
        }
        if program == ProgramFile::Goes && found.program != Program::Missing && self.problems.is_empty() {
            self.steps.push(Step::Delete { path: places.program() });
        }
        self
    }

    fn change(&mut self, path: &Path, before: String, text: String) {
        let beside = Places::beside(path);
        self.steps.push(Step::WriteConfig { to: beside.clone(), text, like: path.to_owned() });
        self.steps.push(Step::Rename { from: beside, to: path.to_owned(), expected: Expected::Text(before) });
    }
}

fn with_entry(name: &str, text: &str, entry: &Entry) -> Result<Option<String>, String> {
    if !name.ends_with(LIST) {
        return Err("it has a single plugin: write it as a .conflist, which has a list of them".to_owned());
    }
    chain::chained(text, entry).map_err(|unusable| unusable.to_string())
}

fn without_entry(text: &str) -> Result<Option<String>, String> {
    match chain::unchained(text) {
        Err(unusable) if chain::may_be_in(text) => Err(unusable.to_string()),
        Err(_) => Ok(None),
        Ok(changed) => Ok(changed),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyProgram { from, to } => write!(f, "copy {} to {}", from.display(), to.display()),
            Self::WriteConfig { to, like, .. } => write!(f, "write {}, from {}", to.display(), like.display()),
            Self::Rename { from, to, .. } => write!(f, "rename {} to {}", from.display(), to.display()),
            Self::Delete { path } => write!(f, "remove {}", path.display()),
        }
    }
}
