//! What the hot path allocates: nothing to read a frame, one string to send one.
//!
//! The allocator is replaced for the whole program, so this is a program of its own with one test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use media::stream::carrier::Messages;
use media::stream::{Inbound, Writer, parse};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the count is a plain number of the
// thread's own, without a destructor, so counting allocates nothing and outlives nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let made = work();
    (ALLOCATIONS.get() - before, made)
}

#[test]
fn a_frame_is_read_without_allocating_and_sent_with_one_allocation() {
    let frame: Vec<u8> = (0..160).collect();
    let inbound = Messages::new("AC1", "CA1", "MZ1").media(&frame, 20);
    let mut audio = Vec::with_capacity(160);
    let (count, ()) = allocations_of(|| {
        let Ok(Inbound::Media(media)) = parse(&inbound) else { panic!("not media") };
        media.decode_into(&mut audio).unwrap();
    });
    assert_eq!(audio, frame);
    assert_eq!(count, 0);

    let writer = Writer::new("MZ1");
    assert_eq!(allocations_of(|| writer.media(&frame)).0, 1);
    assert_eq!(allocations_of(|| writer.mark("e3:17")).0, 1);
    assert_eq!(allocations_of(|| writer.clear()).0, 1);
}
