//! The system's allocator, counting current and peak memory per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static PIECES: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the counters are plain values without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        PIECES.set(PIECES.get().wrapping_add(1));
        PEAK.set(PEAK.get().max(BYTES.get()));
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        PIECES.set(PIECES.get().wrapping_sub(1));
        // SAFETY: the caller's promise about place and layout is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory per item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryCost {
    /// Bytes that stay allocated.
    pub(crate) bytes: usize,
    /// Allocations that stay.
    pub(crate) pieces: usize,
    /// Bytes at the worst moment, those that stay among them.
    pub(crate) peak: usize,
}

/// Runs a function for so many items, and returns the cost per item. Memory of earlier things that is freed counts as
/// less, and less than nothing as nothing.
pub(crate) fn cost<T>(many: usize, make: impl FnOnce() -> T) -> (T, MemoryCost) {
    let before = [BYTES.get(), PIECES.get()];
    PEAK.set(before[0]);
    let made = make();
    let of = |after: usize, before: usize| after.saturating_sub(before).div_ceil(many);
    let [bytes, peak] = [BYTES.get(), PEAK.get()].map(|after| of(after, before[0]));
    (made, MemoryCost { bytes, pieces: of(PIECES.get(), before[1]), peak })
}
