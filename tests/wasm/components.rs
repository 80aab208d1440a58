//! The components of this tree's policies that are not in the binary.

use std::path::Path;
use std::sync::Mutex;

use crate::guest;

/// One at a time: cargo would wait for itself anyway.
static CARGO: Mutex<()> = Mutex::new(());

/// Compiles a package of the workspace, or finds that nothing of it has changed.
pub(crate) fn component(package: &str) -> Vec<u8> {
    let _one = CARGO.lock().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    guest::component(&root, package, &target_directory).unwrap()
}
