//! GraphQL over HTTP as the specification says: every audit of npm's `graphql-http`, on the real program.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{path::Path, process::Command};

use support::server::{CONFIG, Server};

/// What `graphql-http` 1.23.1 has.
const AUDITS: usize = 61;

#[test]
fn every_audit_of_graphql_over_http_is_ok() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphql-audit");
    assert!(
        folder.join("node_modules/graphql-http").exists(),
        "the audits are not installed; `tests/run` does it, or: cd tests/graphql-audit && npm ci"
    );
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), CONFIG);
    let url = format!("http://{}/graphql", server.address);
    let output = Command::new("node").arg("audit.mjs").arg(url).current_dir(&folder).output().expect("node is there");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(&format!("{AUDITS} of {AUDITS} audits are ok")), "{printed}");
}
