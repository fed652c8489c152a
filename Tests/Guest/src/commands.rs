//! The command loop on COM1. Nothing in here allocates: an answer must not change what it describes.
use crate::arch::{cpu, serial, smp};
use crate::json::{Out, Request};
use crate::memory::address_space::ADDRESS_SPACES;
use crate::memory::buddy::{BUDDY_ALLOCATOR, LOCAL_FRAME_CACHES, POISON_QUARANTINE_PAGES};
use crate::memory::frame;
use crate::memory::{self, paging, GLOBAL_MAPPING_INDEX, OWNERSHIP_TABLE, PAGE, RAM_MAP};
use crate::fixtures::{self, FIXTURES};
use crate::memory::{ownership, release};
use crate::{acts, check, churn, hooks, scenarios};
use core::sync::atomic::Ordering::*;

const LINE: usize = 512;
type Answer = Result<(), &'static str>;

/// Every command: name, and what it does. Lines before the last carry data; the last is begun by `finish`.
static ALL: [(&str, fn(&Request, &mut Out) -> Answer); 30] = [
    ("ping", |_, out| done(out, |_| {})),
    ("info", |_, out| done(out, info)),
    ("seed", |request, out| {
        churn::seed(amount(request).ok_or("seed needs n")?);
        done(out, |_| {})
    }),
    ("churn", run_churn),
    ("settle", |_, out| {
        churn::settle();
        done(out, |_| {})
    }),
    ("freeze", |_, out| {
        churn::freeze();
        done(out, |_| {})
    }),
    ("thaw", |_, out| {
        if scenarios::needs_freeze() {
            return Err(scenarios::FROZEN);
        }
        churn::thaw();
        done(out, |_| {})
    }),
    ("table", table),
    ("digest", digest),
    ("slot", slot),
    ("translate", translate),
    ("space", space),
    ("vtables", |_, out| done(out, vtables)),
    ("maps", maps),
    ("index", index),
    ("owners", owners),
    ("zones", |_, out| done(out, zones)),
    ("caches", |_, out| done(out, caches)),
    ("plant", |request, out| {
        let name = request.text("name", 0).unwrap_or("");
        finish(out);
        out.text("name", name);
        scenarios::plant(name, out)
    }),
    ("unplant", |request, out| {
        scenarios::unplant(request.text("name", 0).ok_or("unplant needs a name")?)?;
        done(out, |_| {})
    }),
    ("pulse", |_, out| {
        scenarios::pulse();
        done(out, |_| {})
    }),
    ("check", check),
    ("spaces", |request, out| {
        let count = amount(request).filter(|count| *count <= 64).ok_or("spaces needs n, at most 64")?;
        if scenarios::needs_freeze() {
            return Err(scenarios::FROZEN);
        }
        fixtures::grow_spaces(count as u32);
        done(out, |out| out.number("spaces", ADDRESS_SPACES.lock().len() as u64))
    }),
    ("own", |request, out| {
        let count = amount(request).ok_or("own needs n")?;
        if scenarios::needs_freeze() {
            return Err(scenarios::FROZEN);
        }
        let made = fixtures::own_more(count);
        done(out, |out| {
            out.number("made", made);
            out.number("owners", OWNERSHIP_TABLE.get().entries.lock().len() as u64);
        })
    }),
    ("scenarios", |_, out| done(out, scenarios::list)),
    ("acts", |_, out| done(out, acts::list)),
    ("act", |request, out| {
        allocating()?;
        let pfn = acts::perform(request.text("name", 0).ok_or("act needs a name")?)?;
        done(out, |out| out.number("pfn", pfn))
    }),
    ("release", |request, out| {
        allocating()?;
        let order = request.number("order", 1).unwrap_or(2);
        if order > 6 {
            return Err("blocks of order 0 to 6 are released");
        }
        acts::release(amount(request).ok_or("release needs n")?, order as u8)?;
        done(out, counters)
    }),
    ("pin", |request, out| {
        allocating()?;
        let left = acts::pin(amount(request).ok_or("pin needs n")?, request.number("leave", 1).unwrap_or(0))?;
        done(out, |out| {
            out.number("left", left);
            counters(out);
        })
    }),
    ("zoo", |_, out| done(out, crate::zoo::list)),
];

