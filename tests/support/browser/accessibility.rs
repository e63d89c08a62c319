//! axe-core over a page as it stands: its rules for WCAG at the levels A and AA, and its good practices.

use std::{fs, path::PathBuf, sync::OnceLock};

use crate::support::browser::Browser;

/// Panics where axe-core finds anything in the page, light or dark. The page is left as on a system that is set to neither.
pub fn check(browser: &Browser, state: &str) {
    for scheme in ["light", "dark"] {
        browser.prefer(&[("prefers-color-scheme", scheme)]);
        check_as_it_is(browser, &format!("{state}, {scheme}"));
    }
    browser.prefer(&[]);
}

/// Panics where axe-core finds anything in the page as it is now.
pub fn check_as_it_is(browser: &Browser, state: &str) {
    static AXE: OnceLock<String> = OnceLock::new();
    let axe = AXE.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/web/node_modules/axe-core/axe.min.js");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; `tests/run` installs it", path.display()))
    });
    if browser.script("return typeof axe") == "undefined" {
        browser.script(axe);
    }
    let found = browser.script_async(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => done(violations.map((violation) => \
         `${violation.id}: ${violation.help}\\n` + violation.nodes.slice(0, 3).map((node) => `  ${node.html}\\n  ${node.failureSummary}`).join('\\n'))), \
         (error) => done([String(error)]))",
    );
    let found: Vec<&str> = found.as_array().unwrap().iter().filter_map(|violation| violation.as_str()).collect();
    assert!(found.is_empty(), "{state}:\n{}", found.join("\n"));
}
