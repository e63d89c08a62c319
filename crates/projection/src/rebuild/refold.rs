//! One appointment, folded anew from the log.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use clockfold_lifecycle::EventType;
use clockfold_log::{AppointmentId, Log, LogError, Position, Reading};

use crate::{
    error::ProjectionError,
    schema::{
        appointment::{AppointmentRecord, ENTRIES_IN_ROW, JudgedEvent, encode_appointment, encode_history},
        identity::AppointmentKey,
        keys::{
            Kind, SourceNumber, appointment_key, encode_places, encode_source, history_key, hour_key, outcome_key,
            row_of,
        },
        keyspaces::Space,
        orders::{Places, only_in},
        tally::{Hour, encode_hour, hour_of, minute_of},
    },
    view::{View, as_of::refold},
    write::store::Projection,
};

/// An appointment before and after it was folded anew.
#[derive(Clone, Debug)]
pub struct Refolded {
    /// As the projection had it.
    pub before: AppointmentRecord,
    /// As the log's deliveries make it by today's rules. It is what the projection has now.
    pub after: AppointmentRecord,
    /// Whether anything differed, in the appointment or in the state of one of its deliveries.
    pub changed: bool,
}

/// What the deliveries of an appointment said, read from the log again.
pub struct Arrived {
    key: AppointmentKey,
    entries: Vec<JudgedEvent>,
}

impl View {
    /// Reads the deliveries of an appointment again. Its history names them: only a rebuild finds one that is missing
    /// there. It looks into the log for each, so it is no work for the one writer.
    pub fn read_again(&self, key: &AppointmentKey, log: &dyn Log) -> Result<Arrived, ProjectionError> {
        let record = self.appointment(key)?.ok_or(ProjectionError::NoSuchAppointment)?;
        let history = self.entries_as_of(&record, Position::new(u64::MAX))?;
        let entries = history.iter().map(|entry| read_again(log, key, entry.position)).collect::<Result<_, _>>()?;
        Ok(Arrived { key: key.clone(), entries })
    }
}

impl Projection {
    /// Folds one appointment anew from the deliveries read from the log, and those that have come since, and writes
    /// what differs.
    pub fn refold(&mut self, arrived: Arrived, log: &dyn Log) -> Result<Refolded, ProjectionError> {
        let Arrived { key, entries: mut arrived } = arrived;
        let key = &key;
        let view = self.view();
        let before = view.appointment(key)?.ok_or(ProjectionError::NoSuchAppointment)?;
        let number = view.number_of(&key.source).ok_or(ProjectionError::Corrupt("source number"))?;
        let old = view.entries_as_of(&before, Position::new(u64::MAX))?;
        for entry in old.iter().skip(arrived.len()) {
            arrived.push(read_again(log, key, entry.position)?);
        }
        if arrived.iter().map(|entry| entry.position).ne(old.iter().map(|entry| entry.position)) {
            return Err(ProjectionError::Corrupt("history"));
        }
        let rules = Arc::clone(&self.rules);
        let (after, new) =
            refold(key.clone(), &arrived, rules.of(&key.source)).ok_or(ProjectionError::Corrupt("history"))?;
        let changed = before != after || old != new;
        if changed {
            let counted = self.sources[number.0 as usize].clone();
            let written = self.write_refolded(number, key.appointment_id, (Places::of(&before), &old), &after, &new);
            // It counts before it writes: a failed write undoes the counts.
            written.inspect_err(|_| self.sources[number.0 as usize] = counted)?;
        }
        Ok(Refolded { before, after, changed })
    }

