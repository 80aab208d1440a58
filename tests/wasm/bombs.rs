//! Components that cost a compiler minutes or gigabytes: refused before they are compiled, or ended while they are.
//! Nothing here measures time; a limit of the child ends each, and the message names the limit.

use egressd::wasm::{self, Compiler};
use rustix::process::{Resource, getrlimit};

use crate::guests::{self, Guest, number};
use crate::loading::refused_by;
use crate::services::{CHILD, ENGINE};

fn refused(component: &[u8]) -> String {
    let message = refused_by(&CHILD, component, "{}");
    message.strip_prefix("cannot use policy mine: ").unwrap_or(&message).to_owned()
}

/// A function with so many values that live until its end: all are read from memory, then combined and written back.
fn live_values(values: u64) -> Vec<u8> {
    // i32.const 0, for the address of the i32.store at the end.
    let mut body = vec![0, 0x41, 0];
    for value in 0..values {
        // i32.const 0; i32.load from another place each time, or the compiler would read once.
        body.extend([vec![0x41, 0, 0x28, 0], number(value)].concat());
    }
    body.extend((1..values).map(|_| 0x73));
    body.extend([0x36, 0, 0, 0x0b]);
    body
}

/// A function that counts: so many times `local.get 0; i32.const n; i32.add; local.set 0`.
fn straight_line(times: u64) -> Vec<u8> {
    let mut body = vec![1, 1, 0x7f];
    for _ in 0..times {
        body.extend([0x20, 0, 0x41, 7, 0x6a, 0x21, 0]);
    }
    body.push(0x0b);
    body
}

/// So many locals, and so many loops that use them.
fn looping(locals: u64, loops: u64) -> Vec<u8> {
    let mut body = [vec![1], number(locals), vec![0x7f]].concat();
    for at in 0..loops {
        let (one, other) = (number(at % locals), number((at * 7 + 1) % locals));
        // loop; local.get one; local.set other; local.get other; br_if 0; end
        body.extend(
            [vec![0x03, 0x40, 0x20], one, vec![0x21], other.clone(), vec![0x20], other, vec![0x0d, 0, 0x0b]].concat(),
        );
    }
    body.push(0x0b);
    body
}

/// A jump table of so many entries.
fn jumping(entries: u64) -> Vec<u8> {
    let targets: Vec<u8> = (0..=entries).map(|_| 0).collect();
    [vec![0, 0x02, 0x40, 0x41, 0, 0x0e], number(entries), targets, vec![0x0b, 0x0b]].concat()
}

#[test]
fn one_long_function_is_not_compiled() {
    for body in [live_values(160_000), jumping(960_000), looping(100, 60_000)] {
        let bytes = body.len();
        let sentence = refused(&Guest::with(body).component());
        assert_eq!(
            sentence,
            format!("function 4 has a body of {bytes} bytes, and the limit is 65536: split it, or optimise for size")
        );
    }
}

#[test]
fn many_locals_are_not_compiled() {
    let sentence = refused(&Guest::with(looping(2000, 4000)).component());
    assert_eq!(sentence, "function 4 has 2000 local variables, and the limit is 500: split it");
}

#[test]
fn too_many_functions_are_not_compiled() {
    let guest = Guest { functions: vec![vec![0, 0x0b]; 20_000], ..Guest::new() };
    let sentence = refused(&guest.component());
    assert!(sentence.starts_with("it has 20004 functions, and the limit is 20000: "), "{sentence}");
}

/// Each within the bounds, and two seconds for the compiler.
#[test]
fn many_functions_just_within_the_limits_run_out_of_processor_time() {
    let guest = Guest { functions: vec![live_values(8000); 20], ..Guest::new() };
    let sentence = refused(&guest.component());
    // On a machine that has more to do, the child does not come to ten seconds of processor time in a minute.
    let ends = ["compiling it took more than 10 s of CPU time: split large ", "compiling it was not done after 60 s: "];
    assert!(ends.iter().any(|end| sentence.starts_with(end)), "{sentence}");
}

#[test]
fn exponentially_nested_instances_are_not_compiled() {
    let sentence = refused(&guests::wrapping(&guests::doubling(28)));
    assert_eq!(sentence, "components are nested more than 4 deep in it: compose it of fewer");
}

#[test]
fn many_instances_are_not_compiled_and_more_than_a_slot_has_are_not_taken() {
    let sentence = refused(&guests::wrapping(&guests::instances(100)));
    assert!(sentence.starts_with("it has "), "{sentence}");
    assert!(sentence.ends_with(" instances in it, and the limit is 60: leave out what it does not need"), "{sentence}");
    let sentence = refused(&guests::wrapping(&guests::instances(30)));
    assert!(sentence.starts_with("cannot "), "{sentence}");
    assert!(sentence.contains("instances"), "{sentence}");
    wasm::load(&ENGINE, &CHILD, &guests::wrapping(&guests::instances(2)), "mine", "{}").unwrap();
}

/// The most memory that a child of this process has ever had, in bytes.
fn largest_child() -> u64 {
    // SAFETY: all bytes zero is a usage, and the kernel writes to it and to nothing else.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0);
        usage
    };
    u64::try_from(usage.ru_maxrss).unwrap() * 1024
}

#[test]
fn a_component_just_within_the_limits_is_compiled() {
    for body in [live_values(2000), looping(500, 2000), jumping(65_000)] {
        wasm::load(&ENGINE, &CHILD, &Guest::with(body).component(), "mine", "{}").unwrap();
    }
}

/// Two megabytes of functions of a usual size.
#[test]
fn a_large_and_healthy_component_is_compiled() {
    let guest = Guest { functions: vec![straight_line(150); 2000], ..Guest::new() };
    let component = guest.component();
    assert!(component.len() > 2_000_000, "{}", component.len());
    wasm::load(&ENGINE, &CHILD, &component, "mine", "{}").unwrap();
}

#[test]
fn a_child_never_has_more_memory_than_its_limit() {
    let guest = Guest::with(looping(500, 2000));
    wasm::load(&ENGINE, &CHILD, &guest.component(), "mine", "{}").unwrap();
    let most = largest_child();
    assert!(most < 768 << 20, "{most} bytes");
}

#[test]
fn the_limits_are_the_childs_and_not_its_parents() {
    let limits = || [Resource::Cpu, Resource::As, Resource::Nofile].map(getrlimit);
    let before = limits();
    wasm::load(&ENGINE, &CHILD, wasm::built_in(), "mine", "{}").unwrap();
    assert_eq!(limits(), before);
}

#[test]
fn a_compiler_that_cannot_be_started_is_not_the_policys_fault() {
    let compiler = Compiler::Child("/nonexistent".into());
    let message = refused_by(&compiler, wasm::built_in(), "{}");
    assert_eq!(message, "cannot run the compiler for policy mine: No such file or directory (os error 2)");
}
