//! A vector that keeps a few elements in place and moves to the heap when it grows past them.
use alloc::alloc::{alloc, dealloc, handle_alloc_error, Layout};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// An array type that gives a `SmallVec` its element and its inline size.
pub unsafe trait Array {
    type Item: Copy;
    const SIZE: usize;
}

unsafe impl<T: Copy, const N: usize> Array for [T; N] {
    type Item = T;
    const SIZE: usize = N;
}

/// `capacity` is the length while the elements are inline, and the size of the heap buffer once they have moved.
pub struct SmallVec<A: Array> {
    capacity: usize,
    data: SmallVecData<A>,
}

enum SmallVecData<A: Array> {
    Inline(MaybeUninit<A>),
    Heap { ptr: NonNull<A::Item>, len: usize },
}

unsafe impl<A: Array> Send for SmallVec<A> where A::Item: Send {}

impl<A: Array> SmallVec<A> {
    pub fn new() -> Self {
        SmallVec { capacity: 0, data: SmallVecData::Inline(MaybeUninit::uninit()) }
    }

    pub fn spilled(&self) -> bool {
        matches!(self.data, SmallVecData::Heap { .. })
    }

    pub fn as_slice(&self) -> &[A::Item] {
        match &self.data {
            SmallVecData::Inline(items) => unsafe {
                core::slice::from_raw_parts(items.as_ptr() as *const A::Item, self.capacity)
            },
            SmallVecData::Heap { ptr, len } => unsafe { core::slice::from_raw_parts(ptr.as_ptr(), *len) },
        }
    }

    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub fn push(&mut self, item: A::Item) {
        let len = self.len();
        let limit = if self.spilled() { self.capacity } else { A::SIZE };
        if len == limit {
            self.grow(len * 2);
        }
        match &mut self.data {
            SmallVecData::Inline(items) => {
                unsafe { (items.as_mut_ptr() as *mut A::Item).add(len).write(item) };
                self.capacity = len + 1;
            }
            SmallVecData::Heap { ptr, len } => {
                unsafe { ptr.as_ptr().add(*len).write(item) };
                *len += 1;
            }
        }
    }

    /// Removes the element at `index` and puts the last one in its place. A spilled vector stays on the heap.
    pub fn swap_remove(&mut self, index: usize) -> A::Item {
        let len = self.len();
        assert!(index < len);
        let items = match &mut self.data {
            SmallVecData::Inline(items) => items.as_mut_ptr() as *mut A::Item,
            SmallVecData::Heap { ptr, .. } => ptr.as_ptr(),
        };
        let item = unsafe {
            let item = items.add(index).read();
            items.add(index).write(items.add(len - 1).read());
            item
        };
        match &mut self.data {
            SmallVecData::Inline(_) => self.capacity = len - 1,
            SmallVecData::Heap { len, .. } => *len -= 1,
        }
        item
    }

    /// Where the length is stored, for scenarios that falsify it.
    pub fn length_word(&mut self) -> *mut usize {
        match &mut self.data {
            SmallVecData::Inline(_) => &mut self.capacity,
            SmallVecData::Heap { len, .. } => len,
        }
    }

    fn layout(capacity: usize) -> Layout {
        match Layout::array::<A::Item>(capacity) {
            Ok(layout) => layout,
            Err(_) => panic!("SmallVec too large"),
        }
    }

    fn grow(&mut self, capacity: usize) {
        let layout = Self::layout(capacity);
        let Some(fresh) = NonNull::new(unsafe { alloc(layout) } as *mut A::Item) else { handle_alloc_error(layout) };
        let old = self.as_slice();
        let len = old.len();
        unsafe { core::ptr::copy_nonoverlapping(old.as_ptr(), fresh.as_ptr(), len) };
        self.release();
        self.data = SmallVecData::Heap { ptr: fresh, len };
        self.capacity = capacity;
    }

    fn release(&mut self) {
        if let SmallVecData::Heap { ptr, .. } = self.data {
            unsafe { dealloc(ptr.as_ptr() as *mut u8, Self::layout(self.capacity)) };
        }
    }
}

impl<A: Array> Drop for SmallVec<A> {
    fn drop(&mut self) {
        self.release();
    }
}
