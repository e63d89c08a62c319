//! Deliveries that were not applied in a stretch of the log, by outcome and reason.
//!
//! They come from the index of deliveries by verdict and event: a row of it holds the positions of up to 2,048
//! deliveries, so a month costs little more than a day, and no delivery is read.

use clockfold_lifecycle::{Code, EventType, Outcome};
use clockfold_log::{Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::keys::Kind,
    view::{
        View,
        filter::{Positions, Stretches},
        merge::Span,
    },
};

/// The outcomes of deliveries that were not applied although they said something new.
const OUTCOMES: [Outcome; 3] = [Outcome::Rejected, Outcome::Unrecognized, Outcome::Unreadable];

/// Deliveries of a source that were not applied for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplied {
    /// Who sent them.
    pub source: SourceName,
    /// Why.
    pub code: Code,
    /// What they said; `None` where that is no known event.
    pub event: Option<EventType>,
    /// How many there are: at least one.
    pub count: u64,
    /// The first of them.
    pub first: Position,
    /// The last of them.
    pub last: Position,
}

impl View {
    /// The REJECTED, UNRECOGNIZED and UNREADABLE deliveries, by source, code and event, as folded up to now.
    pub fn not_applied(
        &self,
        sources: &[SourceName],
        positions: &Stretches,
    ) -> Result<Vec<NotApplied>, ProjectionError> {
        let mut groups = Vec::new();
        let stretches = positions.each();
        for (source, number) in self.numbers_of(sources) {
            for kind in Kind::all().filter(|kind| OUTCOMES.contains(&kind.outcome())) {
                let Some(code) = kind.verdict.code() else { continue };
                let mut group: Option<NotApplied> = None;
                let positions = stretches.iter().flat_map(|stretch| self.positions_with(number, kind, stretch.span()));
                for position in positions {
                    let position = Position::new(position?);
                    let group = group.get_or_insert_with(|| NotApplied {
                        source: source.clone(),
                        code,
                        event: kind.event,
                        count: 0,
                        first: position,
                        last: position,
                    });
                    group.count += 1;
                    group.last = position;
                }
                groups.extend(group);
            }
        }
        Ok(groups)
    }
}

impl Positions {
    pub(crate) fn span(self) -> Span<Position> {
        Span { after: self.after, before: self.to.map(Position::next) }
    }
}
