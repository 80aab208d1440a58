//! What a failed call is called: one sentence an operator can act on.

use egressd_core::chain::FailureKind;
use wasmtime::{Trap, WasmBacktrace};

use super::imports::{Call, MAX_LOG_BYTES, MAX_LOG_LINES};
use super::limits::Limits;

/// How much of a policy's last log line a message carries, in bytes.
const MAX_LAST_LINE: usize = 500;

/// So many equal functions in a trace are a recursion.
const RECURSION: usize = 8;

/// Whether asking again can help: all limits but the clock are counted and not measured, so they end the same call at the
/// same place on every node.
pub(super) fn kind(error: &wasmtime::Error) -> FailureKind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => FailureKind::Slow,
        Some(_) | None => FailureKind::Prompt,
    }
}

/// What went wrong in a call, without a full stop.
pub(super) fn reason(error: &wasmtime::Error, call: &Call, limits: &Limits) -> String {
    let what = what(error, call, limits);
    match &call.last_log_line {
        Some(line) => format!("{what}; its last log line: {}", &line[..line.floor_char_boundary(MAX_LAST_LINE)]),
        None => what,
    }
}

fn what(error: &wasmtime::Error, call: &Call, limits: &Limits) -> String {
    if let Some(wanted) = call.refused_memory {
        return format!("it requested {wanted} bytes of memory, and the limit is {}", limits.memory);
    }
    if call.floods {
        return format!("it logs too much: more than {MAX_LOG_LINES} lines, or {MAX_LOG_BYTES} bytes, in one call");
    }
    if is_recursion(error) {
        return "its calls are nested too deep (infinite recursion?)".to_owned();
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let (most, cause) = (limits.answer, error.root_cause());
        return format!("its answer cannot be read, or is larger than {most} bytes: {cause}");
    };
    if *trap == Trap::OutOfFuel {
        return format!("it used up its {} units of fuel (an endless loop?)", call.fuel);
    }
    if *trap == Trap::Interrupt {
        return format!("it ran for more than {} s", limits.time.as_secs_f64());
    }
    if *trap == Trap::UnreachableCodeReached {
        return "it panicked".to_owned();
    }
    format!("it crashed: {}", trap.to_string().trim_start_matches("wasm trap: "))
}

/// A guest's own stack lies first in its memory, so too many calls run out of the memory's lower end: for the
/// engine an access out of bounds like any other.
fn is_recursion(error: &wasmtime::Error) -> bool {
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => true,
        Some(Trap::MemoryOutOfBounds) => error.downcast_ref::<WasmBacktrace>().is_some_and(repeats),
        Some(_) | None => false,
    }
}

fn repeats(trace: &WasmBacktrace) -> bool {
    let functions = || trace.frames().iter().map(|frame| frame.func_index());
    functions().any(|function| functions().filter(|other| *other == function).count() >= RECURSION)
}