/// Begins the last line of an answer. Its `ok` comes at the end, when it is known.
fn finish(out: &mut Out) {
    out.open(b'{');
}

fn done(out: &mut Out, body: impl FnOnce(&mut Out)) -> Answer {
    finish(out);
    body(out);
    Ok(())
}

pub fn announce() {
    let mut out = Out::new();
    out.open(b'{');
    out.boolean("ready", true);
    out.number("frames", frame::count());
    out.number("cpus", smp::ONLINE.load(Acquire) as u64);
    out.close(b'}');
    out.end_line();
}

/// Reads lines for ever. While nothing is to be done the CPU sleeps; interrupts are off except in that sleep.
pub fn run() -> ! {
    let mut line = [0u8; LINE];
    let mut used = 0;
    let mut overflow = false;
    cpu::disable_interrupts();
    loop {
        match serial::read() {
            Some(b'\n') | Some(b'\r') => {
                if overflow {
                    fail(&mut Out::new(), "", "the line is too long", true);
                } else if used > 0 {
                    answer(core::str::from_utf8(&line[..used]).unwrap_or(""));
                }
                (used, overflow) = (0, false);
            }
            Some(byte) if used < LINE => {
                line[used] = byte;
                used += 1;
            }
            Some(_) => overflow = true,
            None if smp::ONLINE.load(Acquire) == 1 && churn::wanted() => churn::step(),
            None => cpu::wait_for_interrupt(),
        }
    }
}

fn fail(out: &mut Out, command: &str, reason: &str, fresh: bool) {
    if fresh {
        out.open(b'{');
    }
    out.text("command", command);
    out.text("error", reason);
    out.boolean("ok", false);
    out.close(b'}');
    out.end_line();
}

fn answer(line: &str) {
    let mut out = Out::new();
    let Some(request) = Request::parse(line) else {
        return fail(&mut out, "", "not a command", true);
    };
    let Some(known) = ALL.iter().find(|known| known.0 == request.command) else {
        return fail(&mut out, request.command, "no such command", true);
    };
    match known.1(&request, &mut out) {
        Ok(()) => {
            out.text("command", request.command);
            if let Some(id) = request.number("id", usize::MAX) {
                out.number("id", id);
            }
            out.boolean("ok", true);
            out.close(b'}');
            out.end_line();
        }
        Err(reason) => fail(&mut out, request.command, reason, request.command != "plant"),
    }
}

/// What allocates must not come across broken lists.
fn allocating() -> Answer {
    if scenarios::needs_freeze() { Err(scenarios::FROZEN) } else { Ok(()) }
}

/// What has happened since boot, as the kernel itself counts it.
fn counters(out: &mut Out) {
    out.number("last_ref_calls", hooks::LAST_REF_CALLS.load(Relaxed));
    out.number("unmap_calls", hooks::UNMAP_CALLS.load(Relaxed));
    out.number("releases", release::RELEASES.load(Relaxed));
    out.number("pins", ownership::PINS.load(Relaxed));
    out.number("unpins", ownership::UNPINS.load(Relaxed));
}

fn amount(request: &Request) -> Option<u64> {
    ["n", "count", "value"].iter().find_map(|name| request.number(name, 0))
}

fn run_churn(request: &Request, out: &mut Out) -> Answer {
    if scenarios::needs_freeze() && request.text("action", 0) != Some("stop") {
        return Err(scenarios::FROZEN);
    }
    if let Some(count) = amount(request) {
        if churn::FROZEN.load(Acquire) {
            return Err("frozen");
        }
        cpu::enable_interrupts();
        churn::run(count);
        cpu::disable_interrupts();
    } else {
        match request.text("action", 0) {
            Some("start") => churn::start(request.number("cpus", 1).unwrap_or(1).max(1) as usize),
            Some("stop") => churn::stop(),
            _ => return Err("churn needs n, or the action start or stop"),
        }
    }
    done(out, |out| {
        out.number("operations", churn::OPERATIONS.load(Relaxed));
        out.number("objects", churn::objects() as u64);
    })
}

