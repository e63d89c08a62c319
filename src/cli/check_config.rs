//! `clockfold check-config`: what the configuration says, without any secret or digest.

use std::io::Write;

use chrono::{DateTime, Utc};

use crate::{
    access::{Credential, ReaderAccess, Require, Role},
    config::{CONNECTIONS_MAX, Config, SourceConfig},
    graphql::{Introspection, Limits},
    lifecycle::Lifecycle,
};

/// Prints a summary of a configuration that could be read.
pub(super) fn run(config: &Config, now: DateTime<Utc>, stdout: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(stdout, "The configuration is in order.\n")?;
    writeln!(stdout, "data directory  {}", config.data_dir.display())?;
    writeln!(stdout, "listen          {}", config.server.listen)?;
    match config.server.operations_listen {
        Some(address) => writeln!(stdout, "metrics         {address}, to everybody")?,
        None => writeln!(stdout, "metrics         to loopback peers and admins of all sources")?,
    }
    match config.server.connections_max {
        Some(max) => {
            writeln!(stdout, "connections     at most {max}, where the limit of open files has room for them")?
        }
        None => writeln!(
            stdout,
            "connections     as many as the limit of open files has room for, up to {CONNECTIONS_MAX}"
        )?,
    }
    writeln!(stdout, "graphql         {}", graphql_line(&config.graphql))?;
    match &config.server.allowed_origins[..] {
        [] => writeln!(stdout, "web pages       of no other origin")?,
        origins => writeln!(stdout, "web pages       of {}", origins.join(", "))?,
    }
    match config.server.secure_cookies {
        None => writeln!(stdout, "cookies         over TLS only, where the page that signs in came over TLS")?,
        Some(true) => writeln!(stdout, "cookies         over TLS only")?,
        Some(false) => writeln!(stdout, "cookies         also without TLS")?,
    }
    match &config.archive {
        Some(directory) => writeln!(stdout, "archive         {}", directory.display())?,
        None => writeln!(stdout, "archive         none")?,
    }
    match config.bodies_days {
        Some(days) => writeln!(stdout, "retention       bodies of ended appointments, {days} days")?,
        None => writeln!(stdout, "retention       bodies are kept for ever")?,
    }
    for lifecycle in &config.lifecycles {
        writeln!(stdout, "lifecycle       {}: {}", lifecycle.name(), sources_of(lifecycle, &config.sources))?;
    }
    for source in &config.sources {
        writeln!(stdout, "source          {}", source_line(source, now))?;
    }
    for reader in &config.readers {
        writeln!(stdout, "reader          {}", reader_line(reader, now))?;
    }
    if config.sources.is_empty() {
        writeln!(
            stdout,
            "\nNo source is configured: the first start makes one named `first` and prints its credential once."
        )?;
    }
    if config.readers.is_empty() {
        writeln!(
            stdout,
            "\nNo reader is configured: GraphQL answers only this machine and refuses everybody else.\n\
             Add a [[reader]] to let others in; `clockfold key new` makes its token."
        )?;
    }
    Ok(())
}

fn graphql_line(limits: &Limits) -> String {
    let schema = match limits.introspection {
        Introspection::Everyone => "everyone",
        Introspection::Admins => "admins",
        Introspection::Nobody => "nobody",
    };
    let Limits { depth_max, complexity_max, aliases_max, directives_max, selections_max, page_max, .. } = limits;
    format!(
        "depth {depth_max}, complexity {complexity_max}, {aliases_max} aliases, {directives_max} directives, \
         {selections_max} selections, pages of {page_max}, documents of {} and bodies of {} bytes, {} ms, schema to {schema}",
        limits.document_bytes_max,
        limits.body_bytes_max,
        limits.execution_timeout.as_millis(),
    )
}

fn source_line(source: &SourceConfig, now: DateTime<Utc>) -> String {
    let access = &source.access;
    let require = match access.require {
        Require::Any => "any",
        Require::All => "all",
    };
    let keys = count(&access.route_keys, "route key", now);
    let tokens = count(&access.authtokens, "authtoken", now);
    let (lifecycle, window) = (source.rules.lifecycle.name(), window(source));
    format!(
        "{}: {keys}, {tokens}, require {require}, lifecycle {lifecycle}, {window}, {}, waits long from {} and very long from {} minutes",
        access.name, source.time_zone, source.long_wait_minutes, source.very_long_wait_minutes
    )
}

/// Which sources are folded by a lifecycle.
fn sources_of(lifecycle: &Lifecycle, sources: &[SourceConfig]) -> String {
    let of_it = sources.iter().filter(|source| source.rules.lifecycle == *lifecycle);
    let names: Vec<String> = of_it.map(|source| format!("{} ({})", source.access.name, window(source))).collect();
    if names.is_empty() { "of no source".to_owned() } else { format!("of {}", names.join(", ")) }
}

fn window(source: &SourceConfig) -> String {
    format!("reorder window {} s", source.rules.reorder_window.num_seconds())
}

fn reader_line(reader: &ReaderAccess, now: DateTime<Utc>) -> String {
    let role = match reader.role {
        Role::Viewer => "viewer",
        Role::Admin => "admin",
    };
    let sources = match &reader.sources {
        None => "all sources".to_owned(),
        Some(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
    };
    let idle = match reader.idle_sign_out_minutes {
        None => "never signed out".to_owned(),
        Some(minutes) => format!("signed out after {minutes} idle minutes"),
    };
    format!("{}: {}, {role}, {sources}, {idle}", reader.name, count(&reader.tokens, "token", now))
}

fn count(credentials: &[Credential], what: &str, now: DateTime<Utc>) -> String {
    let plural = if credentials.len() == 1 { "" } else { "s" };
    let expired = credentials.iter().filter(|credential| !credential.is_live(now)).count();
    let expired = if expired == 0 { String::new() } else { format!(" ({expired} expired)") };
    format!("{} {what}{plural}{expired}", credentials.len())
}
