//! The leftovers of a lab whose process was killed: empty control groups, and a directory. Their names hold the number
//! of the process, and the next lab removes them.

use std::fs;
use std::path::{Path, PathBuf};

/// What everything of a lab is called; the number of its process follows.
pub(super) const PREFIX: &str = "egressd-node-test-";

/// The entries of a directory that belong to labs that have ended.
pub(super) fn in_directory(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let dead = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        owner.is_some_and(|owner| !Path::new("/proc").join(owner.to_string()).exists())
    });
    dead.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_of_ended_egressds_are_found() -> std::io::Result<()> {
        // No process has a number as large as this.
        let dead = format!("{PREFIX}4294967295");
        let directory = tempfile::tempdir()?;
        let names = [dead.clone(), format!("{dead}-x"), format!("{PREFIX}{}", std::process::id()), "others".to_owned()];
        names.iter().try_for_each(|name| fs::create_dir(directory.path().join(name)))?;
        let mut found = in_directory(directory.path());
        found.sort();
        assert_eq!(found, [directory.path().join(&dead), directory.path().join(format!("{dead}-x"))]);
        Ok(())
    }
}
