//! Free lists that are broken, and free frames in the wrong place.
use super::planter::{List, Planter};
use super::{misuse, near, Scenario};
use crate::memory::frame::{self, flags, NONE};
use crate::memory::buddy::LOCAL_FRAME_CACHES;
use crate::memory::PAGE;
use core::sync::atomic::Ordering::*;

fn other(list: List, order: usize) -> List {
    List { order, ..list }
}

/// Takes a list's first block off and cuts it into single frames, pairs and so on: `parts` are (first page, order)
/// of the first four pages, what follows is cut as the allocator does.
fn cut(p: &mut Planter, list: List, parts: &[(u64, usize)]) -> u64 {
    let block = list.head();
    p.unlink(list, block);
    for (page, order) in parts {
        for part in *page..page + (1 << order) {
            p.order(block + part * PAGE, *order as u8);
        }
        p.push(other(list, *order), block + page * PAGE);
    }
    for order in 2..list.order {
        let upper = block + (PAGE << order);
        for part in 0..1u64 << order {
            p.order(upper + part * PAGE, order as u8);
        }
        p.push(other(list, order), upper);
    }
    block
}

/// Sets the flags of all pages of a free block.
fn mark(p: &mut Planter, block: u64, order: usize, value: u32) {
    for page in 0..1u64 << order {
        p.flags(block + page * PAGE, |_| value);
    }
}

