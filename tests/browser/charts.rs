//! The charts in a real browser: their tables tell what `patientFlow` tells, their files what their tables tell, and the
//! keyboard is enough to read them.

use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::support::{
    browser::{
        Browser,
        board::happened,
        pages::{DESKTOP, look, tab_to, texts},
    },
    server::{Server, clockfold, data_dir},
};

/// The clinics of the invented traffic, in two time zones; one whose name a spreadsheet would take for a formula.
const CONFIG: &str = r#"
[[source]]
name = "downtown"
route_keys = ["the-route-key-of-clinic-one-here"]
reorder_window_s = 5
time_zone = "America/New_York"
[[source]]
name = "lakeside"
route_keys = ["the-route-key-of-clinic-two-here"]
time_zone = "Asia/Kolkata"
[[source]]
name = "-formula"
route_keys = ["the-route-key-of-clinic-three-here"]
time_zone = "Pacific/Auckland"
"#;

/// A server with some days of traffic, and when that begins and ends.
fn started(folder: &Path) -> (Server, DateTime<Utc>, DateTime<Utc>) {
    let data = data_dir(folder);
    let simulate = ["simulate", "--deliveries", "4000", "--sources", "2", "--into", data.to_str().unwrap()];
    let made = clockfold(folder, &[], &simulate);
    assert!(made.status == 0, "{}", made.stderr);
    let server = Server::start(folder, CONFIG);
    let at = |end: &str| {
        let told = server.query(&format!("{{ deliveries({end}: 1) {{ nodes {{ receivedAt }} }} }}"));
        told["deliveries"]["nodes"][0]["receivedAt"].as_str().unwrap().parse().unwrap()
    };
    let (first, last) = (at("first"), at("last"));
    (server, first, last)
}

const LOADED: &str = "document.querySelectorAll('.chart').length === 4 && !document.querySelector('.meta').innerText.includes('Loading')";

fn show(browser: &Browser, server: &Server, query: &str) {
    browser.go(&format!("http://{}/charts{query}", server.address));
    browser.wait_until(LOADED);
}

/// A stretch of one's own, on the clock of a zone.
fn own(zone: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let field = |time: DateTime<Utc>| time.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string();
    format!("range=own&from={}&to={}", field(from), field(to))
}

/// A chart's table: the head, and a row a step, its beginning first.
fn table(browser: &Browser, chart: &str) -> Vec<Vec<String>> {
    let open = format!(
        "const button = document.querySelector('[data-chart={chart}] [aria-expanded=false]'); button?.click(); return true"
    );
    browser.script(&open);
    browser.wait_until(&format!("document.querySelector('[data-chart={chart}] tbody tr')"));
    let rows = browser.script(&format!(
        "return [...document.querySelectorAll('[data-chart={chart}] tr')].map((row) => [...row.children].map((cell) => \
         cell.querySelector('time')?.dateTime ?? cell.innerText))"
    ));
    serde_json::from_value(rows).unwrap()
}

/// What is saved where `button` of a chart is pressed: the real file's bytes, as the browser is given them.
fn saved(browser: &Browser, chart: &str) -> (String, String) {
    let press = format!(
        "const made = URL.createObjectURL; let name = '';
         const clicked = (event) => {{ if (event.target.download) name = event.target.download; }};
         addEventListener('click', clicked, true);
         URL.createObjectURL = (blob) => {{ blob.text().then((text) => done([text, name, blob.type])); return made.call(URL, blob); }};
         document.querySelectorAll('[data-chart={chart}] .tools button')[1].click();
         URL.createObjectURL = made; removeEventListener('click', clicked, true);"
    );
    let told = browser.script_async(&press);
    assert_eq!(told[2], "text/csv;charset=utf-8");
    (told[0].as_str().unwrap().to_owned(), told[1].as_str().unwrap().to_owned())
}

/// Reads a file as RFC 4180 has it.
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', true) if characters.peek() == Some(&'"') => cell.extend(characters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {
                assert_eq!(characters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (other, _) => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty(), "the last row ends with CRLF");
    rows
}