    fn write_refolded(
        &mut self,
        number: SourceNumber,
        id: AppointmentId,
        (before, old): (Option<Places>, &[JudgedEvent]),
        after: &AppointmentRecord,
        new: &[JudgedEvent],
    ) -> Result<(), ProjectionError> {
        let store = Arc::clone(&self.store);
        let mut batch = store.database.batch();
        batch.insert(&store[Space::Appointments], appointment_key(number, id), encode_appointment(after));
        for row in new.chunks_exact(ENTRIES_IN_ROW) {
            batch.insert(
                &store[Space::History],
                history_key(number, id, row[ENTRIES_IN_ROW - 1].position),
                encode_history(row),
            );
        }
        let places = Places::of(after);
        only_in(before, places, number, id, |space, key, _| batch.remove(&store[space], key));
        only_in(places, before, number, id, |space, key, value| batch.insert(&store[space], key, value));
        let status = |places: Option<Places>| places.map(|places| places.status);
        self.counts(number).move_appointment(status(before), status(places));
        let mut listed: BTreeMap<(Kind, u64), Vec<u16>> = BTreeMap::new();
        let mut tallies: BTreeMap<u64, Hour> = BTreeMap::new();
        for (old, new) in old.iter().zip(new) {
            let (was, is) = (old.kind(), new.kind());
            if was == is {
                continue;
            }
            let (hour, minute) = hour_of(minute_of(new.received_at));
            let tallied = match tallies.entry(hour) {
                btree_map::Entry::Occupied(entry) => entry.into_mut(),
                btree_map::Entry::Vacant(entry) => entry.insert(self.hour(number, hour)?),
            };
            tallied.entry(minute).or_default().move_delivery(was, is);
            let (row, place) = row_of(new.position);
            self.listed_once(&mut listed, number, was, row)?.retain(|listed| *listed != place);
            let places = self.listed_once(&mut listed, number, is, row)?;
            if let Err(at) = places.binary_search(&place) {
                places.insert(at, place);
            }
            self.counts(number).move_delivery(was.outcome(), is.outcome());
        }
        for (hour, minutes) in &tallies {
            batch.insert(&store[Space::Tallies], hour_key(number, *hour), encode_hour(minutes));
        }
        for ((kind, row), places) in listed {
            let key = outcome_key(number, kind, row);
            if places.is_empty() {
                batch.remove(&store[Space::ByOutcome], key);
            } else {
                batch.insert(&store[Space::ByOutcome], key, encode_places(&places));
            }
        }
        batch.insert(&store[Space::Sources], number.0.to_be_bytes(), encode_source(&self.sources[number.0 as usize]));
        batch.commit()?;
        self.record_cache.take((number, id));
        Ok(())
    }

    fn listed_once<'a>(
        &self,
        listed: &'a mut BTreeMap<(Kind, u64), Vec<u16>>,
        number: SourceNumber,
        kind: Kind,
        row: u64,
    ) -> Result<&'a mut Vec<u16>, ProjectionError> {
        match listed.entry((kind, row)) {
            btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            btree_map::Entry::Vacant(entry) => Ok(entry.insert(self.listed(number, kind, row)?)),
        }
    }
}

/// What a delivery of the appointment said, as the log has it.
fn read_again(log: &dyn Log, key: &AppointmentKey, position: Position) -> Result<JudgedEvent, ProjectionError> {
    let missing = || LogError::Corrupt { position, message: "the delivery is missing".to_owned() };
    let delivery = log.read(position).next().ok_or_else(missing)??;
    match &delivery.reading {
        Reading::Readable { appointment_id, event_type } | Reading::ReadSince { appointment_id, event_type, .. }
            if *appointment_id == key.appointment_id && delivery.source == key.source =>
        {
            let event = EventType::from_name(event_type);
            // The fold finds out what becomes of it.
            let judgement = clockfold_lifecycle::Judgement::unreadable(clockfold_lifecycle::Fault::NotJson);
            Ok(JudgedEvent { position, received_at: delivery.received_at, event, judgement })
        }
        _ => Err(ProjectionError::Corrupt("history")),
    }
}

#[cfg(test)]
mod tests {
    use clockfold_log::{DataDir, NewDelivery, SledLog};

    use super::*;
    use crate::schema::{
        appointment::decode_history,
        keys::{order_key, status_key},
        rules::Rules,
    };

    fn refold_one(
        projection: &mut Projection,
        key: &AppointmentKey,
        log: &SledLog,
    ) -> Result<Refolded, ProjectionError> {
        let arrived = projection.view().read_again(key, log)?;
        projection.refold(arrived, log)
    }

    /// A log with an appointment with many deliveries, and its projection.
    fn folded(folder: &std::path::Path) -> (SledLog, AppointmentKey, Projection) {
        let log = SledLog::open(&DataDir::at(folder), Arc::new(chrono::Utc::now)).unwrap();
        let key = AppointmentKey { source: "downtown".parse().unwrap(), appointment_id: AppointmentId::MIN };
        for number in 0..40 {
            let event_type = ["create", "checkin", "ready", "undo_ready", "callback"][number % 5].into();
            let reading = Reading::Readable { appointment_id: AppointmentId::MIN, event_type };
            let new = NewDelivery { source: key.source.clone(), reading, delivery_id: None, body: Vec::new() };
            log.append(vec![new]).unwrap();
        }
        let mut projection = Projection::open(&folder.join("p"), Arc::new(Rules::default())).unwrap();
        projection.catch_up(&log, &mut |_| {}).unwrap();
        (log, key, projection)
    }

