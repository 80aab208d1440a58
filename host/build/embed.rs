//! What the binary carries for authors of policies: the SDK and the contract as they are in this tree.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Folders and files of this tree. `policy-sdk` looks for `wit` beside itself, wherever both are.
const CARRIED: [&str; 6] = ["policy-sdk", "wit", "Cargo.toml", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"];

/// Rust code with a list of the files below `root`: their paths and contents.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn code(root: &Path) -> io::Result<String> {
    let root = root.canonicalize()?;
    let mut files = Vec::new();
    for carried in CARRIED {
        gather(&root.join(carried), &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?;
        // Writing into memory does not fail.
        let _ =
            writeln!(code, "    ({:?}, include_str!({:?})),", name.display().to_string(), file.display().to_string());
    }
    Ok(code + "]\n")
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        // What editors and cargo leave behind.
        if name != "target" && !name.to_string_lossy().starts_with('.') {
            gather(&entry.path(), files)?;
        }
    }
    Ok(())
}
