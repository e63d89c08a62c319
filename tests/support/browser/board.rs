//! A board to look at: appointments that have a past, and what a page shows of them.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use chrono::{TimeDelta, Utc};
use clockfold::log::{DataDir, Log as _, NewDelivery, SledLog};

use crate::support::{
    browser::Browser,
    delivery_from,
    server::{Server, data_dir},
};

/// Three clinics; the waits of one are judged by its own thresholds.
pub const CLINICS: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-downtown"]
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-lakeside"]
[[source]]
name = "hilltop"
route_keys = ["the-route-key-of-hilltop"]
long_wait_minutes = 20
very_long_wait_minutes = 45
"#;

/// An event of an appointment, so many minutes ago.
pub type Past<'a> = (i64, &'a str, u64, &'a str);

/// Writes what has happened into the log that a server in `folder` will have. The log is the real one; only its clock
/// shows the past.
pub fn happened(folder: &Path, events: &[Past]) {
    let mut events: Vec<Past> = events.to_vec();
    events.sort_by_key(|(minutes_ago, ..)| -minutes_ago);
    let begun = Utc::now();
    let now = Arc::new(Mutex::new(begun));
    let told = Arc::clone(&now);
    let log = SledLog::open(&DataDir::at(data_dir(folder)), Arc::new(move || *told.lock().unwrap())).unwrap();
    let mut rest = events.as_slice();
    while let Some((minutes_ago, ..)) = rest.first() {
        let together = rest.iter().take_while(|event| event.0 == *minutes_ago).count();
        let group: Vec<NewDelivery> =
            rest[..together].iter().map(|&(_, source, id, event)| delivery_from(source, id, event)).collect();
        *now.lock().unwrap() = begun - TimeDelta::minutes(*minutes_ago);
        log.append(group).unwrap();
        rest = &rest[together..];
    }
}

/// A clinic day in full swing: every column, long and very long waits, and a few that somebody has forgotten.
pub fn busy_day() -> Vec<Past<'static>> {
    let mut events: Vec<Past> = Vec::new();
    let mut visit = |source: &'static str, id: u64, steps: &[(i64, &'static str)]| {
        events.extend(steps.iter().map(|&(minutes_ago, event)| (minutes_ago, source, id, event)));
    };
    for (index, source) in
        ["downtown", "lakeside", "hilltop", "downtown", "downtown", "lakeside"].into_iter().enumerate()
    {
        let (number, late) = (index as u64, index as i64);
        visit(source, 52_468_900 + number, &[(300 - 20 * late, "create")]);
        visit(source, 52_468_800 + number, &[(200, "create"), (88 - 14 * late, "checkin")]);
        visit(source, 52_468_700 + number, &[(180, "create"), (90, "checkin"), (66 - 12 * late, "ready")]);
        visit(
            source,
            52_468_600 + number,
            &[(220, "create"), (100, "checkin"), (80, "ready"), (40 - 6 * late, "callback")],
        );
        visit(
            source,
            52_468_500 + number,
            &[(400, "create"), (300, "checkin"), (290, "ready"), (200, "callback"), (150 - 20 * late, "discharge")],
        );
    }
    visit("lakeside", 52_468_311, &[(500, "create"), (240, "remove")]);
    visit("downtown", 52_468_312, &[(500, "create"), (100, "remove"), (95, "undo_remove"), (10, "remove")]);
    visit("downtown", 52_468_950, &[(240, "create"), (15, "reschedule")]);
    visit("hilltop", 52_468_851, &[(120, "create"), (30, "checkin"), (28, "ready"), (8, "undo_ready")]);
    for id in 52_460_001..=52_460_004 {
        visit("downtown", id, &[(60 * 40, "create"), (60 * 30, "checkin")]);
    }
    events
}

/// Opens a page, and waits until its board has come.
pub fn show(browser: &Browser, server: &Server, path: &str) {
    browser.go(&format!("http://{}{path}", server.address));
    browser.wait_until("document.querySelector('.columns:not([aria-busy=true])') && document.querySelector('.count')");
}

/// Whether a column has an appointment's card and no other column has.
pub fn holds(place: &str, id: u64) -> String {
    format!(
        "(() => {{ const at = [...document.querySelectorAll('.card-id')].filter((card) => card.innerText === '{id}')\
         .map((card) => card.closest('[data-place]').dataset.place); return at.length === 1 && at[0] === '{place}'; }})()"
    )
}
