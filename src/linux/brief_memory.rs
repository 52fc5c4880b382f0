//! Memory for a process that is about to end: it is taken from one block, and not given back.
//!
//! A monitor lives for half a millisecond. malloc(3) asks the kernel for memory anew for each size that it is asked for,
//! and gives it back as soon as nothing of that size is in use: a fifth of that time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The block's size, in bytes: several times what a monitor takes. Pages of it that nothing was taken from cost nothing.
const SIZE: usize = 64 << 10;

#[repr(align(4096))]
struct Block(UnsafeCell<[u8; SIZE]>);

// SAFETY: every part of it is given to one caller only, by an atomic step.
unsafe impl Sync for Block {}

static BLOCK: Block = Block(UnsafeCell::new([0; SIZE]));
/// How much of the block is taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// This process goes on for longer than a monitor does.
static IS_LASTING: AtomicBool = AtomicBool::new(false);

/// From now on memory is given back: this process does more than a monitor.
pub fn process_lasts() {
    IS_LASTING.store(true, Ordering::Relaxed);
}

struct BriefMemory;

// Unit tests have another: see `no_allocation`.
#[cfg_attr(not(test), global_allocator)]
static ALLOCATOR: BriefMemory = BriefMemory;

/// A part of the block; None: it is not large enough, or no longer used.
fn take(layout: Layout) -> Option<*mut u8> {
    if IS_LASTING.load(Ordering::Relaxed) {
        return None;
    }
    // The block begins at a multiple of any alignment that is asked for here.
    let begin = |taken: usize| taken.checked_next_multiple_of(layout.align());
    let end = |taken| begin(taken)?.checked_add(layout.size()).filter(|end| *end <= SIZE);
    if layout.align() > align_of::<Block>() {
        return None;
    }
    let taken = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
    // The pointer is of the whole block.
    Some(BLOCK.0.get().cast::<u8>().wrapping_add(begin(taken)?))
}

fn is_of_block(at: *mut u8) -> bool {
    let begin = BLOCK.0.get().addr();
    (begin..begin + SIZE).contains(&at.addr())
}

// None is inlined: in place at every allocation of the program they would take a megabyte.
// SAFETY: what is of the block was given once and is never taken back, and all else is handed on to the system's
// allocator with what the caller promised.
unsafe impl GlobalAlloc for BriefMemory {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(at) => at,
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            // Nobody has written to it.
            Some(at) => at,
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !is_of_block(at) {
            // SAFETY: as the caller promises.
            unsafe { System.dealloc(at, layout) }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_of_block(at) {
            // SAFETY: as the caller promises.
            return unsafe { System.realloc(at, layout, size) };
        }
        // SAFETY: the caller promises that the size, rounded up to the alignment, is a size that memory can have.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises that the size is not 0.
        let new = unsafe { self.alloc(wanted) };
        if !new.is_null() {
            // SAFETY: both have at least so many bytes, and two parts that were given never overlap.
            unsafe { new.copy_from_nonoverlapping(at, layout.size().min(size)) }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_and_what_does_not_fit_is_had_from_the_system() {
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        let take = |size, align| {
            // SAFETY: the size is not 0.
            let at = unsafe { ALLOCATOR.alloc(layout(size, align)) };
            assert!(!at.is_null() && at.addr().is_multiple_of(align));
            // SAFETY: it is ours.
            unsafe { at.write_bytes(7, size) }
            at
        };
        let mut parts: Vec<(*mut u8, Layout)> = Vec::new();
        for (size, align) in [(1, 1), (3, 8), (24, 16), (5, 4096), (1, 1), (SIZE, 1), (9, 8192)] {
            parts.push((take(size, align), layout(size, align)));
        }
        let is_there: Vec<bool> = parts.iter().map(|(at, _)| is_of_block(*at)).collect();
        assert_eq!(is_there, [true, true, true, true, true, false, false]);
        // SAFETY: the size is not 0.
        let zero = unsafe { ALLOCATOR.alloc_zeroed(layout(100, 1)) };
        assert!(is_of_block(zero));
        // SAFETY: so much was asked for.
        assert_eq!(unsafe { std::slice::from_raw_parts(zero, 100) }, [0; 100]);
        for (n, (at, layout)) in parts.iter_mut().enumerate() {
            let size = layout.size() + n;
            // SAFETY: both are as they were given.
            *at = unsafe { ALLOCATOR.realloc(*at, *layout, size) };
            *layout = Layout::from_size_align(size, layout.align()).unwrap();
            // SAFETY: so much was written before.
            let kept = unsafe { std::slice::from_raw_parts(*at, size - n) };
            assert!(kept.iter().all(|byte| *byte == 7));
        }
        parts.sort_by_key(|(at, _)| at.addr());
        for pair in parts.windows(2) {
            assert!(pair[0].0.addr() + pair[0].1.size() <= pair[1].0.addr());
        }
        process_lasts();
        let last = take(1, 1);
        assert!(!is_of_block(last));
        for (at, layout) in parts.into_iter().chain([(last, layout(1, 1))]) {
            // SAFETY: both are as they were given.
            unsafe { ALLOCATOR.dealloc(at, layout) }
        }
    }
}
