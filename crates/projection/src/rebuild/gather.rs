//! The first half of a rebuild: reads the whole log on all cores, checks its chain, and sorts its deliveries by
//! appointment, so that one appointment after another can be folded.

use std::{
    io::{self, Read, Write},
    path::Path,
    thread,
};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Code, EventType, Verdict};
use clockfold_log::{Cause, Delivery, Digest, Head, Log, LogError, OpenBlock, Position, Reading, SourceName};

use crate::{
    error::{ProjectionError, failed},
    planted::planted,
    rebuild::{
        parallel::{Feed, in_order},
        progress::{ProgressReporter, RebuildResources},
        sort::{Sorted, Sorter, Spill},
    },
    schema::{
        keys::{event_byte, verdict_byte},
        set_back::SetBack,
    },
};

/// A delivery, as far as the fold needs it. Orders by source, appointment and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) source: u32,
    /// 0 where the body is unreadable: it names no appointment.
    pub(crate) appointment_id: u64,
    pub(crate) position: u64,
    pub(crate) received_at_ms: i64,
    /// 0 for an event type that is not known, else its place in [`EventType::ALL`] plus 1. Where the body is unreadable,
    /// the byte of the verdict that says why.
    pub(crate) said: u8,
}

/// The sender's id of a delivery. Orders by source, id and position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdUse {
    pub(crate) source: u32,
    pub(crate) delivery_id: Box<str>,
    pub(crate) position: u64,
}

/// What the log says.
pub(crate) struct Gathered {
    /// Sources in the order in which the log first names them.
    pub(crate) sources: Vec<SourceName>,
    pub(crate) seen: Sorted<Seen>,
    pub(crate) ids: Sorted<IdUse>,
    /// The log's digest at the last position.
    pub(crate) digest: Digest,
    /// When the delivery there arrived; `None` where there is none.
    pub(crate) last_arrival: Option<DateTime<Utc>>,
    /// Where the clock was set back, in the order of the log.
    pub(crate) set_backs: Vec<SetBack>,
}

/// What one block says; sources count from 0 in each.
struct Part {
    before: Digest,
    after: Digest,
    first: Position,
    first_received_at: DateTime<Utc>,
    last: Position,
    last_received_at: DateTime<Utc>,
    set_backs: Vec<SetBack>,
    sources: Vec<SourceName>,
    seen: Vec<Seen>,
    ids: Vec<IdUse>,
}

/// Reads everything up to `to`. Fails where a block does not continue the one before it.
pub(crate) fn gather(
    log: &dyn Log,
    to: Position,
    resources: &RebuildResources,
    folder: &Path,
    progress: &mut ProgressReporter<'_>,
) -> Result<Gathered, ProjectionError> {
    let disk = |error: io::Error| failed("sorting", error);
    let mut seen = Sorter::new(folder, "seen", resources.memory_bytes / 4 * 3);
    let mut ids = Sorter::new(folder, "ids", resources.memory_bytes / 8);
    let mut sources: Vec<SourceName> = Vec::new();
    let (mut end, mut last_arrival, mut set_backs) = (Head::EMPTY, None, Vec::new());
    thread::scope(|scope| {
        let feed = |feed: &mut Feed<_>| {
            for block in log.blocks() {
                let broken = block.is_err();
                if !feed.put(block) || broken {
                    break;
                }
            }
        };
        let open = move |block: Result<clockfold_log::Block, LogError>| part(block?.open()?, to);
        for part in in_order(scope, resources.threads, feed, open) {
            let part = part.map_err(|error| match error {
                // The store does not say where; the last delivery that could be read does.
                LogError::Storage { doing, message, cause: Cause::Other } => {
                    LogError::Corrupt { position: end.position.next(), message: format!("{doing}: {message}") }
                }
                error => error,
            });
            let Some(mut part) = part? else { break };
            set_backs.extend(SetBack::checked(last_arrival, part.first, part.first_received_at)?);
            set_backs.append(&mut part.set_backs);
            last_arrival = Some(part.last_received_at);
            if part.first != end.position.next() || part.before != end.digest {
                let message = "what stands here does not continue what stands before it".to_owned();
                return Err(LogError::Corrupt { position: end.position.next(), message }.into());
            }
            if planted!(RebuildForgetsLast) {
                part.seen.pop();
            }
            let numbers: Vec<u32> = part.sources.into_iter().map(|source| number(&mut sources, source)).collect();
            for one in part.seen {
                seen.push(Seen { source: numbers[one.source as usize], ..one }).map_err(disk)?;
            }
            for one in part.ids {
                ids.push(IdUse { source: numbers[one.source as usize], ..one }).map_err(disk)?;
            }
            end = Head { position: part.last, digest: part.after };
            progress.read(end.position)?;
        }
        Ok::<_, ProjectionError>(())
    })?;
    if end.position != to {
        let message = "the log ends before its head".to_owned();
        return Err(LogError::Corrupt { position: end.position.next(), message }.into());
    }
    let (seen, ids) = (seen.finish().map_err(disk)?, ids.finish().map_err(disk)?);
    Ok(Gathered { sources, seen, ids, digest: end.digest, last_arrival, set_backs })
}

fn number(sources: &mut Vec<SourceName>, source: SourceName) -> u32 {
    let known = sources.iter().position(|known| *known == source);
    let index = known.unwrap_or_else(|| {
        sources.push(source);
        sources.len() - 1
    });
    u32::try_from(index).expect("there are fewer than 2^32 sources")
}

