//! The table: a row a figure, a column a store, and behind each figure how many times ours it is. A wide range of rounds says
//! that the machine had other work: measure again.

use std::collections::BTreeMap;

use crate::{crash::Survival, measure::SCAN_ROWS};

/// All that was measured of one store.
pub(crate) struct Measured {
    name: &'static str,
    /// Of each figure, what every round says.
    figures: BTreeMap<String, Vec<f64>>,
    pub(crate) survival: Survival,
}

pub(crate) struct Table(pub(crate) Vec<Measured>);

/// The figures with their names here, and how many digits are true.
const ROWS: [(&str, &str, usize); 9] = [
    ("write-cpu", "CPU a delivery, µs", 2),
    ("write-wall", "wall time a delivery, µs", 2),
    ("ingest-cpu", "CPU a row ingested, µs", 3),
    ("look-up", "a look-up, µs", 2),
    ("scan-up", "a scan upwards, µs", 1),
    ("scan-down", "a scan downwards, µs", 1),
    ("ingest-written", "written while ingesting, MB", 0),
    ("write-written", "written for the deliveries, MB", 0),
    ("disk", "on disk at the end, MB", 0),
];

impl Measured {
    pub(crate) fn of(name: &'static str) -> Measured {
        Measured { name, figures: BTreeMap::new(), survival: Survival::default() }
    }

    pub(crate) fn add(&mut self, figures: &BTreeMap<String, f64>) {
        for (name, figure) in figures {
            self.figures.entry(name.clone()).or_default().push(*figure);
        }
    }

    fn median(&self, name: &str) -> f64 {
        let mut figures = self.figures.get(name).cloned().unwrap_or_default();
        figures.sort_unstable_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn range(&self, name: &str) -> String {
        let figures = self.figures.get(name).into_iter().flatten();
        let (least, most) =
            figures.fold((f64::MAX, 0.0_f64), |(least, most), figure| (least.min(*figure), most.max(*figure)));
        format!("{least:.2} to {most:.2}")
    }

    fn is_whole(&self) -> bool {
        self.survival.torn_views == 0 && self.survival.failure.is_none()
    }

    fn views(&self) -> String {
        let Survival { views, torn_views, .. } = self.survival;
        if torn_views == 0 { format!("yes, {views} views") } else { format!("NO, {torn_views} of {views}") }
    }

    fn kills(&self) -> String {
        let Survival { kills, batches, ref failure, .. } = self.survival;
        if failure.is_some() { format!("NO, at kill {kills}") } else { format!("yes, {kills}: {batches}") }
    }
}

impl Table {
    /// A figure that is the same for all stores.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.0.first().map_or(f64::NAN, |measured| measured.median(name))
    }

    pub(crate) fn is_ours_whole(&self) -> bool {
        self.0.iter().all(|measured| measured.name != "ours" || measured.is_whole())
    }

    pub(crate) fn print(&self) {
        self.line("", |measured| measured.name.to_owned());
        for (name, title, digits) in ROWS {
            let ours = self.0.iter().find(|measured| measured.name == "ours").map(|ours| ours.median(name));
            self.line(title, |measured| {
                let figure = measured.median(name);
                let ratio = ours.map_or_else(String::new, |ours| format!("{:.2}x", figure / ours));
                format!("{figure:.digits$} {ratio:>7}")
            });
        }
        self.line("CPU a delivery, all rounds", |measured| measured.range("write-cpu"));
        self.line("views saw whole batches", Measured::views);
        self.line("whole after kills: batches left", Measured::kills);
        println!("\nA scan reads {SCAN_ROWS} rows.");
        for Measured { name, survival, .. } in &self.0 {
            if let Some(failure) = &survival.failure {
                println!("{name}: {failure}");
            }
        }
    }

    fn line(&self, title: &str, cell: impl Fn(&Measured) -> String) {
        print!("{title:<32}");
        self.0.iter().for_each(|measured| print!("{:>24}", cell(measured)));
        println!();
    }
}
