//! The appointments that were folded last. The next delivery to one of them needs no look-up.

use std::collections::HashMap;

use clockfold_log::AppointmentId;

use crate::schema::{appointment::AppointmentRecord, keys::SourceNumber};

/// How many appointments a generation holds; there are two. One takes about 1 KB.
const APPOINTMENTS_MAX: usize = 8192;

/// Appointments in two generations: a full new one replaces the old one, with the appointments that nobody asked for
/// meanwhile.
#[derive(Default)]
pub(crate) struct RecordCache {
    young: HashMap<(SourceNumber, AppointmentId), Box<AppointmentRecord>>,
    old: HashMap<(SourceNumber, AppointmentId), Box<AppointmentRecord>>,
}

impl RecordCache {
    /// Whether nothing was folded since the start.
    pub(crate) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// Takes an appointment out.
    pub(crate) fn take(&mut self, key: (SourceNumber, AppointmentId)) -> Option<Box<AppointmentRecord>> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    /// Puts an appointment back as it is on disk now.
    pub(crate) fn put(&mut self, key: (SourceNumber, AppointmentId), record: Box<AppointmentRecord>) {
        if self.young.len() >= APPOINTMENTS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, record);
    }
}
