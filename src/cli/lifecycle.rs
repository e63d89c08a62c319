//! `clockfold lifecycle`: the tables that the fold uses, as text, Markdown or a diagram.
//!
//! The configuration is read only where it matters: the built-in lifecycles are printed without one, and also
//! beside one that has mistakes.

use std::io::Write;

use clap::{Args, ValueEnum, error::ErrorKind};

use crate::{
    config::{Config, ConfigErrors},
    lifecycle::{Lifecycle, markdown, mermaid, print_table},
};

/// Which lifecycles, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: PageFormat,
    /// The lifecycle: strict, walk_in, lenient, or one of the configuration's. Without it: strict; all as Markdown.
    #[arg(long)]
    name: Option<String>,
    /// All built-in lifecycles, then the configuration's.
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

/// How a lifecycle is printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PageFormat {
    /// Aligned columns.
    #[default]
    Table,
    /// A page; the built-in ones alone are `schema/lifecycle.md`.
    Markdown,
    /// A Mermaid state diagram.
    Mermaid,
}

/// Prints lifecycles. `config` reads the configuration.
pub(super) fn run(
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Config, ConfigErrors>,
    stdout: &mut dyn Write,
) -> anyhow::Result<()> {
    let lifecycles = chosen(arguments, config)?;
    let text = match arguments.format {
        PageFormat::Table => lifecycles.iter().map(print_table).collect::<Vec<_>>().join("\n"),
        PageFormat::Markdown => markdown(&lifecycles),
        PageFormat::Mermaid => lifecycles.iter().map(mermaid).collect::<Vec<_>>().join("\n"),
    };
    stdout.write_all(text.as_bytes())?;
    Ok(())
}

fn chosen(
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Config, ConfigErrors>,
) -> anyhow::Result<Vec<Lifecycle>> {
    let page = matches!(arguments.format, PageFormat::Markdown);
    let built_in = [Lifecycle::strict(), Lifecycle::walk_in(), Lifecycle::lenient()];
    match &arguments.name {
        Some(name) => match Lifecycle::built_in(name) {
            Ok(lifecycle) => Ok(vec![lifecycle]),
            Err(_) => Ok(vec![custom(name, config()?.lifecycles)?]),
        },
        None if arguments.all || page => Ok(built_in.into_iter().chain(config()?.lifecycles).collect()),
        None => Ok(vec![Lifecycle::strict()]),
    }
}

/// One of the configuration's; to ask for another is wrong usage.
pub(super) fn custom(name: &str, lifecycles: Vec<Lifecycle>) -> Result<Lifecycle, clap::Error> {
    let known: Vec<&str> = Lifecycle::BUILT_IN.into_iter().chain(lifecycles.iter().map(Lifecycle::name)).collect();
    let message = format!("there is no lifecycle `{name}`; there is: {}\n", known.join(", "));
    let found = lifecycles.into_iter().find(|lifecycle| lifecycle.name() == name);
    found.ok_or_else(|| clap::Error::raw(ErrorKind::InvalidValue, message))
}
