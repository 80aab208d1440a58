//! The policies of this tree under `policy test`: their cases, which also run natively beside their code, give
//! the same results with their components.

use std::fs;
use std::path::Path;

use crate::tool::policy;

#[path = "../../host/build/guest.rs"]
mod guest;

const POLICIES: [&str; 4] = ["address-pool", "namespace-defaults", "port-allowlist", "private-guard"];

#[test]
fn cases_give_the_same_results_with_components_and_native_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let directory = tempfile::tempdir().unwrap();
    for name in POLICIES {
        let component = guest::component(&root, &format!("egressd-policy-{name}"), &target_directory).unwrap();
        let file = directory.path().join(name);
        fs::write(&file, component).unwrap();
        let cases = root.join("policies").join(name);
        let printed = policy(&["test", &cases.to_string_lossy(), "--component", &file.to_string_lossy()]).success();
        assert!(printed.lines().count() > 3, "{printed}");
    }
}
