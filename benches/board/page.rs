//! The board in a headless Chromium, and what it costs there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{browser::Browser, server::Server};

/// Tells when the board shows as many cards as it should: the moment after the frame in which it does.
const WATCH: &str = "
    window.liveAt = null;
    const look = () => {
        const counts = [...document.querySelectorAll('.columns .count')].map((count) => Number.parseInt(count.innerText.replaceAll(',', '')) || 0);
        const cards = document.querySelectorAll('.columns .card').length;
        if (counts.reduce((sum, count) => sum + count, 0) >= EXPECTED && cards > 20) setTimeout(() => (window.liveAt = performance.now()));
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

const BEGIN_FRAMES: &str = "
    window.frames_ = [];
    window.tasks_ = [];
    window.observing_ = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => tasks_.push(duration)));
    observing_.observe({ type: 'longtask' });
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        frames_.push(now - last);
        last = now;
        window.frame_ = requestAnimationFrame(frame);
    };
    window.frame_ = requestAnimationFrame(frame);";

const END_FRAMES: &str = "
    cancelAnimationFrame(frame_);
    observing_.disconnect();
    const sorted = frames_.sort((one, other) => one - other);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), longest: sorted.at(-1) ?? 0,
        longTasks: tasks_.length, longestTask: Math.max(0, ...tasks_) };";

/// The times between frames in milliseconds, and tasks of more than 50 ms.
pub(crate) struct Frames {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) longest: f64,
    pub(crate) long_tasks: u64,
    pub(crate) longest_task: f64,
}

pub(crate) struct Page<'a> {
    browser: Browser,
    server: &'a Server,
}

impl Page<'_> {
    pub(crate) fn open(server: &Server) -> Page<'_> {
        let browser = Browser::open();
        browser.resize(1440, 900);
        browser.devtools("Performance.enable", &json!({}));
        browser.devtools("Network.enable", &json!({}));
        Page { browser, server }
    }

    /// Bytes over the wire before the board stands, headers included.
    pub(crate) fn first_load(&self) -> u64 {
        self.go();
        self.browser.wait_until("document.querySelector('.columns .card')");
        let bytes = "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))\
                     .filter(({ name }) => !name.endsWith('/graphql')).reduce((sum, { transferSize }) => sum + transferSize, 0)";
        self.browser.script(bytes).as_u64().unwrap()
    }

    /// Milliseconds from the beginning of a navigation to the board with all its cards, in order.
    pub(crate) fn times_to_live(&self, cards: u64, loads: usize, cached: bool) -> Vec<f64> {
        let watch = json!({ "source": WATCH.replace("EXPECTED", &cards.to_string()) });
        let script = self.browser.devtools("Page.addScriptToEvaluateOnNewDocument", &watch);
        self.browser.devtools("Network.setCacheDisabled", &json!({ "cacheDisabled": !cached }));
        let mut times: Vec<f64> = (0..loads)
            .map(|_| {
                self.go();
                self.browser.wait_until("window.liveAt !== null");
                self.browser.script("return window.liveAt").as_f64().unwrap()
            })
            .collect();
        self.browser.devtools("Page.removeScriptToEvaluateOnNewDocument", &script);
        times.sort_by(f64::total_cmp);
        times
    }

    pub(crate) fn begin_frames(&self) {
        self.browser.script(BEGIN_FRAMES);
    }

    pub(crate) fn end_frames(&self) -> Frames {
        let told = self.browser.script(END_FRAMES);
        let number = |name: &str| told[name].as_f64().unwrap();
        Frames {
            count: told["count"].as_u64().unwrap(),
            p50: number("p50"),
            p99: number("p99"),
            longest: number("longest"),
            long_tasks: told["longTasks"].as_u64().unwrap(),
            longest_task: number("longestTask"),
        }
    }

    /// How long it takes until the columns count what the server counts.
    pub(crate) fn catch_up(&self) -> Duration {
        let begun = Instant::now();
        let counted = self.server.query("{ board { columns { count } } }");
        let counts: Vec<Value> =
            counted["board"]["columns"].as_array().unwrap().iter().map(|column| column["count"].clone()).collect();
        self.browser.wait_until(&format!(
            "[...document.querySelectorAll('.columns .count')].map((count) => Number.parseInt(count.innerText.replaceAll(',', ''))).join() === '{}'",
            counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        ));
        begun.elapsed()
    }

    /// Megabytes of what scripts hold after a collection, and nodes in the document.
    pub(crate) fn memory(&self) -> (f64, u64) {
        self.browser.devtools("HeapProfiler.collectGarbage", &json!({}));
        let told = self.browser.devtools("Performance.getMetrics", &json!({}));
        let metric = |name: &str| {
            let metrics = told["metrics"].as_array().unwrap();
            metrics.iter().find(|metric| metric["name"] == name).and_then(|metric| metric["value"].as_f64()).unwrap()
        };
        let nodes = self.browser.script("return document.querySelectorAll('*').length").as_u64().unwrap();
        (metric("JSHeapUsedSize") / 1e6, nodes)
    }

    fn go(&self) {
        self.browser.go(&format!("http://{}/", self.server.address));
    }
}