/// What `patientFlow` tells, as a chart's columns have it.
fn expected(chart: &str, bucket: &Value) -> Vec<Option<f64>> {
    let minutes = |figures: &str, figure: &str| bucket[figures][figure].as_f64().map(|seconds| seconds / 60.0);
    let census = |status: &str| {
        let census = bucket["census"].as_array()?;
        census.iter().find(|count| count["status"] == *status)?["count"].as_f64()
    };
    match chart {
        "arrivals" => ["arrivals", "discharges"].map(|field| bucket[field].as_f64()).to_vec(),
        "census" => ["CHECKED_IN", "READY", "CALLED_BACK"].map(census).to_vec(),
        "waits" => vec![
            minutes("checkInToCallBack", "medianSeconds"),
            minutes("checkInToCallBack", "p90Seconds"),
            minutes("checkInToDischarge", "medianSeconds"),
            minutes("checkInToDischarge", "p90Seconds"),
        ],
        "rejected" => vec![bucket["rejectedRate"].as_f64().map(|share| share * 100.0)],
        other => panic!("{other}"),
    }
}

fn flow(server: &Server, arguments: &str) -> Vec<Value> {
    let figures = "{ medianSeconds p90Seconds }";
    let query = format!(
        "{{ patientFlow({arguments}) {{ from to arrivals discharges census {{ status count }} rejectedRate \
         checkInToCallBack {figures} checkInToDischarge {figures} }} }}"
    );
    server.query(&query)["patientFlow"].as_array().unwrap().clone()
}

