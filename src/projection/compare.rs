//! What other rules have changed: two projections of one log, appointment by appointment.

use fjall::{Guard, Readable};

use crate::{lifecycle::Met, log::SourceName};

use super::{
    AppointmentKey, Projection, ProjectionError, Rules,
    record::decode_appointment,
    row::{SourceNumber, last_number},
    store::{failed, source_number},
};

impl Projection {
    /// The sources whose deliveries `rules` fold otherwise than this projection has.
    pub(super) fn refolded(&self, rules: &Rules) -> Vec<(SourceName, SourceNumber)> {
        let sources = self.sources.iter().enumerate();
        let changed = sources.filter(|(_, row)| row.rules_digest != rules.digest_for(&row.name));
        changed.map(|(index, row)| (row.name.clone(), source_number(index))).collect()
    }

    /// How many appointments a source has in either, and how many of them have another status in `other`. Both have
    /// to be folded up to the same position.
    pub(super) fn status_changes(
        &self,
        other: &Projection,
        source: SourceNumber,
    ) -> Result<(u64, u64), ProjectionError> {
        let (mut appointments, mut changed) = (0, 0);
        let mut others = other.statuses(source)?;
        // The same deliveries name the same appointments: both lists are the same but for the statuses.
        for one in self.statuses(source)? {
            let ((id, before), other) = (one?, others.next().transpose()?);
            let (_, after) = other.filter(|(other, _)| *other == id).ok_or(ProjectionError::Damaged("appointment"))?;
            // An id that no delivery has brought into being is no appointment.
            appointments += u64::from(before.is_some() || after.is_some());
            changed += u64::from(before != after);
        }
        Ok((appointments, changed))
    }

    fn statuses(
        &self,
        source: SourceNumber,
    ) -> Result<impl Iterator<Item = Result<(u64, Met), ProjectionError>>, ProjectionError> {
        let name = self.sources.get(source.0 as usize).ok_or(ProjectionError::Damaged("source"))?.name.clone();
        let snapshot = self.reader.0.database.snapshot();
        let rows = snapshot.prefix(&self.reader.0.appointments, source.0.to_be_bytes());
        Ok(rows.map(move |row: Guard| {
            let (key, bytes) = row.into_inner().map_err(|error| failed("comparing", error))?;
            let id = last_number(&key)?;
            let appointment_id = id.to_string().parse().map_err(|()| ProjectionError::Damaged("appointment"))?;
            let key = AppointmentKey { source: name.clone(), appointment_id };
            Ok((id, decode_appointment(key, &bytes)?.appointment.status()))
        }))
    }
}
