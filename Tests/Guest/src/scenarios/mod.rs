//! Misuses that are planted on command and taken back, and near misses: what looks like one and is none.
//! Each subject has a file with a list; a scenario is a line in one of them.
mod code;
mod leaks;
mod lists;
mod ownership;
mod planter;
mod states;
mod vtables;

pub use leaks::pulse;
use crate::fixtures::{self, Kind};
use crate::json::Out;
use crate::sync::SpinLock;
use planter::{Journal, Planter};

type Plant = fn(&mut Planter) -> Result<(), &'static str>;

#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// The identifier of the finding it is about.
    pub about: &'static str,
    /// Whether that finding must be reported, or must not.
    pub is_misuse: bool,
    /// Findings that are just as true of what is planted.
    pub also: &'static [&'static str],
    /// What its fixture is.
    pub fixture: Kind,
    /// Whether it needs everything to stand still from planting to taking back: it changes what the allocator uses.
    pub needs_freeze: bool,
    /// Whether taking it back leaves every slot as it was; the others release a block through the kernel's own path.
    pub is_exact: bool,
    plant: Plant,
}

const fn scenario(name: &'static str, about: &'static str, is_misuse: bool, plant: Plant) -> Scenario {
    Scenario { name, about, is_misuse, also: &[], fixture: Kind::Owned, needs_freeze: false, is_exact: true, plant }
}

/// A scenario that must be reported as `about`.
const fn misuse(name: &'static str, about: &'static str, plant: Plant) -> Scenario {
    scenario(name, about, true, plant)
}

/// A scenario that must not be reported, least of all as `about`.
const fn near(name: &'static str, about: &'static str, plant: Plant) -> Scenario {
    scenario(name, about, false, plant)
}

impl Scenario {
    const fn also(mut self, also: &'static [&'static str]) -> Scenario {
        self.also = also;
        self
    }

    const fn on(mut self, fixture: Kind) -> Scenario {
        self.fixture = fixture;
        self
    }

    const fn frozen(mut self) -> Scenario {
        self.needs_freeze = true;
        self
    }

    const fn natural(mut self) -> Scenario {
        self.is_exact = false;
        self
    }
}

static GROUPS: [&[Scenario]; 6] = [&vtables::ALL, &code::ALL, &ownership::ALL, &leaks::ALL, &lists::ALL, &states::ALL];
/// Every scenario has a fixture of its own.
pub const COUNT: usize = vtables::ALL.len()
    + code::ALL.len()
    + ownership::ALL.len()
    + leaks::ALL.len()
    + lists::ALL.len()
    + states::ALL.len();

pub fn all() -> impl Iterator<Item = &'static Scenario> {
    GROUPS.iter().flat_map(|group| group.iter())
}

pub const FROZEN: &str = "a scenario needs the guest frozen: take it back first";

impl Journal {
    fn needs_freeze(&self) -> bool {
        all().enumerate().any(|(index, known)| known.needs_freeze && self.active[index])
    }

    /// What allocates or frees must not come across broken lists.
    fn allows(&self, known: &Scenario) -> Result<(), &'static str> {
        if known.is_exact || !self.needs_freeze() { Ok(()) } else { Err(FROZEN) }
    }
}

static JOURNAL: SpinLock<Journal> = SpinLock::new(Journal::new());

fn find(name: &str) -> Result<(usize, &'static Scenario), &'static str> {
    all().enumerate().find(|known| known.1.name == name).ok_or("no such scenario")
}

/// Plants `name` and writes what it is about, `changes` with every field that was set, and the `frames` concerned.
pub fn plant(name: &str, out: &mut Out) -> Result<(), &'static str> {
    let (index, known) = find(name)?;
    if known.needs_freeze && !crate::churn::is_still() {
        return Err("this scenario needs a frozen guest");
    }
    let mut journal = JOURNAL.lock();
    if journal.active[index] {
        return Err("already planted");
    }
    journal.allows(known)?;
    describe(known, out);
    out.key("changes");
    out.open(b'[');
    let fixture = fixtures::get(index);
    let mut planter = Planter::new(index, fixture, &mut *journal, &mut *out);
    let result = (known.plant)(&mut planter);
    let frames = planter.frames();
    if result.is_ok() {
        journal.active[index] = true;
    } else {
        journal.restore(index);
    }
    out.close(b']');
    out.key("frames");
    out.open(b'[');
    for frame in frames.iter().filter(|frame| **frame != u64::MAX) {
        out.item(*frame);
    }
    out.close(b']');
    result
}

/// Restores what `plant` changed, last change first.
pub fn unplant(name: &str) -> Result<(), &'static str> {
    let (index, known) = find(name)?;
    if known.needs_freeze && !crate::churn::is_still() {
        return Err("this scenario needs a frozen guest");
    }
    let mut journal = JOURNAL.lock();
    if !journal.active[index] {
        return Err("not planted");
    }
    journal.allows(known)?;
    journal.restore(index);
    journal.active[index] = false;
    Ok(())
}

/// Whether something is planted that the allocator must not come across.
pub fn needs_freeze() -> bool {
    JOURNAL.lock().needs_freeze()
}

fn describe(known: &Scenario, out: &mut Out) {
    out.text("about", known.about);
    out.key("finding");
    if known.is_misuse {
        out.quoted(known.about);
    } else {
        out.raw("null");
    }
    out.key("also");
    out.open(b'[');
    for identifier in known.also {
        out.element_text(identifier);
    }
    out.close(b']');
}

pub fn list(out: &mut Out) {
    let journal = JOURNAL.lock();
    out.key("scenarios");
    out.open(b'[');
    for (index, known) in all().enumerate() {
        out.element(b'{');
        out.text("name", known.name);
        describe(known, out);
        out.text("fixture", known.fixture.name());
        out.number("pfn", fixtures::get(index).base / crate::memory::PAGE);
        out.boolean("frozen", known.needs_freeze);
        out.boolean("exact", known.is_exact);
        out.boolean("planted", journal.active[index]);
        out.close(b'}');
    }
    out.close(b']');
}