#[test]
fn tables_are_what_patient_flow_tells_and_files_what_tables_tell() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first, last) = started(folder.path());
    let browser = Browser::open();
    let mut figures_seen = 0;
    for (source, zone, by, interval, from, to) in [
        (Some("downtown"), "America/New_York", "", "HOUR", first, first + Duration::hours(30)),
        (Some("lakeside"), "Asia/Kolkata", "&by=hour", "HOUR", first, last),
        (Some("lakeside"), "Asia/Kolkata", "&by=day", "DAY", first, last),
        (None, "UTC", "", "HOUR", first + Duration::hours(20), last),
    ] {
        let named = source.map_or_else(String::new, |source| format!("&source={source}"));
        show(&browser, &server, &format!("?{}{by}{named}", own(zone, from, to)));
        assert!(texts(&browser, ".meta")[0].contains(zone));
        // A field for a time has whole minutes.
        let minute = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:00Z").to_string();
        let named = source.map_or_else(String::new, |source| format!(r#"source: "{source}", "#));
        let arguments = format!(r#"{named}from: "{}", to: "{}", interval: {interval}"#, minute(from), minute(to));
        let buckets = flow(&server, &arguments);
        for chart in ["arrivals", "census", "waits", "rejected"] {
            let table = table(&browser, chart);
            assert_eq!(table.len(), buckets.len() + 1, "{chart} {arguments}");
            let (csv, name) = saved(&browser, chart);
            assert!(name.starts_with(&format!("clockfold-{chart}-{}-", source.unwrap_or("all"))), "{name}");
            let file = parse(&csv);
            assert_eq!(file.len(), table.len());
            assert_eq!(file[0][..4], ["Source", "From (UTC)", "To (UTC)", &format!("From ({zone})")]);
            assert_eq!(file[0][4..], table[0][1..]);
            for ((bucket, shown), saved) in buckets.iter().zip(&table[1..]).zip(&file[1..]) {
                assert_eq!(shown[0], bucket["from"].as_str().unwrap());
                assert_eq!(saved[1..3], [bucket["from"].as_str().unwrap(), bucket["to"].as_str().unwrap()]);
                let local: DateTime<chrono::FixedOffset> = saved[3].parse().unwrap();
                assert_eq!(local.to_utc(), shown[0].parse::<DateTime<Utc>>().unwrap());
                for ((expected, shown), saved) in expected(chart, bucket).into_iter().zip(&shown[1..]).zip(&saved[4..])
                {
                    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
                    assert_eq!(number(shown), number(saved), "{chart}: {shown} {saved}");
                    assert_eq!(shown == "–", saved.is_empty(), "{chart}: {shown} {saved}");
                    let (Some(expected), Some(shown)) = (expected, number(shown)) else {
                        assert_eq!((expected, number(shown)), (None, None), "{chart} {bucket}");
                        continue;
                    };
                    assert!((expected - shown).abs() <= 0.051, "{chart}: {shown}, not {expected}");
                    figures_seen += usize::from(shown != 0.0);
                }
            }
        }
    }
    assert!(figures_seen > 500, "{figures_seen}");
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Days begin at the clinic's midnight, also where the clocks are changed within the range.
#[test]
fn ranges_are_whole_days_of_the_source() {
    let folder = tempfile::tempdir().unwrap();
    happened(folder.path(), &[(60, "-formula", 1, "create"), (50, "-formula", 1, "checkin")]);
    let server = Server::start(folder.path(), CONFIG);
    let browser = Browser::open();
    for source in ["downtown", "lakeside", "-formula"] {
        for (range, days) in [("today", 1), ("7d", 7), ("30d", 30)] {
            show(&browser, &server, &format!("?range={range}&by=day&source={source}"));
            assert_eq!(table(&browser, "arrivals").len() - 1, days, "{range} {source}");
        }
        // The spring and the autumn of either half of the world; 366 days with both.
        for (from, to, days) in [
            ("2026-03-07T00:00", "2026-03-10T00:00", 3),
            ("2026-09-26T00:00", "2026-09-29T00:00", 3),
            ("2026-10-31T00:00", "2026-11-03T00:00", 3),
            ("2026-04-04T00:00", "2026-04-07T00:00", 3),
            ("2025-11-01T00:00", "2026-11-01T00:00", 365),
        ] {
            show(&browser, &server, &format!("?range=own&from={from}&to={to}&by=day&source={source}"));
            assert_eq!(table(&browser, "census").len() - 1, days, "{from} {source}");
            assert_eq!(browser.script("return document.querySelector('[name=from]').value"), json!(from), "{source}");
            assert_eq!(browser.script("return document.querySelector('[name=to]').value"), json!(to), "{source}");
        }
    }
    // A name that begins as a formula does stays a text.
    let (csv, _) = saved(&browser, "arrivals");
    assert!(parse(&csv)[1..].iter().all(|row| row[0] == "'-formula"), "{csv}");
    // By hours a year is more than the server tells: days it is.
    show(&browser, &server, "?range=own&from=2025-11-01T00:00&to=2026-10-01T00:00&by=hour&source=downtown");
    assert_eq!(table(&browser, "arrivals").len() - 1, 334);
    browser.go(&format!("http://{}/charts?range=own&from=2020-11-01T00:00&to=2026-10-01T00:00", server.address));
    browser
        .wait_until("document.querySelector('.notice[role=alert]')?.innerText === 'A stretch has at most 366 days.'");
}

#[test]
fn by_keyboard_the_figures_are_read_the_table_opened_and_the_range_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first, _) = started(folder.path());
    let browser = Browser::open();
    let range = own("America/New_York", first, first + Duration::hours(30));
    show(&browser, &server, &format!("?{range}&source=downtown"));
    browser.wait_until("document.querySelectorAll('.plot canvas').length === 4");
    tab_to(&browser, "[data-chart=arrivals] .plot");
    let value = |browser: &Browser| {
        browser.script(
            "const { ariaValueText, ariaValueNow } = document.activeElement; return [ariaValueText, ariaValueNow]",
        )
    };
    browser.press(&["Home"]);
    browser.wait_until("document.activeElement.ariaValueNow === '0'");
    for index in 0..12 {
        let told = value(&browser);
        assert_eq!(told[1], json!(index.to_string()));
        assert_eq!(texts(&browser, "[data-chart=arrivals] .readout")[0], told[0].as_str().unwrap());
        browser.press(&["ArrowRight"]);
        browser.wait_until(&format!("document.activeElement.ariaValueNow === '{}'", index + 1));
        // uPlot's own cursor stands there too.
        browser.wait_until("!document.querySelector('[data-chart=arrivals] .u-cursor-x').classList.contains('u-off')");
    }
    let read = value(&browser)[0].as_str().unwrap().to_owned();
    tab_to(&browser, "[data-chart=arrivals] [aria-expanded]");
    browser.press(&["Enter"]);
    let table = table(&browser, "arrivals");
    assert!(
        read.ends_with(&format!("Arrivals {}, Discharges {}", table[13][1], table[13][2])),
        "{read} {:?}",
        table[13]
    );

    browser.script("document.querySelector('h1').focus()");
    tab_to(&browser, "select[name=range]");
    browser.press(&["L", "a", "s", "t", " ", "7"]);
    browser.wait_until("location.search.startsWith('?range=7d') && !location.search.includes('from=')");
    tab_to(&browser, "select[name=source]");
    browser.press(&["l", "a", "k"]);
    browser.wait_until(&format!("location.search.includes('source=lakeside') && {LOADED}"));
    assert!(texts(&browser, ".meta")[0].contains("Asia/Kolkata"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn charts_fit_every_screen_follow_the_theme_and_axe_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first, last) = started(folder.path());
    let browser = Browser::open();
    browser.resize(DESKTOP.1, DESKTOP.2);
    show(&browser, &server, &format!("?{}&source=downtown", own("America/New_York", first, last)));
    browser.wait_until("document.querySelectorAll('.plot canvas').length === 4");
    look(&browser, "charts-days");
    show(
        &browser,
        &server,
        &format!("?{}&source=downtown", own("America/New_York", first, first + Duration::hours(30))),
    );
    browser.wait_until("document.querySelectorAll('.plot canvas').length === 4");
    tab_to(&browser, "[data-chart=arrivals] .plot");
    browser.press(&["ArrowLeft", "ArrowLeft", "ArrowLeft"]);
    let read = texts(&browser, "[data-chart=arrivals] .readout");
    table(&browser, "waits");
    look(&browser, "charts");
    assert_eq!(texts(&browser, "[data-chart=arrivals] .readout"), read, "the cursor stays where it is");
    browser.script("document.querySelector('[data-chart=waits]').scrollIntoView()");
    look(&browser, "charts-waits");

    // The lines change with the theme, and the plot with the window. Reading pixels makes the browser give advice.
    assert_eq!(browser.console(), Vec::<String>::new());
    let pixels = "const canvas = document.querySelector('[data-chart=arrivals] canvas'); \
                  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); const seen = new Set(); \
                  for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join()); return [...seen]";
    let coloured =
        |browser: &Browser, colour: &str| browser.script(pixels).as_array().unwrap().contains(&json!(colour));
    browser.script("document.querySelector('.charts-page').scrollIntoView()");
    browser.script("const select = document.querySelector('.choice select'); select.value = 'light'; select.dispatchEvent(new Event('change'))");
    browser.script_async("setTimeout(done, 200)");
    assert!(coloured(&browser, "0,94,168") && !coloured(&browser, "108,182,255"));
    browser.script("const select = document.querySelector('.choice select'); select.value = 'dark'; select.dispatchEvent(new Event('change'))");
    browser.script_async("setTimeout(done, 200)");
    assert!(coloured(&browser, "108,182,255") && !coloured(&browser, "0,94,168"));
    for width in [390, 700, 1_280] {
        browser.resize(width, 900);
        browser.wait_until("[...document.querySelectorAll('.uplot')].every((plot) => Math.abs(plot.offsetWidth - plot.parentElement.clientWidth) <= 1)");
    }
    show(&browser, &server, "?range=own&from=2001-01-01T00:00&to=2001-01-02T00:00");
    browser.wait_until("document.querySelectorAll('.chart .notice').length === 4");
    look(&browser, "charts-none");
}