pub static ALL: [Scenario; 22] = [
    misuse("freelist-cycle", "freelist-cycle", |p| {
        // The last block leads back to the first; every block is still reached.
        let list = p.list(2..=usize::MAX)?;
        let (first, last) = (list.head(), list.block(list.blocks() - 1));
        p.concerns(first);
        p.concerns(last);
        p.next(last, first);
        Ok(p.prev(first, last))
    })
    .also(&["freelist-broken-link"])
    .frozen(),
    misuse("freelist-cycle-self", "freelist-cycle", |p| {
        let list = p.list(1..=1)?;
        let block = list.head();
        p.concerns(block);
        p.next(block, block);
        Ok(p.prev(block, block))
    })
    .also(&["freelist-broken-link"])
    .frozen(),
    near("near-freelist-cycle", "freelist-cycle", |p| {
        // A list of one block: it links to nothing, and looks like a cached frame.
        let list = p.list(1..=1)?;
        let block = list.head();
        p.concerns(block);
        Ok(p.next(block, NONE))
    })
    .frozen(),
    misuse("freelist-broken-link", "freelist-broken-link", |p| {
        let list = p.list(2..=usize::MAX)?;
        let second = list.block(1);
        p.concerns(second);
        Ok(p.prev(second, second))
    })
    .frozen(),
    misuse("freelist-broken-link-none", "freelist-broken-link", |p| {
        let list = p.list(2..=usize::MAX)?;
        let last = list.block(list.blocks() - 1);
        p.concerns(last);
        Ok(p.prev(last, NONE))
    })
    .frozen(),
    misuse("freelist-broken-link-outside", "freelist-broken-link", |p| {
        let list = p.list(1..=usize::MAX)?;
        let last = list.block(list.blocks() - 1);
        p.concerns(last);
        Ok(p.next(last, (frame::count() + 5) * PAGE))
    })
    .frozen(),
    near("near-freelist-broken-link", "freelist-broken-link", |p| {
        let list = p.list(2..=usize::MAX)?;
        let second = list.block(1);
        p.concerns(second);
        Ok(p.prev(second, list.head()))
    })
    .frozen(),
    misuse("freelist-wrong-state", "freelist-wrong-state", |p| {
        let (block, order) = small_block(p, 4)?;
        p.concerns(block);
        Ok(mark(p, block, order, flags::ALLOCATED))
    })
    .frozen(),
    misuse("freelist-wrong-state-zero", "freelist-wrong-state", |p| {
        let (block, order) = small_block(p, 4)?;
        p.concerns(block);
        Ok(mark(p, block, order, 0))
    })
    .also(&["flags-contradict"])
    .frozen(),
    near("near-freelist-wrong-state", "freelist-wrong-state", |p| {
        // What the last owner left in it means nothing.
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        Ok(p.meta_aux(block, 5))
    })
    .frozen(),
    misuse("free-unlisted", "free-unlisted", |p| {
        let list = p.list(1..=usize::MAX)?;
        let block = list.block(list.blocks() / 2);
        p.concerns(block);
        Ok(p.unlink(list, block))
    })
    .frozen(),
    misuse("free-unlisted-cached", "free-unlisted", |p| {
        for cache in LOCAL_FRAME_CACHES.iter() {
            let mut cache = cache.lock();
            if cache.len > 1 {
                let len = cache.len - 1;
                p.concerns(cache.frames[len]);
                p.meta_aux(cache.frames[len], 0);
                p.write(None, "cache.len", &raw mut cache.len as u64, 8, len as u64);
                return Ok(());
            }
        }
        Err("no cached frame is left")
    })
    .frozen(),
    near("near-free-unlisted", "free-unlisted", |p| {
        let frame = p.cached_frame()?;
        p.concerns(frame);
        Ok(p.meta_aux(frame, 2))
    })
    .frozen(),
    near("near-free-unlisted-tail", "free-unlisted", |p| {
        let (block, _) = p.free_block(1)?;
        p.concerns(block + PAGE);
        Ok(p.meta_aux(block + PAGE, 2))
    })
    .frozen(),
    misuse("order-misaligned", "order-misaligned", |p| {
        // A block of two pages at an odd frame between two single frames.
        let list = p.lists_up_to(2..=4)?;
        let block = cut(p, list, &[(0, 0), (1, 1), (3, 0)]);
        Ok(p.concerns(block + PAGE))
    })
    .also(&["free-unlisted", "block-overlap"])
    .frozen(),
    near("near-order-misaligned", "order-misaligned", |p| {
        // Two buddies that are both free and not yet one block.
        let list = p.lists_up_to(2..=4)?;
        let block = cut(p, list, &[(0, 1), (2, 1)]);
        p.concerns(block);
        Ok(p.concerns(block + 2 * PAGE))
    })
    .frozen(),
    near("near-order-misaligned-tail", "order-misaligned", |p| {
        p.concerns(p.page(1));
        Ok(p.meta_aux(p.page(1), 4))
    }),
    misuse("block-overlap", "block-overlap", |p| {
        // A page of a free block is on a list of its own as well.
        let list = p.lists_up_to(1..=6)?;
        let block = list.head();
        let page = block + PAGE;
        p.concerns(page);
        p.order(page, 0);
        Ok(p.push(other(list, 0), page))
    })
    .frozen(),
    misuse("block-overlap-half", "block-overlap", |p| {
        let list = p.lists_up_to(2..=5)?;
        let half = list.head() + list.size() / 2;
        p.concerns(half);
        for page in 0..1u64 << (list.order - 1) {
            p.order(half + page * PAGE, list.order as u8 - 1);
        }
        Ok(p.push(other(list, list.order - 1), half))
    })
    .frozen(),
    near("near-block-overlap", "block-overlap", |p| {
        // Neighbours: a single frame, its buddy, and a pair, cut from one block.
        let list = p.lists_up_to(2..=4)?;
        let block = cut(p, list, &[(0, 0), (1, 0), (2, 1)]);
        p.concerns(block);
        Ok(p.concerns(block + PAGE))
    })
    .frozen(),
    misuse("sentinel-broken", "sentinel-broken", |p| {
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        Ok(p.refcount(block, 1))
    })
    .frozen(),
    misuse("sentinel-broken-zero", "sentinel-broken", |p| {
        let (block, _) = p.free_block(0)?;
        p.concerns(block);
        Ok(p.refcount(block, 0))
    })
    .frozen(),
];

/// A free block of at most `limit` pages.
fn small_block(p: &mut Planter, limit: u64) -> Result<(u64, usize), &'static str> {
    let (block, order) = p.free_block(0)?;
    // Only what the flags say is wrong, so the links must not be another scenario's.
    if 1 << order > limit || frame::at(block).flags.load(Acquire) & flags::FREE == 0 {
        return Err("no small free block");
    }
    Ok((block, order))
}