    #[test]
    fn what_could_not_be_written_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (log, key, mut projection) = folded(folder.path());
        let number = projection.view().number_of(&key.source).unwrap();
        let row = history_key(number, key.appointment_id, Position::new(16));
        let mut entries = decode_history(&projection.store[Space::History].get(&row).unwrap().unwrap()).unwrap();
        entries[0].judgement = clockfold_lifecycle::Judgement::unreadable(clockfold_lifecycle::Fault::NotJson);
        projection.store[Space::History].insert(row, encode_history(&entries)).unwrap();
        let mut record = projection.view().appointment(&key).unwrap().unwrap();
        record.appointment = clockfold_lifecycle::Appointment::default();
        let place = appointment_key(number, key.appointment_id);
        projection.store[Space::Appointments].insert(place, encode_appointment(&record)).unwrap();
        // Where it is listed can't be read.
        let listed = outcome_key(number, entries[0].kind(), row_of(entries[0].position).0);
        projection.store[Space::ByOutcome].insert(listed, [1]).unwrap();
        let counted = projection.sources.clone();
        assert!(matches!(refold_one(&mut projection, &key, &log), Err(ProjectionError::Corrupt("outcome index"))));
        assert_eq!(projection.sources, counted);
    }

    #[test]
    fn a_status_that_began_at_another_time_is_repaired_in_the_orders() {
        let folder = tempfile::tempdir().unwrap();
        let (log, key, mut projection) = folded(folder.path());
        let expected = projection.view().state_digest().unwrap();
        let number = projection.view().number_of(&key.source).unwrap();
        let well = projection.view().appointment(&key).unwrap().unwrap();
        let mut parts = well.appointment.parts().clone();
        parts.steps.last_mut().unwrap().received_at -= chrono::TimeDelta::hours(1);
        let other =
            AppointmentRecord { appointment: clockfold_lifecycle::Appointment::from_parts(parts), ..well.clone() };
        let (was, is) = (Places::of(&well), Places::of(&other));
        let store = Arc::clone(&projection.store);
        let mut batch = store.database.batch();
        let place = appointment_key(number, key.appointment_id);
        batch.insert(&store[Space::Appointments], place, encode_appointment(&other));
        only_in(was, is, number, key.appointment_id, |space, key, _| batch.remove(&store[space], key));
        only_in(is, was, number, key.appointment_id, |space, key, value| batch.insert(&store[space], key, value));
        batch.commit().unwrap();
        assert_ne!(projection.view().state_digest().unwrap(), expected);
        assert!(refold_one(&mut projection, &key, &log).unwrap().changed);
        assert_eq!(projection.view().state_digest().unwrap(), expected);
    }

    #[test]
    fn a_corrupt_appointment_is_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let (log, key, mut projection) = folded(folder.path());
        let expected = projection.view().state_digest().unwrap();
        let well = refold_one(&mut projection, &key, &log).unwrap();
        assert!(!well.changed && well.before == well.after);
        // As if two of its rows had been written by a mistake that has been repaired since.
        let number = projection.view().number_of(&key.source).unwrap();
        let row = history_key(number, key.appointment_id, Position::new(16));
        let mut entries = decode_history(&projection.store[Space::History].get(&row).unwrap().unwrap()).unwrap();
        entries[0].judgement.late = true;
        projection.store[Space::History].insert(row, encode_history(&entries)).unwrap();
        let other =
            AppointmentRecord { appointment: clockfold_lifecycle::Appointment::default(), ..well.after.clone() };
        projection.store[Space::Appointments]
            .insert(appointment_key(number, key.appointment_id), encode_appointment(&other))
            .unwrap();
        let places = Places::of(&well.after).unwrap();
        let mut batch = projection.store.database.batch();
        let at = status_key(number, places.status, places.since, key.appointment_id.get());
        batch.remove(&projection.store[Space::ByStatus], at);
        let at = order_key(number, places.first, key.appointment_id.get());
        batch.remove(&projection.store[Space::ByFirst], at);
        let at = status_key(number, places.status, places.last, key.appointment_id.get());
        batch.remove(&projection.store[Space::ByLast], at);
        batch.commit().unwrap();
        projection.counts(number).move_appointment(well.after.appointment.status(), None);
        let repaired = refold_one(&mut projection, &key, &log).unwrap();
        assert!(repaired.changed);
        assert_eq!((&repaired.before, &repaired.after), (&other, &well.after));
        assert_eq!(projection.view().state_digest().unwrap(), expected);
        let nobody = AppointmentKey { appointment_id: "7".parse().unwrap(), ..key };
        assert!(matches!(refold_one(&mut projection, &nobody, &log), Err(ProjectionError::NoSuchAppointment)));
    }
}
