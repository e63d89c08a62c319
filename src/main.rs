//! The program: gives the commands their arguments, variables, clock and output.

use std::{collections::BTreeMap, io, process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables: BTreeMap<String, String> =
        std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    let clock = Arc::new(chrono::Utc::now);
    ExitCode::from(clockfold::cli::run(std::env::args_os(), variables, clock, &mut io::stdout(), &mut io::stderr()))
}
