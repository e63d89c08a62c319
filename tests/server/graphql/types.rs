//! The published schema as code generators, linters and reviewers read it: graphql-codegen makes types that compile in
//! strict TypeScript, graphql-eslint finds nothing, and GraphQL Inspector refuses what would break a client.

use std::{fs, path::PathBuf, process::Output};

use crate::support::{
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

/// What graphql-eslint has to say about a schema.
fn lint(schema: &str) -> Output {
    // eslint reads only what is below its own folder.
    let work = tempfile::Builder::new().prefix("generated").tempdir_in(folder()).unwrap();
    fs::write(work.path().join("schema.graphql"), schema).unwrap();
    let config = folder().join("eslint.config.mjs");
    let mut command = program("eslint");
    command.args(["--no-config-lookup", "--max-warnings", "0", "--config"]).arg(config).arg("schema.graphql");
    run(command.current_dir(work.path()).env("SCHEMA", "schema.graphql"))
}

#[test]
fn the_schema_lints_clean() {
    let output = lint(&clockfold::graphql::sdl());
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn planted_lint_is_found() {
    let mut schema = clockfold::graphql::sdl();
    for (before, after) in [
        ("  \"Where it is.\"\n", ""),
        ("    \"The event.\"\n", ""),
        ("  \"Booked, not here.\"\n", ""),
        ("  lag: Int!", "  lag_now: Int!"),
        ("  hasNextPage: Boolean!\n", "  hasNextPage: Int!\n"),
        ("  cursor: String!\n", "  cursor: [String!]!\n"),
        ("\"A place in the log", "\"Not used.\"\nscalar Unused\n\n\"A place in the log"),
    ] {
        assert!(schema.contains(before), "the schema no longer has {before:?}");
        schema = schema.replacen(before, after, 1);
    }
    let printed = told(&lint(&schema));
    for found in [
        "Description is required for field \"status\" in type \"Appointment\"",
        "Description is required for input value \"eventType\" in field \"explain\"",
        "Description is required for enum value \"SCHEDULED\"",
        "Field \"lag_now\" should be in camelCase format",
        "relay-page-info",
        "relay-edge-types",
        "no-unreachable-types",
    ] {
        assert!(printed.contains(found), "{found}: {printed}");
    }
}

/// What clients have been promised. A change that breaks them needs a new file here, and a reason.
///
/// Version 2: `after` of a subscription is a `Cursor`, because a position alone does not tell a log that was restored from
/// another. Every `Position` is one, and documents that declare their variable as `Position` are taken as before
/// (`tests/server/live/feed.rs`).
fn promised() -> String {
    fs::read_to_string(fixture("graphql/schema-v2.graphql")).unwrap()
}

/// Compares the promised schema with another one.
fn compare(after: &str) -> Output {
    let data = tempfile::tempdir().unwrap();
    let path: PathBuf = data.path().join("after.graphql");
    fs::write(&path, after).unwrap();
    run(node().arg("breaking.mjs").arg(fixture("graphql/schema-v2.graphql")).arg(path))
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
