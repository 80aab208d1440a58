//! The memory limits of the cgroups that this process is in, v1 or v2, from their files. What cannot be read limits
//! nothing: outside containers there may be no such files.

use std::fs;
use std::path::{Path, PathBuf};

use super::memory_budget::Level;

/// The levels that have a limit, from this process's own cgroup up to the outermost that can be seen here.
pub(super) fn levels() -> Vec<Level> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let Some(place) = CgroupPath::find(&read("mountinfo"), &read("cgroup")) else { return Vec::new() };
    place.levels()
}

/// Where the cgroup of a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CgroupPath {
    files: &'static Files,
    /// Where the hierarchy is mounted: no cgroup above it can be seen.
    top: PathBuf,
    /// The process's own cgroup.
    own: PathBuf,
}

/// How a version of cgroups calls its files.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    limit: &'static str,
    current: &'static str,
    /// Lines of `memory.stat` about what the kernel can take back: copies of files.
    reclaimable: [&'static str; 2],
}

static V1: Files = Files {
    limit: "memory.limit_in_bytes",
    current: "memory.usage_in_bytes",
    reclaimable: ["total_inactive_file", "total_active_file"],
};

static V2: Files =
    Files { limit: "memory.max", current: "memory.current", reclaimable: ["inactive_file", "active_file"] };

/// In v1 no limit is the largest number of whole pages.
const UNLIMITED: u64 = 1 << 60;

impl CgroupPath {
    /// From `/proc/self/mountinfo` and `/proc/self/cgroup`. A machine with both versions has memory in the first.
    fn find(mounts: &str, cgroups: &str) -> Option<Self> {
        let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::read).collect();
        let v1 = mounts.iter().find(|mount| mount.kind == "cgroup" && mount.options.split(',').any(|o| o == "memory"));
        let v2 = || mounts.iter().find(|mount| mount.kind == "cgroup2");
        let (files, mount) = v1.map(|mount| (&V1, mount)).or_else(|| Some((&V2, v2()?)))?;
        let mut lines = cgroups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let controller = if *files == V1 { "memory" } else { "" };
        let (_, path) = lines.find(|(controllers, _)| controllers.split(',').any(|one| one == controller))?;
        // In a container the mount begins at its own cgroup; a path that is not below it names the same one from afar.
        let below = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
        let top = PathBuf::from(mount.at);
        Some(Self { files, own: top.join(below), top })
    }

    fn levels(&self) -> Vec<Level> {
        let visible = self.own.ancestors().take_while(|level| level.starts_with(&self.top));
        visible.filter_map(|level| self.files.level(level)).collect()
    }
}

impl Files {
    /// The numbers of a cgroup; none when it has no limit.
    fn level(&self, cgroup: &Path) -> Option<Level> {
        let read = |name: &str| fs::read_to_string(cgroup.join(name)).ok();
        let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
        let limit = number(self.limit).filter(|limit| *limit < UNLIMITED)?;
        let stat = read("memory.stat").unwrap_or_default();
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let reclaimable = lines.filter(|(name, _)| self.reclaimable.contains(name));
        let reclaimable: u64 = reclaimable.filter_map(|(_, bytes)| bytes.parse::<u64>().ok()).sum();
        Some(Level { limit, used: number(self.current)?.saturating_sub(reclaimable) })
    }
}

/// A line of `mountinfo`: `36 25 0:30 ROOT AT OPTIONS... - KIND SOURCE OPTIONS`.
#[derive(Clone, Copy, Debug)]
struct Mount<'a> {
    root: &'a str,
    at: &'a str,
    kind: &'a str,
    /// Of the file system: a hierarchy of v1 has its controllers among them.
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        Some(Self { root: before.next()?, at: before.next()?, kind: after.next()?, options: after.nth(1)? })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const V1_MOUNT: &str = "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        35 30 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        41 30 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    fn found(mounts: &str, cgroups: &str) -> Option<(bool, String, String)> {
        let CgroupPath { files, top, own } = CgroupPath::find(mounts, cgroups)?;
        Some((*files == V2, top.display().to_string(), own.display().to_string()))
    }

    fn place(v2: bool, top: &str, own: &str) -> Option<(bool, String, String)> {
        Some((v2, top.to_owned(), own.to_owned()))
    }

    #[test]
    fn a_process_finds_its_own_cgroup_in_either_version() {
        let mount = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = "/sys/fs/cgroup/system.slice/egressd.service";
        assert_eq!(found(mount, "0::/system.slice/egressd.service\n"), place(true, "/sys/fs/cgroup", own));
        let lines = "8:pids:/\n4:cpu,memory:/a/b\n0::/c\n";
        assert_eq!(found(V1_MOUNT, lines), place(false, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/a/b"));
    }

    #[test]
    fn in_a_container_the_mount_is_the_cgroup() {
        let own = place(true, "/sys/fs/cgroup", "/sys/fs/cgroup/");
        let namespaced = "29 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(found(namespaced, "0::/\n"), own);
        let bound = "29 23 0:26 /kubepods/pod1/c1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(found(bound, "0::/kubepods/pod1/c1\n"), own);
        assert_eq!(found(bound, "0::/../c1\n"), own, "another cgroup namespace");
    }

    #[test]
    fn without_cgroups_there_is_no_place() {
        assert_eq!(found("", "0::/\n"), None);
        assert_eq!(found(V1_MOUNT, "1:cpu:/\n"), None);
    }

    fn write(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
    }

    #[test]
    fn every_visible_level_with_a_limit_counts_without_what_the_kernel_can_take_back() {
        let directory = tempfile::tempdir().unwrap();
        let (top, own) = (directory.path().to_owned(), directory.path().join("pod/container"));
        let v2 = [
            ("memory.max", "1000\n"),
            ("memory.current", "700\n"),
            ("memory.stat", "anon 1\nactive_file 200\ninactive_file 100\n"),
        ];
        write(&own, &v2);
        write(&top.join("pod"), &[("memory.max", "max\n"), ("memory.current", "700\n")]);
        write(&top, &[("memory.max", "5000\n"), ("memory.current", "4000\n")]);
        let levels = CgroupPath { files: &V2, top, own }.levels();
        assert_eq!(levels, [Level { limit: 1000, used: 400 }, Level { limit: 5000, used: 4000 }]);
    }

    #[test]
    fn the_first_version_counts_whole_subtrees_and_has_a_number_for_no_limit() {
        let directory = tempfile::tempdir().unwrap();
        let (top, own) = (directory.path().to_owned(), directory.path().join("container"));
        let stat = "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 50\n";
        write(&own, &[("memory.limit_in_bytes", "1000\n"), ("memory.usage_in_bytes", "700\n"), ("memory.stat", stat)]);
        write(&top, &[("memory.limit_in_bytes", "9223372036854771712\n"), ("memory.usage_in_bytes", "900\n")]);
        assert_eq!(CgroupPath { files: &V1, top, own }.levels(), [Level { limit: 1000, used: 550 }]);
    }
}
