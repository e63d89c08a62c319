//! Folds appointments whose deliveries stand together: a piece of a rebuild, for one thread.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{EventType, FoldRules};
use clockfold_log::{AppointmentId, Position, SourceName};

use crate::{
    rebuild::{bulk::key_of, gather::Seen},
    schema::{
        appointment::{AppointmentRecord, ENTRIES_IN_ROW, JudgedEvent, Sighting, encode_appointment, encode_history},
        changes::StatusChange,
        keys::{Kind, SourceNumber, appointment_key, history_key, verdict_of},
        orders::Places,
        tally::{Tally, minute_of},
    },
    view::as_of::revise,
};

/// The rows of some appointments.
#[derive(Default)]
pub(crate) struct FoldedPart {
    pub(crate) deliveries: u64,
    pub(crate) appointments: Vec<([u8; 12], Vec<u8>)>,
    pub(crate) history: Vec<(Vec<u8>, Vec<u8>)>,
    /// What else they make, by source.
    pub(crate) sources: Vec<SourcePart>,
}

/// What some appointments of a source make beside their own rows.
pub(crate) struct SourcePart {
    pub(crate) source: u32,
    pub(crate) places: Vec<(AppointmentId, Places)>,
    pub(crate) listed: Vec<(Kind, u64)>,
    pub(crate) changes: Vec<StatusChange>,
    /// By minute.
    pub(crate) tallies: HashMap<u64, Tally>,
}

/// Folds a piece that holds all deliveries of its appointments, by appointment and position.
pub(crate) fn fold_appointments(piece: &[Seen], sources: &[(SourceName, &FoldRules)]) -> FoldedPart {
    let mut part = FoldedPart { deliveries: piece.len() as u64, ..FoldedPart::default() };
    let mut history: Vec<JudgedEvent> = Vec::new();
    for deliveries in piece.chunk_by(|one, next| (one.source, one.appointment_id) == (next.source, next.appointment_id))
    {
        let first = deliveries[0];
        if part.sources.last().is_none_or(|last| last.source != first.source) {
            let (places, listed, changes, tallies) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
            part.sources.push(SourcePart { source: first.source, places, listed, changes, tallies });
        }
        let of_source = part.sources.last_mut().expect("it was pushed just now");
        let (name, rules) = &sources[first.source as usize];
        let Some(key) = key_of(name, first.appointment_id) else {
            // Bodies that can't be read name no appointment.
            for one in deliveries {
                let verdict = verdict_of(one.said).expect("the log's reading gave it this byte");
                of_source.list(Kind { verdict, event: None }, Position::new(one.position), received_at(one));
            }
            continue;
        };
        let id = key.appointment_id;
        let mut record = AppointmentRecord::new(key, sighting(&first));
        history.clear();
        for one in deliveries {
            let sighting = sighting(one);
            let before = record.appointment.status();
            let folded = record.enter(rules, sighting);
            history.append(&mut record.recent);
            for change in &folded.changes {
                revise(&mut history, change);
            }
            if before != folded.status {
                let Sighting { position, received_at, .. } = sighting;
                let change = StatusChange { position, received_at, appointment_id: id, before, after: folded.status };
                of_source.changes.push(change);
            }
        }
        of_source.places.extend(Places::of(&record).map(|places| (id, places)));
        for entry in &history {
            of_source.list(entry.kind(), entry.position, entry.received_at);
        }
        let number = SourceNumber(first.source);
        let rows = history.chunks_exact(ENTRIES_IN_ROW);
        record.recent.extend_from_slice(rows.remainder());
        for row in rows {
            part.history.push((history_key(number, id, row[ENTRIES_IN_ROW - 1].position), encode_history(row)));
        }
        part.appointments.push((appointment_key(number, id), encode_appointment(&record)));
    }
    part
}

impl SourcePart {
    fn list(&mut self, kind: Kind, position: Position, received_at: DateTime<Utc>) {
        self.listed.push((kind, position.get()));
        self.tallies.entry(minute_of(received_at)).or_default().count(kind);
    }
}

fn sighting(one: &Seen) -> Sighting {
    Sighting {
        position: Position::new(one.position),
        received_at: received_at(one),
        event: one.said.checked_sub(1).map(|place| EventType::ALL[usize::from(place)]),
    }
}

fn received_at(one: &Seen) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(one.received_at_ms).unwrap_or(DateTime::UNIX_EPOCH)
}
