//! Memory for one call: an allocator that only ever moves forward.
//!
//! The host throws the whole memory away after every call, so records of free pieces would be
//! of no use. Only the last piece is grown in place and taken back, which is what a growing list needs.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::Cell;
use std::ptr;

/// The unit in which memory grows, in bytes.
const PAGE: usize = 65_536;

unsafe extern "C" {
    /// Where the linker's own data ends. Only its address means something.
    static __heap_base: u8;
}

/// The allocator.
#[derive(Debug)]
pub struct Memory {
    /// The first free byte; 0 before the first allocation.
    next: Cell<usize>,
    /// The end of the memory that there is; 0 before the first allocation.
    end: Cell<usize>,
}

// SAFETY: the contract's components have one thread; threads are not among the features that the host allows.
unsafe impl Sync for Memory {}

impl Memory {
    /// Nothing allocated yet.
    pub const NEW: Self = Self { next: Cell::new(0), end: Cell::new(0) };

    /// The first call begins behind the linker's data, in what is left of the memory's last page.
    fn free(&self) -> usize {
        if self.next.get() == 0 {
            self.next.set((&raw const __heap_base).addr());
            self.end.set(memory_size(0) * PAGE);
        }
        self.next.get()
    }

    /// Makes `from..end` the last piece; false when there is not so much memory.
    fn reach(&self, end: usize) -> bool {
        if end > self.end.get() {
            let pages = (end - self.end.get()).div_ceil(PAGE);
            if memory_grow(0, pages) == usize::MAX {
                return false;
            }
            self.end.set(memory_size(0) * PAGE);
        }
        self.next.set(end);
        true
    }
}

// SAFETY: every piece lies between `__heap_base` and the end of memory, behind all pieces before it, and is aligned
// by rounding up. A piece becomes free again only when it is the last one and its owner gives it back.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.free().checked_next_multiple_of(layout.align());
        let piece = start.and_then(|start| Some((start, start.checked_add(layout.size())?)));
        match piece {
            Some((start, end)) if self.reach(end) => ptr::with_exposed_provenance_mut(start),
            Some(_) | None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if piece.addr() + layout.size() == self.next.get() {
            self.next.set(piece.addr());
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if piece.addr() + layout.size() == self.next.get() {
            let end = piece.addr().checked_add(size);
            return if end.is_some_and(|end| self.reach(end)) { piece } else { ptr::null_mut() };
        }
        if size <= layout.size() {
            return piece;
        }
        // SAFETY: the caller's layout is sound, and the new piece is larger than the old one and elsewhere.
        unsafe {
            let larger = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !larger.is_null() {
                ptr::copy_nonoverlapping(piece, larger, layout.size());
            }
            larger
        }
    }
}
