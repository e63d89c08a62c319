//! What the tests of the webhook's answers share.

use super::server::{Answer, CONFIG, Server};

/// The media type of a webhook.
pub const JSON: (&str, &str) = ("Content-Type", "application/json");
/// A body that is read and applied.
pub const GOOD: &[u8] = br#"{"appointment_id": 12345, "event_type": "create"}"#;

/// A server in a folder of its own.
pub fn started(config: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), config);
    (folder, server)
}

/// [`CONFIG`] with settings of `[server]`.
pub fn with_server(settings: &str) -> String {
    format!("[server]\n{settings}\n{CONFIG}")
}

/// The status and the problem's code.
pub fn refusal(answer: &Answer) -> String {
    let code = answer.json()["code"].as_str().unwrap_or("-").to_owned();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.head);
    format!("{} {code}", answer.status)
}

/// How many deliveries the log holds.
pub fn deliveries(server: &Server) -> u64 {
    server.query("{ log { headPosition } }")["log"]["headPosition"].as_str().unwrap().parse().unwrap()
}
