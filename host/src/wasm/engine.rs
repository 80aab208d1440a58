//! The engine: one for all policies with the same limits, and the clock that ends calls which burn no fuel.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use egressd_core::finding::Finding;
use tracing::warn;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bounds::TABLE_ELEMENTS;
use super::error::Error;
use super::lack::Lack;
use super::limits::Limits;

/// How often the clock ticks: a call is ended at most this much too early, and an idle node is woken no more
/// often than this.
const TICK: Duration = Duration::from_millis(250);

/// Instances at the same time. Evaluation has one thread, and loading another; each slot reserves 4 GiB of
/// address space, which spares the compiled code its bounds checks.
const SLOTS: u32 = 16;

/// Native stack for a guest's calls; the shadow stack in its memory, 64 KiB, ends first.
const STACK: usize = 512 << 10;

/// What of a slot is wiped instead of given back to the kernel; a policy touches about this much.
const KEEP_RESIDENT: usize = 64 << 10;

/// Compiles and runs policies. Clones share it; its clock stops with the last of them and the last policy.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: WasmtimeEngine,
    limits: Limits,
    /// What the processes that compile for it could not give up.
    lacks: Mutex<BTreeSet<Lack>>,
    /// Dropping it stops the clock.
    _stop: Sender<()>,
}

/// wasmtime's engine says nothing for `Debug`.
struct WasmtimeEngine(wasmtime::Engine);

impl std::fmt::Debug for WasmtimeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wasmtime::Engine")
    }
}

impl Engine {
    /// An engine, and the thread of its clock.
    ///
    /// # Errors
    /// When the system lacks the address space (`SLOTS` times 4 GiB, reserved and not used) or a thread.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&limits)));
        let engine = wasmtime::Engine::new(&config).map_err(|error| Error::Engine(error.into()))?;
        let stop = start_clock(engine.clone()).map_err(Error::Clock)?;
        Ok(Self(Arc::new(Shared { engine: WasmtimeEngine(engine), limits, lacks: Mutex::default(), _stop: stop })))
    }

    /// What the processes that compiled for it could not give up, each once.
    pub fn findings(&self) -> Vec<Finding> {
        self.known_lacks().iter().map(|lack| lack.finding()).collect()
    }

    /// Logs what is new.
    pub(super) fn lacks(&self, lacks: &[Lack]) {
        for lack in lacks {
            if self.known_lacks().insert(*lack) {
                let Finding { code, message, .. } = lack.finding();
                warn!(%code, "{message}");
            }
        }
    }

    /// Each change of it is whole.
    fn known_lacks(&self) -> MutexGuard<'_, BTreeSet<Lack>> {
        self.0.lacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.engine.0
    }

    /// The clock's ticks until a call that starts now is ended.
    pub(super) fn deadline(&self) -> u64 {
        let ticks = self.0.limits.time.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
    }
}

fn start_clock(engine: wasmtime::Engine) -> std::io::Result<Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    thread::Builder::new().name("wasm-clock".to_owned()).spawn(move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    })?;
    Ok(stop)
}

/// An engine that only compiles, for [`Engine::new`]'s to run: the same in all that native code depends on. It has
/// no clock, and reserves no address space for instances.
pub(super) fn compiler() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&config())
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).consume_fuel(true).epoch_interruption(true).max_wasm_stack(STACK);
    // No guest needs these, and what is off cannot be attacked; `inspect.rs` has the same list. Multiple memories stay on:
    // wasmtime 48.0.8 panics on a composed component without them.
    config
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        // Equal bits for equal input, on every processor.
        .cranelift_nan_canonicalization(true);
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    // With PAGEMAP_SCAN (kernel 6.7) only touched pages are wiped: 16 us a call instead of 18.
    pool.pagemap_scan(Enabled::Auto)
        .total_component_instances(SLOTS)
        .total_core_instances(4 * SLOTS)
        .total_memories(SLOTS)
        .total_tables(4 * SLOTS)
        .max_memory_size(limits.memory)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(256 << 10)
        .max_core_instance_size(256 << 10)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_core_instances_per_component(8)
        .max_unused_warm_slots(SLOTS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT);
    pool
}
