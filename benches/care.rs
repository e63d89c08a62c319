//! What looking after a log costs: `cargo bench --bench care -- [--deliveries N] [--keep DIRECTORY]`.
//!
//! A log of invented traffic (`clockfold simulate`, 50 sources) is made, or the one that was kept is used again; then
//! everything is measured on it, and one table is printed. Every figure stands beside another one of the same run:
//! machines differ and drift, the ratios do so much less. What is to be measured too is one more function in [`ROWS`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]

use std::{
    collections::HashMap,
    error::Error,
    fs::{self, File},
    hint::black_box,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use clockfold::{
    lifecycle::{Appointment, Arrival, FoldRules},
    log::{
        AppointmentId, Block, DataDir, Delivery, Digest, Head, Log, LogError, NewDelivery, Position, Reading, SledLog,
        SourceName,
    },
    projection::{
        AppointmentFilter, BoardOf, Moment, Order, OrderBy, Page, Projection, RebuildResources, Rules, StaleRules,
        rebuild_beside, state_digest_of,
    },
    simulate::{Shape, Simulation},
};

type Fallible<T> = Result<T, Box<dyn Error>>;

const DELIVERIES: u64 = 1_000_000;
/// How many are written one by one: each waits for the disk.
const ONE_BY_ONE: u64 = 50_000;
/// How many are held at once.
const CHUNK: usize = 1 << 16;

/// What is measured, in this order. A row may be compared with an earlier one.
const ROWS: [fn(&Care, &mut Table) -> Fallible<()>; 11] =
    [fold, invent, read_files, read_log, from_memory, rebuild, past, forgotten, start, commands, disk];
/// A source has a day with so many more appointments, where the log is long enough for that.
const DENSE_DAY: u64 = 20_000;
/// Moments at which a board is looked at, evenly over the log.
const MOMENTS: u64 = 50;
/// Sources of which one board is made, and how often.
const SOURCES: u64 = 50;
const LOOKS: u32 = 20;
/// Appointments that are looked up.
const LOOK_UPS: usize = 2_000;

/// The log that everything is measured on.
struct Care {
    directory: PathBuf,
    /// For what is made on the way.
    scratch: PathBuf,
    deliveries: u64,
    one_by_one: u64,
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    // `cargo test --all-targets` runs benches too, without `--bench`: then it is enough that it works.
    let in_earnest = arguments.iter().any(|argument| argument == "--bench");
    let wanted = value("--deliveries").map(|number| number.parse::<u64>()).transpose()?;
    // Not the system's folder for temporary files, which may be memory.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let directory = value("--keep").map_or_else(|| scratch.path().join("made"), PathBuf::from);
    if directory.join("log").is_dir() {
        eprintln!("using {} as it is", directory.display());
    } else {
        simulate(&directory, wanted.unwrap_or(if in_earnest { DELIVERIES } else { 3_000 }), 64)?;
    }
    let deliveries = open(&directory)?.head().position.get();
    if let Some(wanted) = wanted.filter(|wanted| *wanted != deliveries) {
        return Err(format!("{} holds {deliveries} deliveries, not {wanted}", directory.display()).into());
    }
    let one_by_one = if in_earnest { ONE_BY_ONE.min(deliveries) } else { 300 };
    let care = Care { directory, scratch: scratch.path().to_owned(), deliveries, one_by_one };
    let mut table = Table::default();
    for measure in ROWS {
        measure(&care, &mut table)?;
    }
    println!("{deliveries} deliveries, {} appointments", table.figure("appointments").unwrap_or(0.0));
    table.print();
    Ok(())
}

/// The fold of all deliveries, with everything in memory: what no rebuild can be faster than.
fn fold(care: &Care, table: &mut Table) -> Fallible<()> {
    let rules = FoldRules::default();
    let mut sources: HashMap<SourceName, u64> = HashMap::new();
    let mut appointments: HashMap<(u64, u64), Appointment> = HashMap::new();
    let mut took = Duration::ZERO;
    care.for_each_chunk(|chunk| {
        let begun = Instant::now();
        for delivery in chunk {
            let known = sources.len() as u64;
            let source = match sources.get(&delivery.source) {
                Some(source) => *source,
                None => *sources.entry(delivery.source.clone()).or_insert(known),
            };
            let Some(id) = delivery.reading.appointment_id() else { continue };
            let appointment = appointments.entry((source, id.get())).or_default();
            let (position, received_at) = (delivery.position.get(), delivery.received_at);
            let arrival = Arrival { position, received_at, reading: delivery.reading.event_type() };
            black_box(appointment.fold(&rules, arrival));
        }
        took += begun.elapsed();
    })?;
    table.aside("appointments", appointments.len() as f64);
    table.rate("fold, in memory", care.deliveries, took, "fold, in memory");
    Ok(())
}

/// As many deliveries from the generator alone: what the making of a log can't be faster than.
fn invent(care: &Care, table: &mut Table) -> Fallible<()> {
    let start = "2025-01-06T13:00:00Z".parse()?;
    let begun = Instant::now();
    Simulation::new(1, start, Shape::default()).take(usize::try_from(care.deliveries)?).for_each(|made| {
        black_box(made);
    });
    table.rate("invent them", care.deliveries, begun.elapsed(), "fold, in memory");
    Ok(())
}

/// The bytes of the log's files, and nothing made of them.
fn read_files(care: &Care, table: &mut Table) -> Fallible<()> {
    let begun = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    for file in files(&care.directory.join("log"))? {
        let mut file = File::open(file)?;
        while file.read(&mut buffer)? > 0 {
            black_box(&buffer);
        }
    }
    table.rate("read the files' bytes", care.deliveries, begun.elapsed(), "fold, in memory");
    Ok(())
}

/// Every delivery as the log hands it out, its chain held against what the groups say.
fn read_log(care: &Care, table: &mut Table) -> Fallible<()> {
    let log = open(&care.directory)?;
    let begun = Instant::now();
    let mut count = 0;
    for delivery in log.read(Position::ZERO.next()) {
        black_box(delivery?);
        count += 1;
    }
    let took = begun.elapsed();
    assert_eq!(count, care.deliveries);
    table.rate("read the log", care.deliveries, took, "fold, in memory");
    Ok(())
}

/// The rows of a projection out of deliveries that are in memory already, without a disk.
fn from_memory(care: &Care, table: &mut Table) -> Fallible<()> {
    let (mut blocks, mut digest) = (Vec::new(), Digest::EMPTY);
    care.for_each_chunk(|chunk| {
        for part in chunk.chunks(1 << 12) {
            blocks.push(Block::of(digest, part.to_vec()));
            digest = part.iter().fold(digest, Digest::then);
        }
    })?;
    let memory = Memory { head: open(&care.directory)?.head(), blocks: Mutex::new(blocks) };
    let begun = Instant::now();
    let resources = RebuildResources { memory_bytes: 4 << 30, ..RebuildResources::default() };
    let (head, rules) = (memory.head.position, Rules::default());
    state_digest_of(&memory, head, &care.projections(), &rules, &resources, &mut |_| Ok(()))?;
    table.rate("the same rows from memory, without a disk", care.deliveries, begun.elapsed(), "fold, in memory");
    Ok(())
}

/// A log that was read before it is asked for, once.
struct Memory {
    head: Head,
    blocks: Mutex<Vec<Block>>,
}

impl Log for Memory {
    fn append(&self, _: Vec<NewDelivery>) -> Result<Vec<Position>, LogError> {
        Err(LogError::Closed("it is only read".to_owned()))
    }

    fn read(&self, _: Position) -> Box<dyn Iterator<Item = Result<Delivery, LogError>> + '_> {
        Box::new(std::iter::empty())
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<Block, LogError>> + '_> {
        let blocks = self.blocks.lock().map(|mut blocks| std::mem::take(&mut *blocks)).unwrap_or_default();
        Box::new(blocks.into_iter().map(Ok))
    }

    fn head(&self) -> Head {
        self.head
    }

    fn digest_at(&self, _: Position) -> Result<Digest, LogError> {
        Ok(self.head.digest)
    }

    fn erase(&self, _: &[Position]) -> Result<usize, LogError> {
        Ok(0)
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn backend(&self) -> &'static str {
        "memory"
    }
}

