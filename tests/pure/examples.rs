//! The programs in `examples/` that need no server, on what the project has: every story of a built-in lifecycle, and the
//! export that every version reads.

use std::{fs, path::Path};

use crate::support::oracle::story::Story;

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` is for the command line")]
#[path = "../../examples/fold_story.rs"]
mod fold_story;

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` is for the command line")]
#[path = "../../examples/verify_export.rs"]
mod verify_export;

#[test]
fn every_story_is_folded_to_the_end_that_it_tells() {
    let stories = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stories");
    let mut endings = 0;
    for entry in fs::read_dir(stories).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        // Not for this program: pauses, bodies as they are sent, and a lifecycle of the story's own.
        let has_rows = text.lines().filter(|line| line.starts_with('%')).count() > 1;
        if has_rows || text.contains('{') || text.lines().any(|line| line.starts_with('~')) {
            continue;
        }
        let mut output = Vec::new();
        fold_story::fold(&text, &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        for ending in Story::read(&path, 0).endings {
            let source = ending.source.trim_end_matches("-0");
            let of_it = |line: &&str| line.starts_with(&format!("{source} {} ", ending.appointment_id));
            let Some(last) = output.lines().rfind(of_it) else { continue };
            assert!(last.ends_with(&format!(", {}", ending.status)), "{}: {last}", path.display());
            endings += 1;
        }
    }
    assert!(endings > 30, "{endings}");
}

#[test]
fn an_export_is_verified_and_a_changed_one_is_not() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/export-v1.ndjson");
    let export = fs::read_to_string(path).unwrap();
    let verify = |export: &str| {
        let mut output = Vec::new();
        verify_export::verify(export.as_bytes(), &mut output).map(|()| String::from_utf8(output).unwrap())
    };
    let proved = verify(&export).unwrap();
    assert!(proved.starts_with("positions 1 to 24 are as they were exported\nbodies erased: "), "{proved}");
    assert!(proved.ends_with("digest: b4ca6b37bc1e97564b93305c962cf4536d94ba657f18ec17820351ff8c6cf2cf\n"), "{proved}");
    for changed in [
        export.replacen("\"eventType\":\"create\"", "\"eventType\":\"remove\"", 1),
        export.replacen("15:04:05.678Z", "15:04:05.677Z", 1),
        export.lines().filter(|line| !line.contains("\"position\":\"7\",")).map(|line| format!("{line}\n")).collect(),
        export.lines().take(10).map(|line| format!("{line}\n")).collect(),
    ] {
        assert!(changed != export && verify(&changed).is_err());
    }
}
