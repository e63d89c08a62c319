//! The first half of a rebuild: reads the whole log on all cores, and sorts its deliveries by appointment, so that one
//! appointment after another can be folded.

use std::{
    io::{self, Read, Write},
    path::Path,
    thread,
};

use chrono::{DateTime, Utc};
use clockfold_lifecycle::{Code, EventType, Verdict};
use clockfold_log::{Block, Cause, Digest, Head, Log, LogError, OpenBlock, Outline, Position, SourceName};

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
#[derive(Default)]
struct Part {
    before: Digest,
    after: Digest,
    /// The first delivery's position and arrival.
    first: Option<(Position, DateTime<Utc>)>,
    last: Option<(Position, DateTime<Utc>)>,
    set_backs: Vec<SetBack>,
    sources: Vec<SourceName>,
    seen: Vec<Seen>,
    ids: Vec<IdUse>,
}

/// What the log is held against while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogCheck {
    /// Each group's own checksum, and its place: against disks that change what they hold.
    Checksums,
    /// The hash chain of each delivery as well: against people who do.
    Chain,
}

/// Reads everything up to `to`. Fails where a block does not continue the one before it.
pub(crate) fn gather(
    log: &dyn Log,
    to: Position,
    check: LogCheck,
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
        let open = move |block: Result<Block, LogError>| match check {
            LogCheck::Checksums => part(block?, to),
            LogCheck::Chain => part(block?.chained()?, to),
        };
        for part in in_order(scope, resources.threads, feed, open) {
            let part = part.map_err(|error| match error {
                // The store does not say where; the last delivery that could be read does.
                LogError::Storage { doing, message, cause: Cause::Other } => {
                    LogError::Corrupt { position: end.position.next(), message: format!("{doing}: {message}") }
                }
                error => error,
            });
            let mut part = part?;
            let (Some((first, first_arrival)), Some((last, arrival))) = (part.first, part.last) else { break };
            set_backs.extend(SetBack::checked(last_arrival, first, first_arrival)?);
            set_backs.append(&mut part.set_backs);
            last_arrival = Some(arrival);
            if first != end.position.next() || part.before != end.digest {
                let message = "what stands here does not continue what stands before it".to_owned();
                return Err(LogError::Corrupt { position: end.position.next(), message }.into());
            }
            if planted!(RebuildForgetsLast) {
                part.seen.pop();
            }
            let numbers: Vec<u32> = part.sources.iter().map(|source| number(&mut sources, source)).collect();
            for one in part.seen {
                seen.push(Seen { source: numbers[one.source as usize], ..one }).map_err(disk)?;
            }
            for one in part.ids {
                ids.push(IdUse { source: numbers[one.source as usize], ..one }).map_err(disk)?;
            }
            end = Head { position: last, digest: part.after };
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

fn number(sources: &mut Vec<SourceName>, source: &SourceName) -> u32 {
    let index = sources.iter().position(|known| known == source).unwrap_or_else(|| {
        sources.push(source.clone());
        sources.len() - 1
    });
    u32::try_from(index).expect("there are fewer than 2^32 sources")
}

/// What a block says of deliveries up to `to`; nothing where it begins beyond.
fn part(block: Block, to: Position) -> Result<Part, LogError> {
    let (mut part, mut taken, mut goes_beyond) = (Part::default(), Ok(()), false);
    (part.before, part.after) = block.outline(|outline| {
        goes_beyond |= outline.position > to;
        if !goes_beyond && taken.is_ok() {
            taken = part.take(outline);
        }
    })?;
    taken?;
    if goes_beyond {
        // No group says the digest there.
        let OpenBlock { before, deliveries, .. } = block.open()?;
        let deliveries = deliveries.iter().take_while(|delivery| delivery.position <= to);
        part.after = deliveries.fold(before, Digest::then);
    }
    Ok(part)
}

impl Part {
    fn take(&mut self, outline: Outline<'_>) -> Result<(), LogError> {
        let Outline { position, received_at, source, delivery_id, said } = outline;
        let last = self.last.replace((position, received_at));
        if let Some((_, before)) = last {
            self.set_backs.extend(SetBack::checked(Some(before), position, received_at)?);
        }
        self.first.get_or_insert((position, received_at));
        let source = self.number(source);
        let (appointment_id, said) = match said {
            Ok((appointment_id, event_type)) => (appointment_id.get(), event_byte(EventType::from_name(event_type))),
            Err(fault) => (0, verdict_byte(Verdict::NotApplied(Code::Unreadable(fault)))),
        };
        let (position, received_at_ms) = (position.get(), received_at.timestamp_millis());
        self.seen.push(Seen { source, appointment_id, position, received_at_ms, said });
        let id_use = |delivery_id: &str| IdUse { source, delivery_id: delivery_id.into(), position };
        self.ids.extend(delivery_id.map(id_use));
        Ok(())
    }

    /// A source's number here. Neighbours often come from the same few sources.
    fn number(&mut self, source: &SourceName) -> u32 {
        number(&mut self.sources, source)
    }
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
    use clockfold_log::{AppointmentId, Body, Delivery, Reading};

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
            let part = part(Block::of(digest, times.iter().map(delivery).collect()), Position::new(100))?;
            digest = part.after;
            let ((first, arrival), (end, last_arrival)) = (part.first.unwrap(), part.last.unwrap());
            let joint = SetBack::checked(last, first, arrival)?;
            set_backs.extend(joint.into_iter().chain(part.set_backs).map(|set_back| set_back.position.get()));
            last = Some(last_arrival);
            ends.push(end.get());
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
