//! Deliveries from before the demo begins: written through the log itself, with the times at which they would have
//! arrived.
//!
//! Posted, all of it would have arrived now, and everybody would have waited for no time at all.

use std::iter::Peekable;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    access::fresh_secret,
    cli::common::hint::with_hint,
    log::{Body, Clock, DataDir, Delivery, Log as _, Position, SledLog},
    simulate::{Simulated, Simulation},
};

/// How many deliveries are appended at once.
const GROUP_DELIVERIES: usize = 4096;

/// Takes everything that arrives before `moment`, and puts it into a new log with times that end now. Returns how many
/// deliveries that are.
pub(super) fn fill(
    traffic: &mut Peekable<Simulation>,
    moment: DateTime<Utc>,
    data_dir: &DataDir,
    clock: &Clock,
) -> anyhow::Result<u64> {
    let log = SledLog::open(data_dir, Clock::clone(clock)).map_err(with_hint)?;
    let later = TimeDelta::milliseconds((clock() - moment).num_milliseconds());
    // One for all: nothing is ever erased here.
    let secret = fresh_secret()?;
    let mut salt = [0; 16];
    salt.iter_mut().zip(secret.bytes()).for_each(|(byte, random)| *byte = random);
    let mut position = Position::ZERO;
    let mut group = Vec::with_capacity(GROUP_DELIVERIES);
    while let Some(Simulated { arrives_at, delivery, repeated }) = traffic.next_if(|next| next.arrives_at < moment) {
        // A delivery with an id that is sent again is kept once, as the server does it.
        if repeated && delivery.delivery_id.is_some() {
            continue;
        }
        position = position.next();
        group.push(Delivery {
            position,
            received_at: arrives_at + later,
            source: delivery.source,
            reading: delivery.reading,
            delivery_id: delivery.delivery_id,
            body: Body::Kept { salt, bytes: delivery.body },
        });
        if group.len() == GROUP_DELIVERIES {
            log.append_copies(&group).map_err(with_hint)?;
            group.clear();
        }
    }
    log.append_copies(&group).map_err(with_hint)?;
    Ok(log.head().position.get())
}
