//! `clockfold schema`: the GraphQL schema in the schema definition language.

use std::io::Write;

/// Prints the schema `sdl`.
pub(super) fn run(sdl: &str, stdout: &mut dyn Write) -> anyhow::Result<()> {
    stdout.write_all(sdl.as_bytes())?;
    Ok(())
}
