//! How the index of an order is followed for a page.

use std::cmp::Ordering;

use clockfold_log::SourceName;

use crate::view::{
    Page,
    filter::{AppointmentOrderKey, Order},
};

/// An appointment's place in the index of a source: what it is ordered by, and its id.
pub(crate) type Spot = (u64, u64);

/// A part of an index; both ends included.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) from: Spot,
    pub(crate) to: Spot,
}

const EVERYTHING: Stretch = Stretch { from: (0, 0), to: (u64::MAX, u64::MAX) };

/// A walk along an index for a page: strictly between two places, in one direction.
pub(crate) struct Walk<'a> {
    pub(crate) after: Option<&'a AppointmentOrderKey>,
    pub(crate) before: Option<&'a AppointmentOrderKey>,
    pub(crate) backwards: bool,
}

impl<'a> Walk<'a> {
    pub(crate) const EVERYTHING: Walk<'static> = Walk { after: None, before: None, backwards: false };

    pub(crate) fn of(order: Order, page: &'a Page<AppointmentOrderKey>) -> Walk<'a> {
        let (after, before) = (page.after.as_ref(), page.before.as_ref());
        let (after, before) = if order.descending { (before, after) } else { (after, before) };
        Walk { after, before, backwards: order.descending != page.from_end }
    }

    /// The part of a source's index that lies in it; `None` where none does.
    pub(crate) fn stretch(&self, source: &SourceName) -> Option<Stretch> {
        // Among equal values sources stand in the order of their names.
        let after = match self.after {
            None => EVERYTHING.from,
            Some(AppointmentOrderKey { value, key }) => {
                let last = match source.cmp(&key.source) {
                    Ordering::Less => (*value, u64::MAX),
                    Ordering::Equal => (*value, key.appointment_id.get()),
                    Ordering::Greater => return self.up_to(source, (*value, 0)),
                };
                match last {
                    (u64::MAX, u64::MAX) => return None,
                    (value, u64::MAX) => (value + 1, 0),
                    (value, id) => (value, id + 1),
                }
            }
        };
        self.up_to(source, after)
    }

    fn up_to(&self, source: &SourceName, from: Spot) -> Option<Stretch> {
        let to = match self.before {
            None => EVERYTHING.to,
            Some(AppointmentOrderKey { value, key }) => match source.cmp(&key.source) {
                Ordering::Less => (*value, u64::MAX),
                Ordering::Equal => (*value, key.appointment_id.get() - 1),
                Ordering::Greater => (value.checked_sub(1)?, u64::MAX),
            },
        };
        Stretch { from, to }.and(EVERYTHING)
    }
}

impl Stretch {
    pub(crate) fn and(self, other: Stretch) -> Option<Stretch> {
        let both = Stretch { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from <= both.to).then_some(both)
    }
}