/// The projection out of the log, with every index that queries use, on every core; and the same rows without a disk.
fn rebuild(care: &Care, table: &mut Table) -> Fallible<()> {
    let log = open(&care.directory)?;
    let (rules, resources) = (Arc::new(Rules::default()), RebuildResources::default());
    let begun = Instant::now();
    let built = rebuild_beside(None, &care.projections(), rules, &log, &resources, &mut |_| Ok(()))?;
    drop(built.take_the_place_of(None, &care.projections())?);
    table.rate("rebuild, all indexes", care.deliveries, begun.elapsed(), "the same rows from memory, without a disk");
    let bytes = bytes_under(&care.projections())?;
    table.bytes(
        "projection, an appointment",
        bytes / table.figure("appointments").unwrap_or(1.0),
        "projection, an appointment",
    );
    let begun = Instant::now();
    let head = log.head().position;
    state_digest_of(&log, head, &care.projections(), &Rules::default(), &resources, &mut |_| Ok(()))?;
    table.rate("the same rows from the log, without a disk", care.deliveries, begun.elapsed(), "rebuild, all indexes");
    Ok(())
}

/// What was true at earlier moments, beside what is true now.
fn past(care: &Care, table: &mut Table) -> Fallible<()> {
    let log = open(&care.directory)?;
    let rules = Arc::new(Rules::default());
    let projection = Projection::open_and_catch_up(&care.projections(), Arc::clone(&rules), &log, &mut |_| {})?;
    let view = projection.reader().view();
    let source: SourceName = view.sources().find(|name| name.as_str() == "downtown").cloned().ok_or("no source")?;
    let (head, fold) = (log.head().position, FoldRules::default());
    let board = |position: Position| -> Fallible<(f64, u64)> {
        let time = log.read(position).next().ok_or("no delivery")??.received_at;
        let begun = Instant::now();
        let moment = Moment { position: view.position_at(&log, time)?, time };
        let of = BoardOf { source: &source, fold: &fold, stale: StaleRules::default() };
        let board = view.board(&[of], moment, TimeDelta::hours(24), 5_000)?;
        let appointments = board.columns.values().map(|column| column.count).sum::<u64>() + board.stale.count;
        Ok((begun.elapsed().as_secs_f64() * 1e3, appointments))
    };
    table.add("board, now", board(head)?.0, "ms", Some("board, now"));
    let mut slowest = (0.0, 0);
    for moment in 1..=MOMENTS {
        let told = board(Position::new((head.get() * moment / MOMENTS).max(1)))?;
        if told.0 > slowest.0 {
            slowest = told;
        }
    }
    table.add(
        &format!("board as of, slowest of {MOMENTS}: {} appointments", slowest.1),
        slowest.0,
        "ms",
        Some("board, now"),
    );

    let page = Page { after: None, before: None, limit: LOOK_UPS, from_end: false };
    let filter = AppointmentFilter { sources: vec![source.clone()], ..AppointmentFilter::default() };
    let records = view.appointments(&filter, Order::default(), &page)?.items;
    let begun = Instant::now();
    for record in &records {
        black_box(view.appointment(&record.key)?);
    }
    let now = begun.elapsed().as_secs_f64() * 1e6 / records.len() as f64;
    table.add("an appointment, now", now, "us", Some("an appointment, now"));
    let begun = Instant::now();
    for record in &records {
        // In the middle of its visit.
        let as_of = Position::new(record.last_position.get() - 1);
        black_box(view.appointment_as_of(&record.key, as_of, &fold)?);
    }
    let then = begun.elapsed().as_secs_f64() * 1e6 / records.len() as f64;
    table.add("an appointment as of", then, "us", Some("an appointment, now"));
    Ok(())
}

