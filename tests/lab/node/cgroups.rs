//! Control groups for the containers of the lab's nodes: a directory for each node, in every hierarchy that there is.
//!
//! Version 1 has a hierarchy for each controller, version 2 has one for all of them. The directory's name holds the
//! number of the process that made it, so that the next lab removes what a lab has left that was killed.

use std::path::{Path, PathBuf};
use std::{fmt, fs, process};

use anyhow::{Context, Result, bail};

use crate::wait::{DEADLINE, wait_until};

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "egressd-node-test-";
/// What a kubelet of version 2 wants to give out to its pods.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];
/// Files of a `cpuset` directory that are empty at first, and must not be when a process goes there.
const CPUSET: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// The version of the kernel's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// Of this machine: only the root of version 2 has the file.
    pub(super) fn here() -> Self {
        if Path::new(ROOT).join("cgroup.controllers").exists() { Self::Two } else { Self::One }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::One => "cgroup v1",
            Self::Two => "cgroup v2",
        })
    }
}

/// The directories of one lab. Dropping it removes them, once no process is left in them.
#[derive(Debug)]
pub(super) struct Cgroups {
    name: String,
    hierarchies: Vec<PathBuf>,
}

impl Cgroups {
    /// Makes the directories for nodes of these names.
    pub(super) fn new(nodes: &[&str]) -> Result<Self> {
        let version = Version::here();
        let cgroups = Self { name: format!("{PREFIX}{}", process::id()), hierarchies: hierarchies(version)? };
        for hierarchy in &cgroups.hierarchies {
            sweep(hierarchy);
            let own = hierarchy.join(&cgroups.name);
            make(&own, version)?;
            nodes.iter().try_for_each(|node| make(&own.join(node), version))?;
        }
        Ok(cgroups)
    }

    /// The directory of a node, as its kubelet names it.
    pub(super) fn of(&self, node: &str) -> String {
        format!("/{}/{node}", self.name)
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for hierarchy in &self.hierarchies {
            let own = hierarchy.join(&self.name);
            // A process that was killed is in its group until it is gone. What stays, the next lab removes.
            wait_until("the control groups are empty", DEADLINE, || Ok(remove(&own))).ok();
        }
    }
}

/// The roots of all hierarchies.
fn hierarchies(version: Version) -> Result<Vec<PathBuf>> {
    let found = match version {
        Version::Two => vec![PathBuf::from(ROOT)],
        Version::One => fs::read_to_string("/proc/self/mountinfo")?.lines().filter_map(hierarchy).collect(),
    };
    if found.is_empty() {
        bail!("there are no control groups below {ROOT}");
    }
    Ok(found)
}

/// The mount point of a line of `mountinfo`, if it is a hierarchy. Beside version 1 there may be an empty one of version 2,
/// where runc makes directories as well.
fn hierarchy(line: &str) -> Option<PathBuf> {
    let (mount, source) = line.split_once(" - ")?;
    let point = mount.split(' ').nth(4)?;
    let kind = source.split(' ').next()?;
    (["cgroup", "cgroup2"].contains(&kind) && point.starts_with(ROOT)).then(|| PathBuf::from(point))
}

fn make(directory: &Path, version: Version) -> Result<()> {
    let parent = directory.parent().context("a control group has no parent")?;
    match version {
        Version::One => {
            fs::create_dir(directory).with_context(|| format!("cannot make {}", directory.display()))?;
            for file in CPUSET.iter().filter(|file| parent.join(file).exists()) {
                fs::write(directory.join(file), fs::read(parent.join(file))?)?;
            }
        }
        Version::Two => {
            pass_on(parent)?;
            fs::create_dir(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
    }
    Ok(())
}

/// Lets the groups below have the controllers that this one has.
fn pass_on(parent: &Path) -> Result<()> {
    let available = fs::read_to_string(parent.join("cgroup.controllers"))?;
    for controller in available.split_whitespace().filter(|name| CONTROLLERS.contains(name)) {
        // Refused where the parent is no root and has processes of its own, as in a container.
        fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"))
            .with_context(|| format!("cannot pass the controller {controller} on from {}", parent.display()))?;
    }
    Ok(())
}

/// Removes what labs have left that do not live any more.
fn sweep(hierarchy: &Path) {
    for entry in fs::read_dir(hierarchy).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(owner) = name.strip_prefix(PREFIX)
            && !Path::new("/proc").join(owner).exists()
        {
            remove(&entry.path());
        }
    }
}

/// Removes a directory and those below it; whether it is gone.
fn remove(directory: &Path) -> bool {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    fs::remove_dir(directory).is_ok() || !directory.exists()
}
