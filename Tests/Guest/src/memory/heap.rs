//! The kernel heap: size classes cut from claimed frames, whole blocks for what is larger.
use super::buddy::{self, Migratetype};
use super::frame::{self, flags};
use super::PAGE;
use crate::sync::SpinLock;
use core::alloc::{GlobalAlloc, Layout};

const CLASSES: usize = 8;
const SMALLEST: usize = 16;

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;
static CLASS_LISTS: SpinLock<[u64; CLASSES]> = SpinLock::new([0; CLASSES]);

fn class_of(layout: &Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(SMALLEST).next_power_of_two();
    let class = size.trailing_zeros() as usize - 4;
    if class < CLASSES { Some(class) } else { None }
}

fn order_of(layout: &Layout) -> u8 {
    let pages = (layout.size().max(layout.align()) as u64 + PAGE - 1) / PAGE;
    pages.next_power_of_two().trailing_zeros() as u8
}

fn kernel_block(order: u8) -> Option<u64> {
    let block = buddy::alloc(order, Migratetype::Unmovable)?;
    frame::claim(block, flags::KERNEL);
    Some(block)
}

unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(&layout) else {
            let order = order_of(&layout);
            if order as usize > buddy::MAX_ORDER {
                return core::ptr::null_mut();
            }
            return kernel_block(order).map_or(core::ptr::null_mut(), |block| super::direct(block) as *mut u8);
        };
        let mut lists = CLASS_LISTS.lock();
        if lists[class] == 0 {
            let Some(block) = kernel_block(0) else { return core::ptr::null_mut() };
            let size = (SMALLEST << class) as u64;
            for index in (0..PAGE / size).rev() {
                let cell = super::direct(block) + index * size;
                (cell as *mut u64).write(lists[class]);
                lists[class] = cell;
            }
        }
        let cell = lists[class];
        lists[class] = (cell as *const u64).read();
        cell as *mut u8
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match class_of(&layout) {
            Some(class) => {
                let mut lists = CLASS_LISTS.lock();
                (pointer as *mut u64).write(lists[class]);
                lists[class] = pointer as u64;
            }
            None => buddy::free(pointer as u64 - super::direct(0), order_of(&layout)),
        }
    }
}