/// A board of many clinics whose staff have forgotten thousands, and have a few there; a page of what changed last.
fn forgotten(care: &Care, table: &mut Table) -> Fallible<()> {
    let directory = care.scratch.join("forgotten");
    let now = Arc::new(Mutex::new("2025-01-06T13:00:00Z".parse::<DateTime<Utc>>()?));
    let clock = Arc::clone(&now);
    let clock = move || *clock.lock().unwrap_or_else(PoisonError::into_inner);
    let log = SledLog::open(&DataDir::at(&directory), Arc::new(clock))?;
    let steps = ["create", "checkin", "ready", "callback"];
    let append = |ids: Range<u64>| -> Fallible<()> {
        let mut group = Vec::new();
        for id in ids {
            for step in &steps[..usize::try_from(1 + id / 7 % 4)?] {
                let reading = Reading::Readable {
                    appointment_id: AppointmentId::new(id).ok_or("no id")?,
                    event_type: (*step).into(),
                };
                let source = format!("clinic-{}", id % SOURCES).parse()?;
                group.push(NewDelivery { source, reading, delivery_id: None, body: Vec::new() });
            }
            if group.len() > CHUNK {
                log.append(std::mem::take(&mut group))?;
            }
        }
        log.append(group)?;
        Ok(())
    };
    let forgotten = care.deliveries / 16;
    append(1..forgotten + 1)?;
    let later = {
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        *now += TimeDelta::days(60);
        *now
    };
    append(forgotten + 1..forgotten + 500)?;
    let projection =
        Projection::open_and_catch_up(&directory.join("projection"), Arc::new(Rules::default()), &log, &mut |_| {})?;
    let view = projection.reader().view();
    let sources: Vec<SourceName> = view.sources().cloned().collect();
    let fold = FoldRules::default();
    let of = sources.iter().map(|source| BoardOf { source, fold: &fold, stale: StaleRules::default() });
    let of: Vec<BoardOf<'_>> = of.collect();
    let moment = Moment { position: log.head().position, time: later };
    let begun = Instant::now();
    for _ in 0..LOOKS {
        let board = view.board(&of, moment, TimeDelta::hours(24), 5_000)?;
        assert_eq!(board.stale.count, forgotten);
    }
    let ms = |begun: Instant| begun.elapsed().as_secs_f64() * 1e3 / f64::from(LOOKS);
    table.add(&format!("board of {SOURCES} sources, {forgotten} forgotten"), ms(begun), "ms", Some("board, now"));
    let filter = AppointmentFilter { sources: sources.clone(), ..AppointmentFilter::default() };
    let page = Page { after: None, before: None, limit: 50, from_end: false };
    let begun = Instant::now();
    for _ in 0..LOOKS {
        let order = Order { by: OrderBy::LastPosition, descending: true };
        assert_eq!(view.appointments(&filter, order, &page)?.items.len(), 50);
    }
    table.add(&format!("50 that changed last, of {SOURCES} sources"), ms(begun), "ms", Some("board, now"));
    Ok(())
}

