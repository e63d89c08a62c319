//! Pages for people: their web sources, the built files, and what a browser may do with them.
//!
//! In comes a path, out goes a file that is part of this program: nothing is read from a disk or loaded from elsewhere,
//! and building the server needs no Node. `tests/run` builds the files afresh and compares. The pages have no data of
//! their own; they ask `/graphql` like anybody else.

use std::{io::Write as _, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};

/// What the browser allows the explorer: its own scripts, styles and requests, and nobody's frame. The editor sets
/// styles on elements, which is what `unsafe-inline` of `style-src` is for; there is no inline script.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// What the browser allows the board and the pages beside it: the same, and no inline style either.
const PAGES_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// A file of a page.
pub struct File {
    /// Its path below the page's own.
    pub path: &'static str,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The header `Content-Security-Policy`.
    pub policy: &'static str,
    /// The digest of its bytes, for the header `ETag`.
    pub digest: String,
    /// The file as it was built.
    pub plain: &'static [u8],
    /// The same with gzip.
    pub gzip: Vec<u8>,
}

/// A file as the tables below have it: path, content type, bytes.
type Row = (&'static str, &'static str, &'static [u8]);

const EXPLORER: &[Row] = &[
    ("", HTML, include_bytes!("explorer/dist/index.html")),
    ("explorer.js", SCRIPT, include_bytes!("explorer/dist/explorer.js")),
    ("explorer.css", STYLE, include_bytes!("explorer/dist/explorer.css")),
    ("licences.txt", TEXT, include_bytes!("explorer/dist/licences.txt")),
];

/// The board and the pages beside it: one document for all of them, and what it loads from `/assets/`.
const PAGES: &[Row] = &[
    ("", HTML, include_bytes!("web/dist/index.html")),
    ("app.css", STYLE, include_bytes!("web/dist/assets/app.css")),
    ("app.js", SCRIPT, include_bytes!("web/dist/assets/app.js")),
    ("appointment.js", SCRIPT, include_bytes!("web/dist/assets/appointment.js")),
    ("board.js", SCRIPT, include_bytes!("web/dist/assets/board.js")),
    ("charts.js", SCRIPT, include_bytes!("web/dist/assets/charts.js")),
    ("licences.txt", TEXT, include_bytes!("web/dist/assets/licences.txt")),
    ("rejections.js", SCRIPT, include_bytes!("web/dist/assets/rejections.js")),
    ("shared.js", SCRIPT, include_bytes!("web/dist/assets/shared.js")),
    ("sign-in.js", SCRIPT, include_bytes!("web/dist/assets/sign-in.js")),
];

/// The way to the top from an appointment's address, `/appointment/{source}/{id}`.
pub const DEEPER: &str = "../../";

/// The pages' document for addresses there. Every address in it is relative, so that the pages may stand under a path
/// of another site, of which no proxy informs us.
static DEEPER_DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = str::from_utf8(PAGES[0].2).expect("it is built as UTF-8");
    document.replace("=\"./", &format!("=\"{DEEPER}"))
});

/// A file of the explorer; the page itself is `""`. The first call compresses all of them, which takes a moment.
pub fn explorer(path: &str) -> Option<&'static File> {
    static FILES: LazyLock<Vec<File>> = LazyLock::new(|| files(EXPLORER, EXPLORER_POLICY));
    FILES.iter().find(|file| file.path == path)
}

/// A file of the board and the pages beside it; the document of all of them is `""`, and [`DEEPER`] at addresses that
/// much deeper. The first call compresses all of them, which takes a moment.
pub fn pages(path: &str) -> Option<&'static File> {
    static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
        let (_, content_type, _) = PAGES[0];
        let deeper = File::new(DEEPER, content_type, PAGES_POLICY, DEEPER_DOCUMENT.as_bytes());
        files(PAGES, PAGES_POLICY).into_iter().chain([deeper]).collect()
    });
    FILES.iter().find(|file| file.path == path)
}

fn files(rows: &[Row], policy: &'static str) -> Vec<File> {
    rows.iter().map(|&(path, content_type, plain)| File::new(path, content_type, policy, plain)).collect()
}

impl File {
    fn new(path: &'static str, content_type: &'static str, policy: &'static str, plain: &'static [u8]) -> File {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("memory takes every byte");
        let gzip = encoder.finish().expect("memory takes every byte");
        File { path, content_type, policy, digest: blake3::hash(plain).to_hex()[..32].to_owned(), plain, gzip }
    }
}

#[cfg(test)]
mod tests;
