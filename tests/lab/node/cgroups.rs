//! Control groups for the containers of the lab's nodes: a directory for each node, in every hierarchy that there is.
//!
//! Version 1 has a hierarchy for each controller, version 2 has one for all of them. Version 2 is written after the
//! kernel's documentation and has not been tried: the machine where this was made has version 1.

use std::path::{Path, PathBuf};
use std::{fmt, fs, process};

use anyhow::{Context, Result, bail};

use super::leftovers::{self, PREFIX};
use crate::wait::{DEADLINE, wait_until};

const ROOT: &str = "/sys/fs/cgroup";
/// What a kubelet of version 2 wants to give out to its pods.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];
/// Files of a `cpuset` directory that are empty at first, and must not be when a process goes there.
const CPUSET: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// The version of the kernel's cgroup interface.
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
            for left in leftovers::in_directory(hierarchy) {
                remove(&left);
            }
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

/// The mount point of a line of `mountinfo`, if it is a hierarchy. Beside version 1 there may be an empty one of
/// version 2, where runc makes directories as well.
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

/// Removes a directory and those below it; whether it is gone.
fn remove(directory: &Path) -> bool {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    fs::remove_dir(directory).is_ok() || !directory.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_where_they_are_mounted() {
        let line = |kind| format!("31 24 0:27 / {ROOT}/memory rw,nosuid shared:9 - {kind} {kind} rw,memory");
        let found = ["cgroup", "cgroup2", "tmpfs"].map(|kind| hierarchy(&line(kind)));
        let memory = Path::new(ROOT).join("memory");
        assert_eq!(found, [Some(memory.clone()), Some(memory), None]);
    }

    #[test]
    fn a_group_of_version_2_is_made_after_its_parent_has_passed_the_controllers_on() -> Result<()> {
        let parent = tempfile::tempdir()?;
        fs::write(parent.path().join("cgroup.controllers"), "cpu misc pids\n")?;
        make(&parent.path().join("own"), Version::Two)?;
        // A file keeps what was written last; the kernel adds each to those before.
        assert_eq!(fs::read_to_string(parent.path().join("cgroup.subtree_control"))?, "+pids");
        assert!(remove(&parent.path().join("own")), "it is empty");
        Ok(())
    }

    #[test]
    fn a_group_of_version_1_has_the_processors_of_its_parent() -> Result<()> {
        let parent = tempfile::tempdir()?;
        CPUSET.iter().try_for_each(|file| fs::write(parent.path().join(file), "0-1\n"))?;
        make(&parent.path().join("own"), Version::One)?;
        assert_eq!(fs::read_to_string(parent.path().join("own/cpuset.cpus"))?, "0-1\n");
        Ok(())
    }
}