/// Opening everything, as a start does.
fn start(care: &Care, table: &mut Table) -> Fallible<()> {
    let begun = Instant::now();
    let log = open(&care.directory)?;
    drop(Projection::open_and_catch_up(&care.projections(), Arc::new(Rules::default()), &log, &mut |_| {})?);
    table.add("open log and projection", begun.elapsed().as_secs_f64() * 1e3, "ms", Some("open log and projection"));
    Ok(())
}

/// The commands, as anybody would call them.
fn commands(care: &Care, table: &mut Table) -> Fallible<()> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let (export, backup) = (text(care.scratch.join("all.ndjson")), text(care.scratch.join("backup")));
    let (imported, restored) = (care.scratch.join("imported"), care.scratch.join("restored"));
    let steps: [(&str, Vec<&str>, &Path); 6] = [
        ("verify", vec!["verify"], &care.directory),
        ("export", vec!["export", "--output", &export], &care.directory),
        ("import", vec!["import", &export], &imported),
        ("backup", vec!["backup", &backup], &care.directory),
        ("verify the backup", vec!["verify", &backup], &care.directory),
        ("restore", vec!["restore", &backup], &restored),
    ];
    for (name, arguments, directory) in steps {
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
        let status = command.args(arguments).arg("--data-dir").arg(directory).stdout(Stdio::null()).status()?;
        if !status.success() {
            return Err(format!("{name} ended with {status}").into());
        }
        table.rate(name, care.deliveries, begun.elapsed(), "read the log");
    }
    Ok(())
}