fn info(out: &mut Out) {
    out.text("variant", option_env!("GUEST_VARIANT").unwrap_or("custom"));
    out.number("cpus", smp::ONLINE.load(Acquire) as u64);
    out.number("base", frame::METADATA_BASE_VIRT.load(Acquire));
    out.number("base_physical", frame::METADATA_BASE_VIRT.load(Acquire) - memory::direct(0));
    out.number("count", frame::count());
    out.number("hhdm", memory::HHDM_OFFSET.load(Acquire));
    out.number("cr3", memory::KERNEL_CR3.load(Acquire));
    out.number("current_cr3", cpu::read_cr3());
    out.boolean("frozen", churn::FROZEN.load(Acquire));
    out.boolean("churning", churn::RUNNING.load(Acquire));
    out.number("operations", churn::OPERATIONS.load(Relaxed));
    out.number("objects", churn::objects() as u64);
    out.number("quarantined", POISON_QUARANTINE_PAGES.load(Acquire) as u64);
    counters(out);
    out.key("ram");
    out.open(b'[');
    for region in RAM_MAP.lock().all() {
        out.element(b'{');
        out.number("start", region.start);
        out.number("end", region.end);
        out.number("type", region.kind as u64);
        out.close(b'}');
    }
    out.close(b']');
    out.key("spaces");
    out.open(b'[');
    for space in ADDRESS_SPACES.lock().iter() {
        out.element(b'{');
        out.number("pid", space.pid as u64);
        out.number("cr3", space.cr3);
        out.number("mappings", space.mappings.len() as u64);
        out.close(b'}');
    }
    out.close(b']');
    out.key("fixtures");
    out.open(b'[');
    for fixture in FIXTURES.lock().iter() {
        out.element(b'{');
        out.number("pfn", fixture.base / PAGE);
        out.number("order", fixture.order as u64);
        out.number("cap", fixture.cap.0);
        out.close(b'}');
    }
    out.close(b']');
    out.key("anchors");
    out.open(b'{');
    out.number("memory::frame::METADATA_BASE_VIRT", &raw const frame::METADATA_BASE_VIRT as u64);
    out.number("memory::frame::METADATA_FRAME_COUNT", &raw const frame::METADATA_FRAME_COUNT as u64);
    out.number("memory::frame::DEFAULT_FRAME_META_VTABLE", &raw const frame::DEFAULT_FRAME_META_VTABLE as u64);
    out.number("memory::HHDM_OFFSET", &raw const memory::HHDM_OFFSET as u64);
    out.number("memory::OWNERSHIP_TABLE", &raw const OWNERSHIP_TABLE as u64);
    out.number("memory::GLOBAL_MAPPING_INDEX", &raw const GLOBAL_MAPPING_INDEX as u64);
    out.number("memory::buddy::BUDDY_ALLOCATOR", &raw const BUDDY_ALLOCATOR as u64);
    out.number("memory::buddy::LOCAL_FRAME_CACHES", &raw const LOCAL_FRAME_CACHES as u64);
    out.number("memory::buddy::POISON_QUARANTINE_PAGES", &raw const POISON_QUARANTINE_PAGES as u64);
    out.close(b'}');
}

/// The eight words of a slot as they lie in memory.
fn words(frame: u64) -> [u64; 8] {
    let base = (frame::METADATA_BASE_VIRT.load(Relaxed) + frame * 64) as *const u64;
    core::array::from_fn(|index| unsafe { base.add(index).read_volatile() })
}

/// Fields in the order of the `runs` rows, as signed numbers.
fn fields(words: &[u64; 8]) -> [u64; 11] {
    let (flags, order) = (words[3] as u32 as u64, words[3] >> 32 & 0xff);
    let (refcount, generation) = (words[4] as i32 as i64 as u64, words[4] >> 32);
    [flags, order, refcount, words[0], words[1], generation, words[2], words[5] as u32 as u64, words[5] >> 32, words[6], words[7]]
}

