//! What is wrong with a configuration, where, and what to do about it.
//!
//! A message never repeats a possible secret: it shows a text only where that is shorter than any accepted secret.

use std::{fmt, sync::Arc};

use crate::access::SECRET_CHARACTERS_MIN;

/// Where something stands: a file and its line, or a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    origin: Arc<str>,
    line: Option<usize>,
}

impl Location {
    /// A file or variable as a whole.
    pub(super) fn whole(origin: &str) -> Location {
        Location { origin: origin.into(), line: None }
    }

    /// A line of it; the first is 1.
    pub(super) fn line(&self, line: usize) -> Location {
        Location { origin: self.origin.clone(), line: Some(line) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.origin),
            None => f.write_str(&self.origin),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: {message}\n  hint: {hint}")]
pub struct ConfigError {
    place: Location,
    message: String,
    hint: String,
}

/// Every mistake that was found, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The mistakes; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects mistakes, so that reading goes on after one.
#[derive(Default)]
pub(super) struct Problems(Vec<ConfigError>);

impl Problems {
    pub(super) fn add(&mut self, place: &Location, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(ConfigError { place: place.clone(), message: message.into(), hint: hint.into() });
    }

    /// How many mistakes there were so far.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// An error where there was any mistake so far.
    pub(super) fn check(&mut self) -> Result<(), ConfigErrors> {
        let mut errors = std::mem::take(&mut self.0);
        errors.sort();
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }
}

/// ` \`text\``, or nothing where it is long enough to be a secret.
pub(super) fn shown(text: &str) -> String {
    let harmless = text.chars().count() < SECRET_CHARACTERS_MIN && !text.chars().any(char::is_control);
    if harmless { format!(" `{text}`") } else { String::new() }
}

/// The same without the space, or `otherwise`.
pub(super) fn shown_or(text: &str, otherwise: &str) -> String {
    let shown = shown(text);
    if shown.is_empty() { otherwise.to_owned() } else { shown.trim_start().to_owned() }
}

/// What to write in place of `text`: the nearest of `known`, or all of them.
pub(super) fn suggestion(text: &str, known: &[&str]) -> String {
    match nearest(text, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there is: {}", known.join(", ")),
    }
}

fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let distance = |candidate: &str| strsim::damerau_levenshtein(&plain(text), &plain(candidate));
    let nearest = known.iter().copied().min_by_key(|candidate| distance(candidate))?;
    (distance(nearest) <= (nearest.len() / 3).clamp(1, 4)).then_some(nearest)
}
