//! Reads an export and recomputes its hash chain: `cargo run --example verify_export -- all.ndjson`
//!
//! An export's first line says which digest the log had before its deliveries, and which one after them. Whoever folds the
//! deliveries into the first has to arrive at the second: then nothing was changed, left out, added or moved. The
//! program needs no server and no log. It ends with 1 where the export is not what it says.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clockfold::copies::ndjson::Reader;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        let _ = writeln!(io::stderr(), "usage: verify_export FILE");
        return ExitCode::from(2);
    };
    let file = File::open(&path).with_context(|| path.clone());
    match file.and_then(|file| verify(BufReader::new(file), &mut io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads an export to its end, and says what it has proved.
pub fn verify(export: impl BufRead, output: &mut impl Write) -> anyhow::Result<()> {
    // The reader checks each line by itself: its form, its position, its time.
    let mut lines = Reader::new(export)?;
    let stretch = lines.header().stretch;
    ensure!(lines.header().sources.is_none(), "sources were left out, so there is no chain to compute");
    let mut digest = stretch.after.digest;
    let mut erased = 0;
    for delivery in &mut lines {
        let delivery = delivery?;
        // Salt and body go into the digest as their commitment, so an erased body is no gap.
        digest = digest.then(&delivery);
        erased += u64::from(matches!(delivery.body, clockfold::log::Body::Erased { .. }));
    }
    ensure!(digest == stretch.to.digest, "the digest at position {} is {digest}", stretch.to.position);
    writeln!(
        output,
        "positions {} to {} are as they were exported",
        stretch.after.position.next(),
        stretch.to.position
    )?;
    writeln!(output, "bodies erased: {erased}")?;
    writeln!(output, "digest: {digest}")?;
    Ok(())
}
