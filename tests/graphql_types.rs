//! The published schema as code generators and reviewers read it: graphql-codegen makes types that compile in strict
//! TypeScript, and GraphQL Inspector refuses what would break a client.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod support;

use std::{fs, path::PathBuf, process::Output};

use support::{
    clients::{folder, node, program, run, told},
    fixture,
};

#[test]
fn generated_types_compile_in_strict_typescript() {
    let _ = fs::remove_dir_all(folder().join("codegen/generated"));
    let output = run(program("graphql-codegen").args(["--config", "codegen/codegen.yml"]));
    assert!(output.status.success(), "{}", told(&output));
    let output = run(program("tsc").args(["--project", "tsconfig.json"]));
    assert!(output.status.success(), "{}", told(&output));
}

/// What clients have been promised. A change that breaks them needs a new file here, and a reason.
fn promised() -> String {
    fs::read_to_string(fixture("graphql/schema-v1.graphql")).unwrap()
}

/// Compares the promised schema with another one.
fn compare(after: &str) -> Output {
    let data = tempfile::tempdir().unwrap();
    let path: PathBuf = data.path().join("after.graphql");
    fs::write(&path, after).unwrap();
    run(node().arg("breaking.mjs").arg(fixture("graphql/schema-v1.graphql")).arg(path))
}

#[test]
fn what_clients_were_promised_still_holds() {
    for schema in [promised(), clockfold::graphql::sdl()] {
        let output = compare(&schema);
        assert!(output.status.success(), "{}", told(&output));
    }
}

#[test]
fn a_planted_breaking_change_is_refused() {
    let promised = promised();
    for (before, after) in [
        ("  \"How many RESCHEDULE were applied.\"\n  rescheduleCount: Int!\n", ""),
        ("  \"Taken off the queue.\"\n  REMOVED\n", ""),
        ("  digest: String!\n", "  digest: String\n"),
        ("  lag: Int!\n", "  lag: String!\n"),
        ("    source: String,\n    \"How it was", "    source: String!,\n    \"How it was"),
        ("type Delivery implements Node {", "type Delivery {"),
        ("  \"Only with one of these outcomes.\"\n  outcome: [Outcome!]\n", ""),
    ] {
        assert!(promised.contains(before), "the schema no longer has {before:?}");
        let output = compare(&promised.replacen(before, after, 1));
        let printed = told(&output);
        assert!(!output.status.success() && printed.contains("1 of "), "{before:?}: {printed}");
    }
}

#[test]
fn a_planted_addition_is_not() {
    let added =
        promised().replacen("  rescheduleCount: Int!\n", "  rescheduleCount: Int!\n  \"New.\"\n  new: Int\n", 1);
    let output = compare(&added);
    assert!(output.status.success() && told(&output).contains("0 of 2 changes"), "{}", told(&output));
}
