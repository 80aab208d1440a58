//! A policy whose compiler was killed by the node is compiled again: one kill does not lose a guard.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use egressd::metrics::Metrics;
use egressd::policies::{Library, Loaded, Objects, PolicyState, Sandbox, Step};
use egressd::wasm::Compiler;
use egressd_core::model::{AnnotationPrefix, PolicyObject};

use crate::hostile;

/// A compiler that does this to itself the first time, and is egressd's from then on.
fn compiler(directory: &Path, first: &str) -> Compiler {
    let (program, once) = (directory.join("compiler"), directory.join("once"));
    let (once, egressd) = (once.display(), env!("CARGO_BIN_EXE_egressd"));
    let text = format!("#!/bin/sh\nif [ ! -e {once} ]; then : > {once}; {first}; fi\nexec {egressd} \"$@\"\n");
    lab::script(&program, &text).unwrap();
    Compiler::Child(program)
}

fn guard() -> Arc<PolicyObject> {
    let annotations = [("egressd.io/order".to_owned(), "10".to_owned())].into();
    let wasm = Some(hostile::component().into());
    Arc::new(PolicyObject { name: "guard".to_owned(), annotations, wasm, ..PolicyObject::default() })
}

/// The state of the guard, and the reason.
fn state(loaded: &Loaded) -> (PolicyState, String) {
    let report = loaded.reports.iter().find(|report| report.name == "guard").unwrap();
    (report.state, report.trouble.clone().unwrap_or_default())
}

#[test]
fn a_policy_whose_compiler_was_killed_or_aborted_or_timed_out_is_compiled_again_later() {
    for (first, reason) in [
        ("kill -KILL $$", "ended by the kernel with signal 9"),
        ("kill -ABRT $$", "the compiler panicked"),
        ("kill -XCPU $$", "of CPU time"),
        ("echo memory allocation of 7 bytes failed >&2; kill -ABRT $$", "memory"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::compiling(compiler(directory.path(), first)).unwrap();
        let mut library = Library::new(sandbox, AnnotationPrefix::default(), Metrics::default(), Objects::new());
        let (refused, trouble) = state(&library.update([guard()]));
        assert_eq!(refused, PolicyState::Refused, "{first}");
        assert!(trouble.contains(reason), "{trouble}");
        assert!(library.update([guard()]).chain.is_none(), "its pause is not over, so nothing changed");
        thread::sleep(library.next_try().unwrap());
        let loaded = library.update([guard()]);
        assert_eq!(state(&loaded), (PolicyState::Enforced, String::new()), "{first}");
        assert_eq!(loaded.chain.unwrap().members().len(), 2);
        assert_eq!(library.next_try(), None);
    }
}

/// A library that remembers the guard, and whose first compiler is killed.
fn killed_at_first(directory: &Path) -> Library {
    let sandbox = Sandbox::compiling(compiler(directory, "kill -KILL $$")).unwrap();
    let remembered = Objects::from([("guard".to_owned(), guard())]);
    Library::new(sandbox, AnnotationPrefix::default(), Metrics::default(), remembered)
}

#[test]
fn a_policy_in_force_before_the_start_is_kept_when_its_compiler_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut library = killed_at_first(directory.path());
    // The newest is bad, so the remembered one is all there is.
    let bad = PolicyObject { wasm: Some([7].into()), ..(*guard()).clone() };
    library.want([Arc::new(bad)]);
    while library.step() == Step::Done {
        assert_eq!(library.loaded().valid.get("guard"), Some(&guard()), "it stays in the state directory");
    }
    assert_eq!(state(&library.loaded()).0, PolicyState::Enforced);
}

#[test]
fn the_first_services_wait_for_a_remembered_policy_also_when_its_compiler_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut library = killed_at_first(directory.path());
    library.want([guard()]);
    while !library.may_begin() {
        assert_eq!(library.step(), Step::Done);
    }
    assert_eq!(state(&library.loaded()).0, PolicyState::Enforced);
}
