//! The store: opening, catching up, applying.

use super::View;

/// Answers queries; cheap to clone.
#[derive(Clone)]
pub struct Reader {}

impl Reader {
    /// A snapshot of this moment.
    pub fn view(&self) -> View {
        unimplemented!()
    }
}