/// Rows of `[pfn, count, flags, order, refcount, next, prev, generation, vtable, guard, aux, reserved0, reserved1]`;
/// zeros at the end of a row are left out.
fn table(_request: &Request, out: &mut Out) -> Answer {
    let count = frame::count();
    let (mut start, mut runs, mut in_line) = (0, 0u64, 0);
    while start < count {
        let first = words(start);
        let mut end = start + 1;
        while end < count && words(end) == first {
            end += 1;
        }
        if in_line == 0 {
            out.raw("{\"runs\":[");
        } else {
            out.byte(b',');
        }
        out.byte(b'[');
        out.unsigned(start);
        out.byte(b',');
        out.unsigned(end - start);
        let fields = fields(&first);
        let used = fields.iter().rposition(|field| *field != 0).map_or(0, |last| last + 1);
        for field in &fields[..used] {
            out.byte(b',');
            out.signed(*field);
        }
        out.byte(b']');
        runs += 1;
        in_line += 1;
        if in_line == 64 || end == count {
            out.raw("]}\n");
            in_line = 0;
        }
        start = end;
    }
    done(out, |out| {
        out.number("count", count);
        out.number("run_count", runs);
    })
}

/// One number for the whole table: it changes with any bit of it.
fn digest(_request: &Request, out: &mut Out) -> Answer {
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    for frame in 0..frame::count() {
        for word in words(frame) {
            digest = (digest ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(5);
        }
    }
    done(out, |out| out.number("digest", digest))
}

fn slot(request: &Request, out: &mut Out) -> Answer {
    let frame = request.number("pfn", 0).filter(|frame| *frame < frame::count()).ok_or("no such frame")?;
    let words = words(frame);
    done(out, |out| {
        out.number("pfn", frame);
        out.number("next", words[0]);
        out.number("prev", words[1]);
        out.number("vtable", words[2]);
        out.number("flags", words[3] as u32 as u64);
        out.number("order", words[3] >> 32 & 0xff);
        out.number("refcount", words[4] as u32 as u64);
        out.number("generation", words[4] >> 32);
        out.number("guard", words[5] as u32 as u64);
        out.number("meta_aux", words[5] >> 32);
        out.key("reserved");
        out.open(b'[');
        out.item(words[6]);
        out.item(words[7]);
        out.close(b']');
    })
}

fn root_of(request: &Request, place: usize) -> Result<u64, &'static str> {
    match request.number("space", place) {
        None | Some(0) => Ok(memory::KERNEL_CR3.load(Acquire)),
        Some(pid) => {
            let spaces = ADDRESS_SPACES.lock();
            spaces.iter().find(|space| space.pid as u64 == pid).map(|space| space.cr3).ok_or("no such space")
        }
    }
}

fn translate(request: &Request, out: &mut Out) -> Answer {
    let address = request.number("va", 0).ok_or("translate needs va")?;
    let root = root_of(request, 1)?;
    let found = paging::translate(root, address);
    done(out, |out| {
        out.number("va", address);
        out.number("cr3", root);
        out.boolean("mapped", found.is_some());
        if let Some(found) = found {
            out.number("pa", found.physical);
            out.number("size", found.size);
            out.boolean("writable", found.writable);
            out.boolean("user", found.user);
            out.boolean("executable", found.executable);
        }
    })
}

/// Loads a space's page tables on the boot CPU, so that QEMU's own translation can be asked about it.
fn space(request: &Request, out: &mut Out) -> Answer {
    let root = root_of(request, 0)?;
    unsafe { cpu::write_cr3(root) };
    done(out, |out| out.number("cr3", root))
}

fn vtables(out: &mut Out) {
    out.key("vtables");
    out.open(b'[');
    for known in hooks::ALL.iter() {
        // As words: some hold what no function pointer may be.
        let words: [u64; 8] = unsafe { *(known.vtable as *const [u64; 8]) };
        out.element(b'{');
        out.text("name", known.name);
        out.number("address", known.vtable as u64);
        for (name, hook) in [("on_last_ref", words[0]), ("on_unmap", words[1])] {
            out.key(name);
            if hook == 0 {
                out.raw("null");
            } else {
                out.open(b'{');
                out.number("address", hook);
                out.text("name", hooks::name_of(hook));
                out.close(b'}');
            }
        }
        out.key("fault");
        match known.fault {
            Some(fault) => out.quoted(fault),
            None => out.raw("null"),
        }
        out.key("reserved");
        out.open(b'[');
        for word in &words[2..] {
            out.item(*word);
        }
        out.close(b']');
        out.close(b'}');
    }
    out.close(b']');
}

