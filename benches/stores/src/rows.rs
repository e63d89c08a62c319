//! All rows that a store has to hold, in the order of their keys: what is ingested, and what is compared with a store.

use crate::{
    store::{Fallible, SPACES, Scan, Space, View},
    traffic::{Appointment, CHECKPOINT_KEY, Key, SOURCE_KEY, Traffic, checkpoint_value, source_value},
};

/// Greater than every key here.
const LAST_KEY: &[u8] = &[0xff; 32];

/// Gets a row's key and value.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Fallible<()>;

pub(crate) struct SortedRows<'a> {
    traffic: &'a Traffic,
    /// The rows of appointments, by keyspace: their keys, and whose they are.
    keys: [Vec<(Key, &'a Appointment)>; SPACES],
}

impl<'a> SortedRows<'a> {
    pub(crate) fn of(traffic: &'a Traffic) -> SortedRows<'a> {
        let mut keys: [Vec<(Key, &Appointment)>; SPACES] = Default::default();
        for space in Appointment::SPACES {
            let rows = &mut keys[space as usize];
            rows.extend(traffic.appointments().iter().map(|appointment| (appointment.key(space), appointment)));
            rows.sort_unstable_by_key(|(key, _)| *key);
        }
        SortedRows { traffic, keys }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.iter().map(Vec::len).sum::<usize>() + if self.traffic.batches() > 0 { 2 } else { 0 }
    }

    /// Hands out the keys and values of a keyspace, ascending.
    pub(crate) fn each(&self, space: Space, take: Take<'_>) -> Fallible<()> {
        let batches = self.traffic.batches();
        match space {
            Space::Sources if batches > 0 => take(SOURCE_KEY, &source_value(batches)),
            Space::Meta if batches > 0 => take(CHECKPOINT_KEY, &checkpoint_value(batches)),
            _ => self.keys[space as usize].iter().try_for_each(|(key, of)| take(key, &of.value(space))),
        }
    }

    /// Says what is wrong with a store that should hold these rows and no others.
    pub(crate) fn compare(&self, view: &dyn View) -> Fallible<()> {
        for space in Space::ALL {
            let mut found = Vec::new();
            let scan = Scan { space, from: &[], to: LAST_KEY, is_down: false, rows_max: usize::MAX };
            view.scan(&scan, &mut |key, value| found.push((key.to_vec(), value.to_vec())))?;
            let mut rows = found.iter();
            self.each(space, &mut |key, value| match rows.next() {
                Some((found, content)) if found == key && content == value => Ok(()),
                Some((found, _)) if found == key => Err(format!("{}: {key:?} has another value", space.name()).into()),
                Some((found, _)) => Err(format!("{}: {found:?} in the place of {key:?}", space.name()).into()),
                None => Err(format!("{}: {key:?} and all after it are gone", space.name()).into()),
            })?;
            if let Some((key, _)) = rows.next() {
                return Err(format!("{}: nobody wrote {key:?}", space.name()).into());
            }
        }
        Ok(())
    }
}
