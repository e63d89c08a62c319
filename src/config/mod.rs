//! The configuration: flags over variables over the file over defaults.
//!
//! A file, `CLOCKFOLD_` variables and flags come in; a typed [`Config`] goes out, or every mistake
//! that was found, each with its file and line (or its variable), what is wrong, and what to do. Secrets are
//! hashed while they are read and are in neither.

mod archive;
mod credentials;
mod data_dir;
mod document;
mod error;
mod first_source;
mod graphql;
mod lifecycle;
mod reader;
mod retention;
mod server;
mod settings;
mod source;
mod variables;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{access::ReaderAccess, graphql::Limits, lifecycle::Lifecycle, log::SourceName, projection::Rules};

pub use data_dir::DEFAULT_DATA_DIR;
pub use error::{ConfigError, ConfigErrors};
pub use first_source::{FIRST_SOURCE_FILE, FirstSource, FirstSourceError, first_source};
pub use server::{CONNECTIONS_MAX, LogFormat, PublicUrl, ServerConfig};
pub use settings::{
    ConfigTable, TABLES, Variables,
    key::{Absent, ConfigKey, Kind},
};
pub use source::SourceConfig;

use credentials::Seen;
use document::{Document, Node, Section};
use error::{Location, Problems};
use lifecycle::Lifecycles;

/// The file that is read if no other is named and it exists.
pub const DEFAULT_FILE: &str = "clockfold.toml";

/// The tables at the top of the file.
const TABLE_NAMES: &[&str] = &["server", "graphql", "archive", "retention", "lifecycle", "source", "reader"];

/// Everything that is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where everything is kept. A relative path counts from the working directory.
    pub data_dir: PathBuf,
    /// How it listens, and its limits.
    pub server: ServerConfig,
    /// What one GraphQL request may ask for.
    pub graphql: Limits,
    /// Where a copy of the log is kept up to date. A relative path counts from the working directory.
    pub archive: Option<PathBuf>,
    /// How many days the bodies of ended appointments are kept; `None`: for ever.
    pub bodies_days: Option<u32>,
    /// Lifecycles of one's own, by name. A source's rules have its own already.
    pub lifecycles: Vec<Lifecycle>,
    /// Who sends. Empty: see [`first_source()`].
    pub sources: Vec<SourceConfig>,
    /// Who reads. Empty: only loopback peers.
    pub readers: Vec<ReaderAccess>,
}

/// What a configuration is made from. Variables may hold secrets, so it can't be printed.
#[derive(Clone, Default)]
pub struct Inputs {
    /// The file; a missing one is refused. `None`: `CLOCKFOLD_CONFIG`, or `clockfold.toml` where that exists.
    pub path: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// The environment. Variables that do not begin with `CLOCKFOLD_` are ignored.
    pub variables: BTreeMap<String, String>,
}

impl Config {
    /// Takes the source that a first start without a configuration made, where none is configured and it was made.
    pub fn take_first_source(&mut self, log_dir: &Path) -> Result<(), FirstSourceError> {
        if self.sources.is_empty() && log_dir.join(FIRST_SOURCE_FILE).exists() {
            self.sources.push(first_source(log_dir)?.source);
        }
        Ok(())
    }

    /// The rules by which the sources' deliveries are folded.
    pub fn rules(&self) -> Rules {
        Rules::new(self.sources.iter().map(|source| (source.access.name.clone(), source.rules.clone())).collect())
    }

    /// Reads the file and the variables. Reports every mistake that it finds, not only the first.
    pub fn load(inputs: Inputs) -> Result<Config, ConfigErrors> {
        let mut problems = Problems::default();
        let mut document = read_file(&inputs, &mut problems);
        variables::overlay(&mut document, &inputs.variables, &mut problems);
        // Errors that follow from a mistake in the syntax would hide it.
        problems.check()?;
        let mut config = interpret(document, &mut problems);
        problems.check()?;
        if let Some(data_dir) = inputs.data_dir {
            config.data_dir = data_dir;
        }
        if let Some(listen) = inputs.listen {
            config.server.listen = listen;
        }
        Ok(config)
    }
}

fn read_file(inputs: &Inputs, problems: &mut Problems) -> Document {
    let named = inputs.path.clone().or_else(|| inputs.variables.get(variables::CONFIG).map(PathBuf::from));
    let path = named.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let whole = Location::whole(&path.display().to_string());
    match std::fs::read(path) {
        Ok(bytes) => document::parse(&whole, &bytes, problems),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Document::empty(whole),
        Err(error) => {
            problems.add(
                &whole,
                format!("the configuration can't be read: {error}"),
                "name an existing file with --config",
            );
            Document::empty(whole)
        }
    }
}

/// Turns a document into a configuration. Where something is wrong a default stands in, so that the rest is read too.
fn interpret(document: Document, problems: &mut Problems) -> Config {
    let known = [settings::key::names(data_dir::KEYS).as_slice(), TABLE_NAMES].concat();
    let mut top = Section::of_table("the configuration", document.place, document.table, &known, problems);
    let data_dir = data_dir::read(&mut top, problems);
    let server = server::read(top.take("server"), problems);
    let graphql = graphql::read(top.take("graphql"), problems);
    let archive = archive::read(top.take("archive"), problems);
    let bodies_days = retention::read(top.take("retention"), problems);
    let lifecycles = Lifecycles::read(top.take("lifecycle"), problems);
    let mut seen = Seen::default();
    let sources = read_sources(top.tables("source", problems), &lifecycles, &mut seen, problems);
    let mut known: BTreeSet<SourceName> = sources.iter().map(|source| source.access.name.clone()).collect();
    if sources.is_empty() {
        known.insert(first_source::name());
    }
    let readers = read_readers(top.tables("reader", problems), &known, &mut seen, problems);
    Config { data_dir, server, graphql, archive, bodies_days, lifecycles: lifecycles.into_custom(), sources, readers }
}

fn read_sources(
    nodes: Vec<Node>,
    lifecycles: &Lifecycles,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Vec<SourceConfig> {
    let mut names: BTreeMap<SourceName, Location> = BTreeMap::new();
    let mut sources = Vec::new();
    for node in nodes {
        let place = node.place.clone();
        let Some(source) = source::read(node, lifecycles, seen, problems) else { continue };
        if let Some(earlier) = names.insert(source.access.name.clone(), place.clone()) {
            let message = format!("the source `{}` is configured twice; first at {earlier}", source.access.name);
            problems.add(&place, message, "give each source a name of its own");
        }
        sources.push(source);
    }
    sources
}

fn read_readers(
    nodes: Vec<Node>,
    known: &BTreeSet<SourceName>,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Vec<ReaderAccess> {
    let mut names: BTreeMap<String, Location> = BTreeMap::new();
    let mut readers = Vec::new();
    for node in nodes {
        let place = node.place.clone();
        let Some(reader) = reader::read(node, known, seen, problems) else { continue };
        if let Some(earlier) = names.insert(reader.name.clone(), place.clone()) {
            let message = format!("the reader `{}` is configured twice; first at {earlier}", reader.name);
            problems.add(&place, message, "give each reader a name of its own");
        }
        readers.push(reader);
    }
    readers
}

#[cfg(test)]
mod tests;
