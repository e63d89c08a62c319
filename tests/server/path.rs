//! The main job, on the real program: a webhook becomes an answer, and still is one after a restart.

use crate::support::{
    self,
    server::{CONFIG, Server},
};

#[test]
fn a_webhook_becomes_an_answer_and_stays_one_after_a_restart_and_without_the_projection() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), CONFIG);
    for (position, event) in ["create", "checkin", "ready", "callback"].into_iter().enumerate() {
        let answer = server.deliver(12345, event);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["position"], (position + 1).to_string());
    }
    let query = "{ appointment(appointmentId: 12345) { status history { nodes { position outcome receivedAt } } } log { digest projection { position digest } } }";
    let before = server.query(query);
    assert_eq!(before["appointment"]["status"], "CALLED_BACK");
    assert!(server.terminate().success());
    let mut server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.query(query), before);
    server.kill();
    std::fs::remove_dir_all(support::server::data_dir(folder.path()).join("projection")).unwrap();
    let server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.query(query), before);
}
