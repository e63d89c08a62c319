//! `clockfold lifecycle`: the tables that the fold uses, as text, Markdown or a diagram.

use std::io::Write;

use clap::{Args, ValueEnum, builder::PossibleValuesParser};

use crate::lifecycle::{Lifecycle, markdown, mermaid, print_table};

/// Which lifecycles, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The lifecycle. Without it: `strict`; all of them as Markdown.
    #[arg(long, value_parser = PossibleValuesParser::new(Lifecycle::BUILT_IN))]
    name: Option<String>,
    /// All built-in lifecycles.
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

/// How a lifecycle is printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// The page `schema/lifecycle.md`.
    Markdown,
    /// A Mermaid state diagram.
    Mermaid,
}

/// Prints lifecycles.
pub(super) fn run(arguments: &Arguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let lifecycles = chosen(arguments)?;
    let text = match arguments.format {
        Format::Table => lifecycles.iter().map(print_table).collect::<Vec<_>>().join("\n"),
        Format::Markdown => markdown(&lifecycles),
        Format::Mermaid => lifecycles.iter().map(mermaid).collect::<Vec<_>>().join("\n"),
    };
    stdout.write_all(text.as_bytes())?;
    Ok(())
}

fn chosen(arguments: &Arguments) -> anyhow::Result<Vec<Lifecycle>> {
    let page = matches!(arguments.format, Format::Markdown);
    let names = match &arguments.name {
        Some(name) => vec![name.as_str()],
        None if arguments.all || page => Lifecycle::BUILT_IN.to_vec(),
        None => vec!["strict"],
    };
    names.into_iter().map(|name| Ok(Lifecycle::built_in(name)?)).collect()
}
