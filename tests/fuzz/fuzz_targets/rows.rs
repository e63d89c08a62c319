//! The decoders of the row store's files are total, whatever stands behind a checksum that fits.
//!
//! How to run is told in `fold.rs`. The first byte says which decoder takes the others.
#![no_main]

use clockfold_rows::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((decoder, bytes)) = bytes.split_first() else { return };
    match decoder % 5 {
        0 => fuzzing::block(bytes),
        1 => fuzzing::section_index(bytes),
        2 => fuzzing::filter(bytes),
        3 => fuzzing::manifest(bytes),
        _ => drop(fuzzing::table(bytes)),
    }
});
