//! What one store costs: rows in order into an empty store, then the batches of deliveries, then reading what is there.
//! It runs in a process of its own, so that the process's counters are the store's.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    meter,
    store::{Batch, Budget, Fallible, Scan, Space, Store},
    stores::Kind,
    traffic::{Appointment, BATCH, ENDED, Key, Random, SOURCES, Traffic},
};

/// What the projection gives its store.
const BUDGET: Budget = Budget { cache_bytes: 64 << 20, memtable_bytes: 24 << 20 };

const LOOK_UPS: u64 = 200_000;
/// A query looks up so many rows in one view.
const LOOK_UPS_IN_VIEW: u64 = 50;
const SCANS: u64 = 10_000;
/// A page of a list.
pub(crate) const SCAN_ROWS: usize = 50;
/// This part of all reads comes before the measured ones, to fill the caches.
const WARM_UP_PART: u64 = 4;

/// How much there is to do.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) seed: u64,
}

impl Size {
    fn appointments(self) -> u64 {
        self.rows / Appointment::SPACES.len() as u64
    }

    /// Three for four rows.
    pub(crate) fn deliveries(self) -> u64 {
        self.batches() * BATCH
    }

    fn batches(self) -> u64 {
        self.rows * 3 / 4 / BATCH
    }
}

/// A figure, by the name that the table knows.
pub(crate) type Figures = Vec<(&'static str, f64)>;

pub(crate) fn measure(kind: Kind, folder: &Path, size: Size) -> Fallible<Figures> {
    let mut figures = Figures::new();
    let mut traffic = Traffic::after_visits(size.appointments(), size.seed);
    ingest(kind, folder, &traffic, &mut figures)?;
    write(kind, folder, &mut traffic, size, &mut figures)?;
    figures.push(("disk", meter::bytes_under(folder)? as f64 / 1e6));
    read(kind, folder, &traffic, size, &mut figures)?;
    Ok(figures)
}

fn ingest(kind: Kind, folder: &Path, traffic: &Traffic, figures: &mut Figures) -> Fallible<()> {
    let rows = traffic.rows();
    // What it takes to make the rows; the first time also pays for pages of memory.
    let mut making = Duration::ZERO;
    for _ in 0..2 {
        let begun = meter::process_cpu();
        for space in Space::ALL {
            rows.each(space, &mut |key, value| {
                black_box((key, value));
                Ok(())
            })?;
        }
        making = meter::process_cpu() - begun;
    }
    let store = (kind.open)(folder, BUDGET)?;
    let (cpu, written) = (meter::process_cpu(), meter::written_bytes()?);
    store.ingest(&rows)?;
    meter::settle()?;
    store.close()?;
    let cpu = (meter::process_cpu() - cpu).saturating_sub(making);
    figures.push(("ingest-cpu", micros(cpu, rows.len() as u64)));
    figures.push(("ingest-written", (meter::written_bytes()? - written) as f64 / 1e6));
    Ok(())
}

fn write(kind: Kind, folder: &Path, traffic: &mut Traffic, size: Size, figures: &mut Figures) -> Fallible<()> {
    let store = (kind.open)(folder, BUDGET)?;
    let mut batch = Batch::default();
    let (mut operations, mut making, mut writing) = (0, Duration::ZERO, Duration::ZERO);
    let (cpu, written) = (meter::process_cpu(), meter::written_bytes()?);
    for _ in 0..size.batches() {
        let begun = meter::thread_cpu();
        traffic.fill(&mut batch);
        making += meter::thread_cpu() - begun;
        operations += batch.len();
        let begun = Instant::now();
        store.write(&batch)?;
        writing += begun.elapsed();
    }
    store.flush()?;
    meter::settle()?;
    store.close()?;
    let cpu = meter::process_cpu() - cpu - making;
    figures.push(("write-cpu", micros(cpu, size.deliveries())));
    figures.push(("write-wall", micros(writing, size.deliveries())));
    figures.push(("write-written", (meter::written_bytes()? - written) as f64 / 1e6));
    figures.push(("operations", operations as f64 / size.deliveries() as f64));
    Ok(())
}

fn read(kind: Kind, folder: &Path, traffic: &Traffic, size: Size, figures: &mut Figures) -> Fallible<()> {
    let store = (kind.open)(folder, BUDGET)?;
    traffic.rows().compare(&*store.view()?)?;
    meter::settle()?;
    let reader = Reader { store: &*store, traffic };
    let timed = |count: u64, read: &dyn Fn(u64, &mut Random) -> Fallible<()>| -> Fallible<f64> {
        read(count / WARM_UP_PART, &mut Random::of(size.seed + 1))?;
        let begun = meter::process_cpu();
        read(count, &mut Random::of(size.seed + 2))?;
        Ok(micros(meter::process_cpu() - begun, count))
    };
    figures.push(("look-up", timed(LOOK_UPS, &|count, random| reader.look_up(count, random))?));
    figures.push(("scan-up", timed(SCANS, &|count, random| reader.scan(count, false, random))?));
    figures.push(("scan-down", timed(SCANS, &|count, random| reader.scan(count, true, random))?));
    store.close()
}

struct Reader<'a> {
    store: &'a dyn Store,
    traffic: &'a Traffic,
}

impl Reader<'_> {
    /// Looks up the rows of random appointments.
    fn look_up(&self, count: u64, random: &mut Random) -> Fallible<()> {
        for _ in 0..count / LOOK_UPS_IN_VIEW {
            let view = self.store.view()?;
            for _ in 0..LOOK_UPS_IN_VIEW {
                let appointment = &self.traffic.appointments()[random.place(self.traffic.appointments().len())];
                let key = appointment.key(Space::Appointments);
                let mut is_right = false;
                view.get(Space::Appointments, &key, &mut |value| is_right = appointment.is_told_by(value))?;
                if !is_right {
                    return Err(format!("a look-up of {key:?} does not find its row").into());
                }
            }
        }
        Ok(())
    }

    /// Reads pages of a source's appointments that have ended, by the position of their last delivery.
    fn scan(&self, count: u64, is_down: bool, random: &mut Random) -> Fallible<()> {
        for _ in 0..count {
            let source = Key::default().u32(u32::try_from(1 + random.below(SOURCES))?).u8(ENDED);
            // Not near an end, where there is no whole page.
            let tenth = self.traffic.position() / 10;
            let at = source.u64(tenth + random.below(8 * tenth));
            let (from, to) = if is_down { (source.u64(0), at) } else { (at, source.u64(u64::MAX)) };
            let scan = Scan { space: Space::ByLast, from: &from, to: &to, is_down, rows_max: SCAN_ROWS };
            let (mut rows, mut is_right, mut last) = (0, true, Vec::with_capacity(at.len() * 2));
            self.store.view()?.scan(&scan, &mut |key, _| {
                is_right &= key.starts_with(&source) && (rows == 0 || (*key < *last) == is_down);
                rows += 1;
                last.clear();
                last.extend_from_slice(key);
            })?;
            if !is_right || rows != SCAN_ROWS {
                return Err(format!("a scan from {at:?} has {rows} rows, or others than it should").into());
            }
        }
        Ok(())
    }
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
