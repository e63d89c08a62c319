//! Corruption that tests plant, to see that it is found and repaired. No product compiles it.

use crate::{error::ProjectionError, schema::keyspaces::Space, write::store::Projection};

impl Projection {
    /// Gives an appointment the row of another.
    pub fn confuse_two_appointments(&self) -> Result<(), ProjectionError> {
        let rows = self.view().snapshot.iter(&self.store[Space::Appointments]).take(2);
        let rows = rows.map(clockfold_rows::Guard::into_inner).collect::<Result<Vec<_>, _>>();
        let rows = rows?;
        let [(key, _), (_, other)] = &rows[..] else { return Err(ProjectionError::NoSuchAppointment) };
        self.store[Space::Appointments].insert(&**key, other).map_err(ProjectionError::from)
    }

    /// Makes the row of the first appointment one that can't be read.
    pub fn damage_an_appointment(&self) -> Result<(), ProjectionError> {
        let first =
            self.view().snapshot.iter(&self.store[Space::Appointments]).next().map(clockfold_rows::Guard::into_inner);
        let Some(Ok((key, _))) = first else { return Err(ProjectionError::NoSuchAppointment) };
        self.store[Space::Appointments].insert(&*key, b"no row").map_err(ProjectionError::from)
    }
}
