//! Pages for people: their web sources, the built files, and what a browser may do with them.
//!
//! In comes a path, out goes a file that is part of this program: nothing is read from a disk or loaded from elsewhere,
//! and building the server needs no Node. `tests/run` builds the files afresh and compares. The pages have no data of
//! their own; they ask `/graphql` like anybody else.

use std::{io::Write as _, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};

/// What the browser allows the explorer: its own scripts, styles and requests, and nobody's frame. The editor sets
/// styles on elements, which is what `unsafe-inline` of `style-src` is for; there is no inline script.
pub const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// A file of a page.
pub struct File {
    /// Its path below the page's own.
    pub path: &'static str,
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The digest of its bytes, for the header `ETag`.
    pub digest: String,
    /// The file as it was built.
    pub plain: &'static [u8],
    /// The same with gzip.
    pub gzip: Vec<u8>,
}

impl File {
    fn new(path: &'static str, content_type: &'static str, plain: &'static [u8]) -> File {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("memory takes every byte");
        let gzip = encoder.finish().expect("memory takes every byte");
        File { path, content_type, digest: blake3::hash(plain).to_hex()[..32].to_owned(), plain, gzip }
    }
}

/// A file of the explorer; the page itself is `""`. The first call compresses all of them, which takes a moment.
pub fn explorer(path: &str) -> Option<&'static File> {
    static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
        vec![
            File::new("", "text/html; charset=utf-8", include_bytes!("explorer/dist/index.html")),
            File::new("explorer.js", "text/javascript; charset=utf-8", include_bytes!("explorer/dist/explorer.js")),
            File::new("explorer.css", "text/css; charset=utf-8", include_bytes!("explorer/dist/explorer.css")),
            File::new("licences.txt", "text/plain; charset=utf-8", include_bytes!("explorer/dist/licences.txt")),
        ]
    });
    FILES.iter().find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_compressed_file_is_the_same_file() {
        for path in ["", "explorer.js", "explorer.css", "licences.txt"] {
            let file = explorer(path).expect("it is there");
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(file.gzip.as_slice()).read_to_end(&mut plain).expect("it is gzip");
            assert_eq!(plain, file.plain, "{path}");
        }
        assert!(explorer("index.html").is_none());
    }

    #[test]
    fn the_page_loads_only_its_own_files_and_has_no_inline_script() {
        let page = str::from_utf8(explorer("").expect("the page").plain).expect("text");
        assert_eq!(page.matches("<script").count(), page.matches("src=\"/explorer/explorer.js\"").count());
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<style"), "{page}");
    }

    #[test]
    fn the_files_stay_small() {
        let script = explorer("explorer.js").expect("the script");
        assert!(script.plain.len() < 2_000_000 && script.gzip.len() < 600_000, "{}", script.gzip.len());
    }
}
