//! The reader as it sees itself: a page asks this to know what it may show, and whether it can sign out.

use async_graphql::{Enum, SimpleObject};

use crate::access::{self, Viewer};

/// What a reader may see beyond statuses.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "access::Role")]
pub(in crate::graphql) enum Role {
    /// Everything but bodies.
    Viewer,
    /// Bodies too.
    Admin,
}

/// Who asks.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Reader {
    /// Its name in the configuration; null for who needs none, as programs on the server's own machine where no reader
    /// is configured.
    name: Option<String>,
    /// What it may see beyond statuses.
    role: Role,
    /// The only sources that it may see; null: all.
    sources: Option<Vec<String>>,
    /// Whether it is known by a browser's cookie: then it can sign out.
    signed_in: bool,
    /// Without anybody at the page for so many minutes a browser is signed out; null: never.
    idle_sign_out_minutes: Option<i32>,
}

impl From<&Viewer> for Reader {
    fn from(viewer: &Viewer) -> Reader {
        let minutes = viewer.idle_sign_out_minutes.map(|minutes| i32::try_from(minutes.get()).unwrap_or(i32::MAX));
        Reader {
            name: viewer.name.clone(),
            role: viewer.role.into(),
            sources: viewer.sources.as_ref().map(|sources| sources.iter().map(ToString::to_string).collect()),
            signed_in: viewer.signed_in,
            idle_sign_out_minutes: minutes,
        }
    }
}