/// What a delivery takes of the disk.
fn disk(care: &Care, table: &mut Table) -> Fallible<()> {
    let bytes = bytes_under(&care.directory.join("log"))?;
    let appointments = table.figure("appointments").unwrap_or(1.0);
    table.bytes("log, a delivery", bytes / care.deliveries as f64, "log, a delivery");
    table.bytes("log, an appointment", bytes / appointments, "log, a delivery");
    // The same deliveries both ways: a small log has a part that a large one does not notice.
    for (name, group) in [("by 64, a delivery", 64), ("one by one, a delivery", 1)] {
        let directory = care.scratch.join(format!("by-{group}"));
        simulate(&directory, care.one_by_one, group)?;
        let bytes = bytes_under(&directory.join("log"))?;
        let name = format!("{} {name}", care.one_by_one);
        table.bytes(&name, bytes / care.one_by_one as f64, "log, a delivery");
    }
    Ok(())
}

impl Care {
    /// Where the projection is built.
    fn projections(&self) -> PathBuf {
        self.scratch.join("projection")
    }

    /// Hands out all deliveries, many at a time, so that what is made of them can be timed without reading them.
    fn for_each_chunk(&self, mut take: impl FnMut(&[Delivery])) -> Fallible<()> {
        let log = open(&self.directory)?;
        let mut deliveries = log.read(Position::ZERO.next());
        loop {
            let chunk = deliveries.by_ref().take(CHUNK).collect::<Result<Vec<_>, _>>()?;
            if chunk.is_empty() {
                return Ok(());
            }
            take(&chunk);
        }
    }
}

fn open(directory: &Path) -> Fallible<SledLog> {
    Ok(SledLog::open(&DataDir::at(directory), Arc::new(chrono::Utc::now))?)
}

/// Makes a data directory, as anybody would.
fn simulate(directory: &Path, deliveries: u64, group: u64) -> Fallible<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clockfold"));
    command.args(["simulate", "--deliveries", &deliveries.to_string(), "--group", &group.to_string()]);
    if deliveries >= DELIVERIES {
        command.args(["--dense-day", &DENSE_DAY.to_string()]);
    }
    command.arg("--into");
    let status = command.arg(directory).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("simulate ended with {status}").into()) }
}

fn files(folder: &Path) -> Fallible<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn bytes_under(folder: &Path) -> Fallible<f64> {
    let mut bytes = 0;
    for file in files(folder)? {
        bytes += fs::metadata(file)?.len();
    }
    Ok(bytes as f64)
}

/// Figures, each beside another one.
#[derive(Default)]
struct Table(Vec<Row>);

struct Row {
    name: String,
    figure: f64,
    unit: &'static str,
    /// The row that it is compared with; not printed where it is not.
    to: Option<&'static str>,
}

impl Table {
    fn rate(&mut self, name: &str, count: u64, took: Duration, to: &'static str) {
        self.add(name, count as f64 / took.as_secs_f64(), "deliveries/s", Some(to));
    }

    fn bytes(&mut self, name: &str, figure: f64, to: &'static str) {
        self.add(name, figure, "bytes", Some(to));
    }

    /// A figure that others need.
    fn aside(&mut self, name: &str, figure: f64) {
        self.add(name, figure, "", None);
    }

    fn add(&mut self, name: &str, figure: f64, unit: &'static str, to: Option<&'static str>) {
        self.0.push(Row { name: name.to_owned(), figure, unit, to });
    }

    fn figure(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|row| row.name == name).map(|row| row.figure)
    }

    fn print(&self) {
        println!("{:<48} {:>14}                {:>8}", "", "", "ratio");
        for Row { name, figure, unit, to } in &self.0 {
            let Some(to) = to else { continue };
            let ratio = self.figure(to).map_or(f64::NAN, |other| figure / other);
            println!("{name:<48} {figure:>14.1} {unit:<14} {ratio:>8.3}  to: {to}");
        }
    }
}