/// What a block says of deliveries up to `to`; `None` where it begins beyond.
fn part(block: OpenBlock, to: Position) -> Result<Option<Part>, LogError> {
    let OpenBlock { before, mut deliveries, mut after } = block;
    let Some((first, first_received_at)) =
        deliveries.first().map(|first| (first.position, first.received_at)).filter(|(first, _)| *first <= to)
    else {
        return Ok(None);
    };
    if deliveries.last().is_some_and(|last| last.position > to) {
        deliveries.truncate(deliveries.partition_point(|delivery| delivery.position <= to));
        after = deliveries.iter().fold(before, Digest::then);
    }
    let within = |pair: &[Delivery]| SetBack::checked(Some(pair[0].received_at), pair[1].position, pair[1].received_at);
    let set_backs = deliveries.windows(2).filter_map(|pair| within(pair).transpose()).collect::<Result<_, _>>()?;
    let last = deliveries.last().map_or((first, first_received_at), |last| (last.position, last.received_at));
    let mut part = Part {
        before,
        after,
        first,
        first_received_at,
        last: last.0,
        last_received_at: last.1,
        set_backs,
        sources: Vec::new(),
        seen: Vec::with_capacity(deliveries.len()),
        ids: Vec::new(),
    };
    for delivery in deliveries {
        // Neighbours often come from the same few sources.
        let source = number(&mut part.sources, delivery.source);
        let position = delivery.position.get();
        let (appointment_id, said) = match &delivery.reading {
            Reading::Unreadable(fault) => (0, verdict_byte(Verdict::NotApplied(Code::Unreadable(*fault)))),
            Reading::Readable { appointment_id, event_type }
            | Reading::ReadSince { appointment_id, event_type, .. } => {
                (appointment_id.get(), event_byte(EventType::from_name(event_type)))
            }
        };
        let received_at_ms = delivery.received_at.timestamp_millis();
        part.seen.push(Seen { source, appointment_id, position, received_at_ms, said });
        part.ids.extend(delivery.delivery_id.map(|delivery_id| IdUse {
            source,
            delivery_id: delivery_id.into(),
            position,
        }));
    }
    Ok(Some(part))
}

impl Spill for Seen {
    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        let mut bytes = [0; 29];
        bytes[..4].copy_from_slice(&self.source.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.appointment_id.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.position.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.received_at_ms.to_le_bytes());
        bytes[28] = self.said;
        file.write_all(&bytes)
    }

    fn read(file: &mut impl Read) -> io::Result<Seen> {
        Ok(Seen {
            source: u32::from_le_bytes(take(file)?),
            appointment_id: u64::from_le_bytes(take(file)?),
            position: u64::from_le_bytes(take(file)?),
            received_at_ms: i64::from_le_bytes(take(file)?),
            said: u8::from_le_bytes(take(file)?),
        })
    }
}

impl Spill for IdUse {
    fn heap_bytes(&self) -> usize {
        self.delivery_id.len()
    }

    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.source.to_le_bytes())?;
        file.write_all(&self.position.to_le_bytes())?;
        file.write_all(&(self.delivery_id.len() as u64).to_le_bytes())?;
        file.write_all(self.delivery_id.as_bytes())
    }

    fn read(file: &mut impl Read) -> io::Result<IdUse> {
        let (source, position) = (u32::from_le_bytes(take(file)?), u64::from_le_bytes(take(file)?));
        let length = u64::from_le_bytes(take(file)?);
        let mut delivery_id = String::new();
        file.take(length).read_to_string(&mut delivery_id)?;
        Ok(IdUse { source, delivery_id: delivery_id.into(), position })
    }
}

/// The next bytes of a file.
pub(crate) fn take<const BYTES: usize>(file: &mut impl Read) -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    file.read_exact(&mut bytes).map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use clockfold_log::{AppointmentId, Block, Body, Delivery};

    use super::*;

    /// For deliveries that arrived at these milliseconds, in blocks: where the blocks end, and where the clock was set
    /// back.
    fn parts(blocks: &[&[i64]]) -> Result<(Vec<u64>, Vec<u64>), LogError> {
        let (mut position, mut digest) = (Position::ZERO, Digest::EMPTY);
        let (mut ends, mut set_backs) = (Vec::new(), Vec::new());
        let mut last = None;
        for times in blocks {
            let delivery = |ms: &i64| {
                position = position.next();
                Delivery {
                    position,
                    received_at: DateTime::from_timestamp_millis(*ms).unwrap(),
                    source: "downtown".parse().unwrap(),
                    reading: Reading::Readable { appointment_id: AppointmentId::MIN, event_type: "create".into() },
                    delivery_id: None,
                    body: Body::Kept { salt: [0; 16], bytes: Vec::new() },
                }
            };
            let block = Block::of(digest, times.iter().map(delivery).collect()).open()?;
            digest = block.after;
            let part = part(block, Position::new(100))?.unwrap();
            let joint = SetBack::checked(last, part.first, part.first_received_at)?;
            set_backs.extend(joint.into_iter().chain(part.set_backs).map(|set_back| set_back.position.get()));
            last = Some(part.last_received_at);
            ends.push(part.last.get());
        }
        Ok((ends, set_backs))
    }

    #[test]
    fn a_clock_that_was_set_back_is_found_within_a_block_and_between_two_and_by_less_than_a_minute_it_is_damage() {
        assert_eq!(parts(&[&[5, 5, 6], &[6, 9]]).unwrap(), (vec![3, 5], vec![]));
        assert_eq!(parts(&[&[60_006, 5, 70_000], &[6, 9]]).unwrap(), (vec![3, 5], vec![2, 4]));
        for (blocks, at) in [(&[&[5, 4][..]][..], 2), (&[&[5, 6], &[5, 9]], 3), (&[&[9, 60_009], &[9, 10]], 3)] {
            let Err(LogError::Corrupt { position, message }) = parts(blocks) else { panic!("{blocks:?}") };
            assert_eq!((position.get(), message.contains("it arrived less than a minute before")), (at, true));
        }
    }
}