/// The kernel's own look at what it keeps: the first thing that is wrong, or that nothing is.
fn check(_request: &Request, out: &mut Out) -> Answer {
    if !churn::is_still() {
        return Err("check needs a frozen guest");
    }
    let result = check::run();
    done(out, |out| {
        out.boolean("healthy", result.is_ok());
        if let Err(violation) = result {
            out.text("violation", violation.rule);
            out.number("pfn", violation.frame);
        }
        out.number("pinned", check::pinned());
    })
}

fn maps(_request: &Request, out: &mut Out) -> Answer {
    let mut total = 0;
    for space in ADDRESS_SPACES.lock().iter() {
        for (address, mapping) in space.mappings.iter() {
            out.open(b'{');
            out.number("pid", space.pid as u64);
            out.number("va", *address);
            out.number("pa", mapping.physical);
            out.number("size", PAGE << (9 * mapping.level));
            out.boolean("writable", mapping.writable);
            out.boolean("executable", mapping.executable);
            out.close(b'}');
            out.end_line();
            total += 1;
        }
    }
    done(out, |out| out.number("mappings", total))
}

fn index(_request: &Request, out: &mut Out) -> Answer {
    let index = GLOBAL_MAPPING_INDEX.get().index.lock();
    for (cap, mappings) in index.iter() {
        out.open(b'{');
        out.number("cap", cap.0);
        out.boolean("spilled", mappings.spilled());
        out.key("mappings");
        out.open(b'[');
        for mapping in mappings.as_slice() {
            out.element(b'{');
            out.number("pid", mapping.pid as u64);
            out.number("va", mapping.vaddr);
            out.number("size", mapping.page_size);
            out.close(b'}');
        }
        out.close(b']');
        out.close(b'}');
        out.end_line();
    }
    done(out, |out| out.number("capabilities", index.len() as u64))
}

fn owners(_request: &Request, out: &mut Out) -> Answer {
    let entries = OWNERSHIP_TABLE.get().entries.lock();
    for (block, entry) in entries.iter() {
        out.open(b'{');
        out.number("base", block.base.0);
        out.number("order", block.order as u64);
        out.number("state", entry.state as u64);
        out.number("refcount", entry.refcount as u64);
        out.number("transient_refs", entry.transient_refs as u64);
        out.boolean("spilled", entry.caps.spilled());
        out.key("caps");
        out.open(b'[');
        for cap in entry.caps.as_slice() {
            out.item(cap.0);
        }
        out.close(b']');
        out.close(b'}');
        out.end_line();
    }
    done(out, |out| out.number("owners", entries.len() as u64))
}

fn zones(out: &mut Out) {
    let guard = BUDDY_ALLOCATOR.lock();
    out.key("zones");
    out.open(b'[');
    for zone in guard.iter().flat_map(|buddy| buddy.zones.iter()) {
        out.element(b'{');
        out.number("type", zone.zone_type as u64);
        out.number("base", zone.base.0);
        out.number("page_count", zone.page_count as u64);
        out.number("present_pages", zone.present_pages as u64);
        out.number("span_pages", zone.span_pages as u64);
        out.number("allocated", zone.allocated as u64);
        out.number("reserved_pages", zone.reserved_pages as u64);
        out.key("segments");
        out.open(b'[');
        for segment in zone.segments() {
            out.element(b'{');
            out.number("base", segment.base.0);
            out.number("page_count", segment.page_count as u64);
            for (name, heads) in [("unmovable", 0), ("movable", 1)] {
                out.key(name);
                out.open(b'[');
                for order in 0..segment.free_lists[heads].len() {
                    out.element(b'[');
                    out.item(segment.free_lists[heads][order]);
                    out.item(segment.free_blocks[heads][order] as u64);
                    out.close(b']');
                }
                out.close(b']');
            }
            out.close(b'}');
        }
        out.close(b']');
        out.close(b'}');
    }
    out.close(b']');
}

fn caches(out: &mut Out) {
    out.key("caches");
    out.open(b'[');
    for (index, cache) in LOCAL_FRAME_CACHES.iter().enumerate() {
        let cache = cache.lock();
        if cache.len == 0 {
            continue;
        }
        out.element(b'{');
        out.number("index", index as u64);
        out.key("frames");
        out.open(b'[');
        for frame in &cache.frames[..cache.len] {
            out.item(*frame);
        }
        out.close(b']');
        out.close(b'}');
    }
    out.close(b']');
}
