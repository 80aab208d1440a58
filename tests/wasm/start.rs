//! A start waits for the policies that were in force before, and not for new ones; without any, for all that are
//! loaded in time. Compilers here wait for the test, not for a time.

use std::time::Duration;

use egressd::policies::{Library, Loaded, Loader, Objects, PolicyState, digest};
use egressd_core::policy::Limits;

use crate::budget::{CountingCompiler, held, object, objects, policy, states};
use PolicyState::{Enforced, Missed, Refused};

/// A loader with these wanted policies.
fn loader(library: Library, wanted: &Objects) -> Loader {
    let mut loader = Loader::start(library).unwrap();
    loader.want(wanted.values()).unwrap();
    loader
}

async fn until(loader: &mut Loader, done: impl Fn(&Loaded) -> bool) -> Loaded {
    loop {
        let loaded = loader.next().await.unwrap();
        if done(&loaded) {
            return loaded;
        }
    }
}

#[tokio::test]
async fn remembered_policies_are_in_force_before_new_ones_are_compiled() {
    let compiler = CountingCompiler::new();
    let guard = policy("guard", 1);
    let library = compiler.library(objects([guard.clone()]), Limits::default());
    let closed = object("first", held(), &[("order", "-1"), ("on-failure", "closed")]);
    let mut loader = loader(library, &objects([guard, closed]));
    let begun = loader.next().await.unwrap();
    assert_eq!(states(&begun), [("guard", Enforced)].into());
    assert_eq!(begun.chain.unwrap().members().len(), 2);
    compiler.release();
    let loaded = until(&mut loader, |loaded| loaded.reports.len() == 3).await;
    assert_eq!(states(&loaded), [("first", Enforced), ("guard", Enforced)].into());
}

#[tokio::test]
async fn the_remembered_version_is_in_force_until_the_new_one_is_compiled() {
    let compiler = CountingCompiler::new();
    let (old, new) = (policy("guard", 1), object("guard", held(), &[]));
    let [of_old, of_new] = [&old, &new].map(|object| digest(object.wasm.as_ref().unwrap()));
    let mut loader = loader(compiler.library(objects([old]), Limits::default()), &objects([new]));
    let has = |loaded: &Loaded, digest: &str| loaded.reports.iter().any(|r| r.digest.as_deref() == Some(digest));
    let begun = loader.next().await.unwrap();
    assert!(has(&begun, &of_old) && states(&begun) == [("guard", Enforced)].into());
    compiler.release();
    until(&mut loader, |loaded| has(loaded, &of_new)).await;
}

#[tokio::test]
async fn without_remembered_policies_the_first_result_has_all() {
    let compiler = CountingCompiler::new();
    compiler.release();
    let wanted = objects([policy("a", 1), object("b", held(), &[])]);
    let mut loader = loader(compiler.library(Objects::new(), Limits::default()), &wanted);
    assert_eq!(states(&loader.next().await.unwrap()), [("a", Enforced), ("b", Enforced)].into());
}

#[tokio::test]
async fn a_policy_that_loads_too_late_for_the_first_services_joins_those_in_force() {
    let compiler = CountingCompiler::new();
    let limits = Limits { wait: Duration::ZERO, ..Limits::default() };
    let guard = object("guard", held(), &[("on-failure", "closed")]);
    let wanted = objects([guard, object("other", held(), &[])]);
    let mut loader = loader(compiler.library(Objects::new(), limits), &wanted);
    let begun = loader.next().await.unwrap();
    // Services that are not to go without the guard do not.
    assert_eq!(states(&begun), [("guard", Missed), ("other", Refused)].into());
    let trouble = begun.reports.iter().find_map(|report| report.trouble.clone()).unwrap();
    assert!(trouble.starts_with("it is not loaded yet: "), "{trouble}");
    assert_eq!(begun.valid.len(), 1, "the built-in one is remembered, and what was not loaded is not");
    compiler.release();
    let all = [("guard", Enforced), ("other", Enforced)].into();
    until(&mut loader, |loaded| states(loaded) == all).await;
}

/// Catches: rules that go because the state directory was lost while a policy is broken.
#[tokio::test]
async fn where_it_is_unknown_what_was_in_force_no_policy_that_cannot_be_loaded_is_passed_over() {
    let compiler = CountingCompiler::new();
    compiler.release();
    let broken = object("broken", b"no component".to_vec(), &[]);
    let wanted = objects([policy("a", 1), broken]);
    let mut loader = Loader::start(compiler.library(Objects::new(), Limits::default())).unwrap();
    loader.lose(wanted.keys());
    loader.want(wanted.values()).unwrap();
    assert_eq!(states(&loader.next().await.unwrap()), [("a", Enforced), ("broken", Missed)].into());
}

#[tokio::test]
async fn a_deleted_policy_is_not_compiled_any_more() {
    let compiler = CountingCompiler::new();
    let guard = policy("guard", 1);
    let library = compiler.library(objects([guard.clone()]), Limits::default());
    let many = (0..200).map(|number| object(&format!("slow-{number}"), held(), &[]));
    let mut loader = loader(library, &objects(many.chain([guard.clone()])));
    loader.next().await.unwrap();
    loader.want([&guard]).unwrap();
    compiler.release();
    let loaded = until(&mut loader, |loaded| loaded.reports.len() == 2).await;
    assert_eq!(states(&loaded), [("guard", Enforced)].into());
    assert!(compiler.calls() < 10, "{} of 201 were compiled", compiler.calls());
}
