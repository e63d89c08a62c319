//! A group of deliveries as one value of the store, version 1. Frozen: what was written is read for ever.
//!
//! ```text
//! key    u64 big-endian: the position of the group's first delivery
//! value  version u8 = 1 | codec u8 (0 plain, 1 LZ4 block) | CRC-32 of version, codec and payload, u32 LE | payload
//! ```
//!
//! The payload is a [`Group`] in postcard's wire format; with codec 1 its length (u32 LE) stands before the compressed
//! block. A group has the log's digest after its last record, so the end of a log is known without reading all of it,
//! and each group is checked against the one before it. Records grow by new variants at the end of an enum, never by a
//! change of one that stands here.

use std::{borrow::Cow, collections::VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use clockfold_lifecycle::{EventType, Fault};

use crate::record::{
    delivery::{AppointmentId, Body, BodyReader, Delivery, Outline, Position, Reading, SourceName},
    digest::Digest,
};

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const ENVELOPE_BYTES: usize = 6;

/// No payload is larger: a group is closed well before, and one delivery is bounded by the body limit.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The numbers of the events on disk. Append only.
const EVENTS: [EventType; 13] = [
    EventType::Create,
    EventType::Reschedule,
    EventType::DemographicsUpdate,
    EventType::Checkin,
    EventType::UndoCheckin,
    EventType::Remove,
    EventType::UndoRemove,
    EventType::Ready,
    EventType::UndoReady,
    EventType::Callback,
    EventType::UndoCallback,
    EventType::Discharge,
    EventType::UndoDischarge,
];

/// The numbers of the faults on disk. Append only.
const FAULTS: [Fault; 9] = [
    Fault::NotJson,
    Fault::NotAnObject,
    Fault::FieldRepeated,
    Fault::AppointmentIdMissing,
    Fault::AppointmentIdInvalid,
    Fault::EventTypeMissing,
    Fault::EventTypeInvalid,
    Fault::MediaType,
    Fault::ContentCoding,
];

#[derive(Serialize, Deserialize)]
struct Group<'a> {
    /// The log's digest after the last record.
    digest: [u8; 32],
    /// Arrival time of the first record, milliseconds since 1970-01-01 UTC.
    received_at_ms: i64,
    /// The sources that the records name by index.
    #[serde(borrow)]
    sources: Vec<&'a str>,
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

/// The kinds of record. Corrections and enrichment would come after these.
#[derive(Serialize, Deserialize)]
enum Record<'a> {
    Delivery(#[serde(borrow)] DeliveryRecord<'a>),
    /// A delivery before which the clock was set back: its time is `apart_ms` before that of the record before it.
    DeliveryBefore(#[serde(borrow)] DeliveryRecord<'a>),
}

#[derive(Serialize, Deserialize)]
struct DeliveryRecord<'a> {
    /// Milliseconds between it and the record before it.
    apart_ms: u64,
    source: u32,
    #[serde(borrow)]
    reading: ReadingRecord<'a>,
    delivery_id: Option<&'a str>,
    #[serde(borrow)]
    body: BodyRecord<'a>,
}

#[derive(Serialize, Deserialize)]
enum ReadingRecord<'a> {
    Known { appointment_id: u64, event: u8 },
    Other { appointment_id: u64, event_type: &'a str },
    Unreadable { fault: u8 },
}

#[derive(Serialize, Deserialize)]
enum BodyRecord<'a> {
    Kept {
        salt: [u8; 16],
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    },
    Erased {
        commitment: [u8; 32],
    },
    /// Erased after a better reader had read it: that reading stays, so that the log folds as before.
    ErasedReadSince {
        commitment: [u8; 32],
        appointment_id: u64,
        event_type: &'a str,
    },
}

/// A value read back.
#[derive(Clone, Debug)]
pub struct DecodedGroup {
    /// The deliveries, by position; at least one.
    pub deliveries: VecDeque<Delivery>,
    /// The log's digest after the last of them, as the group says.
    pub digest: Digest,
}

/// The value of a group, as small as it gets. The deliveries' positions follow one another; `digest` is the log's
/// after the last. Together they hold well under a mebibyte, which is the most that is read back.
pub fn encode<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>, digest: Digest) -> Vec<u8> {
    let plain = payload(deliveries, digest);
    let packed = lz4_flex::block::compress_prepend_size(&plain);
    if packed.len() < plain.len() { envelope(LZ4, &packed) } else { envelope(PLAIN, &plain) }
}

/// The same, made quickly and not compressed: for the journal, where a value is short-lived.
pub(crate) fn encode_plain<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>, digest: Digest) -> Vec<u8> {
    envelope(PLAIN, &payload(deliveries, digest))
}

fn payload<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>, digest: Digest) -> Vec<u8> {
    let mut deliveries = deliveries.into_iter().peekable();
    let mut sources: Vec<&str> = Vec::new();
    let mut previous = deliveries.peek().map_or(DateTime::UNIX_EPOCH, |delivery| delivery.received_at);
    let received_at_ms = previous.timestamp_millis();
    let mut records = Vec::with_capacity(deliveries.size_hint().0);
    for delivery in deliveries {
        let name = delivery.source.as_str();
        let source = sources.iter().position(|known| *known == name).unwrap_or_else(|| {
            sources.push(name);
            sources.len() - 1
        });
        let after_ms = (delivery.received_at - previous).num_milliseconds();
        previous = delivery.received_at;
        let kind = if after_ms < 0 { Record::DeliveryBefore } else { Record::Delivery };
        records.push(kind(DeliveryRecord {
            apart_ms: after_ms.unsigned_abs(),
            source: u32::try_from(source).expect("a group is small"),
            reading: encode_reading(&delivery.reading),
            delivery_id: delivery.delivery_id.as_deref(),
            body: encode_body(&delivery.body, &delivery.reading),
        }));
    }
    let group = Group { digest: *digest.as_bytes(), received_at_ms, sources, records };
    postcard::to_stdvec(&group).expect("a group has nothing that postcard refuses")
}

fn envelope(codec: u8, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(ENVELOPE_BYTES + payload.len());
    value.extend_from_slice(&[VERSION, codec]);
    value.extend_from_slice(&checksum(codec, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// Reads a value back. `first` is its key. The error says what does not fit. The caller checks whether the digest is
/// the chain's.
pub fn decode(first: Position, value: &[u8]) -> Result<DecodedGroup, String> {
    let mut deliveries = VecDeque::new();
    let digest = each(first, value, |placed| {
        let Placed { position, received_at, source, record } = placed;
        let (reading, body) = decode_body(record.body, decode_reading(record.reading)?)?;
        let (source, delivery_id) = (source.clone(), record.delivery_id.map(str::to_owned));
        deliveries.push_back(Delivery { position, received_at, source, reading, delivery_id, body });
        Ok(())
    })?;
    Ok(DecodedGroup { deliveries, digest })
}

/// Hands each record of a value to `take`, with nothing of it copied but a body that `reader` reads again. Returns the
/// log's digest after the last of them, as the group says.
pub(crate) fn outline(
    first: Position,
    value: &[u8],
    reader: Option<BodyReader>,
    mut take: impl FnMut(Outline<'_>),
) -> Result<Digest, String> {
    each(first, value, |Placed { position, received_at, source, record }| {
        let delivery_id = record.delivery_id;
        let outline = |said| Outline { position, received_at, source, delivery_id, said };
        let id = |id| AppointmentId::new(id).ok_or("an appointment id is out of range");
        match (&record.reading, &record.body) {
            (ReadingRecord::Unreadable { .. }, BodyRecord::ErasedReadSince { appointment_id, event_type, .. }) => {
                take(outline(Ok((id(*appointment_id)?, event_type))));
            }
            (ReadingRecord::Unreadable { fault }, BodyRecord::Kept { bytes, .. }) => {
                let fault = decode_fault(*fault)?;
                match reader.map(|reader| reader(fault, bytes)) {
                    Some(Reading::Readable { appointment_id, event_type }) => {
                        take(outline(Ok((appointment_id, &event_type))));
                    }
                    _ => take(outline(Err(fault))),
                }
            }
            (ReadingRecord::Unreadable { fault }, _) => take(outline(Err(decode_fault(*fault)?))),
            (_, BodyRecord::ErasedReadSince { .. }) => return Err(READ_AT_ONCE.to_owned()),
            (ReadingRecord::Known { appointment_id, event }, _) => {
                take(outline(Ok((id(*appointment_id)?, decode_event(*event)?.name()))));
            }
            (ReadingRecord::Other { appointment_id, event_type }, _) => {
                take(outline(Ok((id(*appointment_id)?, event_type))));
            }
        }
        Ok(())
    })
}

/// The log's digest after a group, as the group says.
pub(crate) fn digest(value: &[u8]) -> Result<Digest, String> {
    let plain = open(value)?;
    let digest = plain.first_chunk().ok_or("a group without a digest")?;
    Ok(Digest::from_bytes(*digest))
}

/// A record and what follows from its place.
struct Placed<'a> {
    position: Position,
    received_at: DateTime<Utc>,
    source: &'a SourceName,
    record: DeliveryRecord<'a>,
}

/// Reads a value back, record by record.
fn each(
    first: Position,
    value: &[u8],
    mut take: impl FnMut(Placed<'_>) -> Result<(), String>,
) -> Result<Digest, String> {
    let plain = open(value)?;
    let group: Group<'_> = postcard::from_bytes(&plain).map_err(|error| error.to_string())?;
    let sources = group.sources.iter().map(|name| name.parse::<SourceName>()).collect::<Result<Vec<_>, _>>();
    let sources = sources.map_err(|error| error.to_string())?;
    if group.records.is_empty() {
        return Err("a group without records".to_owned());
    }
    let (mut position, mut received_at_ms) = (first, group.received_at_ms);
    for record in group.records {
        let (time, record) = match record {
            Record::Delivery(record) => (received_at_ms.checked_add_unsigned(record.apart_ms), record),
            Record::DeliveryBefore(record) => (received_at_ms.checked_sub_unsigned(record.apart_ms), record),
        };
        received_at_ms = time.ok_or("an arrival time overflows")?;
        let received_at = DateTime::<Utc>::from_timestamp_millis(received_at_ms).ok_or("an arrival time overflows")?;
        let source = sources.get(record.source as usize).ok_or("a record names no source")?;
        take(Placed { position, received_at, source, record })?;
        position = position.next();
    }
    Ok(Digest::from_bytes(group.digest))
}

/// The payload of a value, held against its checksum.
fn open(value: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let Some((envelope, payload)) = value.split_at_checked(ENVELOPE_BYTES) else {
        return Err(format!("a value of {} bytes is too short", value.len()));
    };
    let [version, codec, crc @ ..] = envelope else { unreachable!("an envelope has {ENVELOPE_BYTES} bytes") };
    if *version != VERSION {
        return Err(format!("version {version} is not known to this program; a newer one may have written it"));
    }
    if crc != checksum(*codec, payload).to_le_bytes() {
        return Err("the checksum does not fit".to_owned());
    }
    match *codec {
        PLAIN => Ok(Cow::Borrowed(payload)),
        LZ4 => decompress(payload).map(Cow::Owned),
        other => Err(format!("codec {other} is not known to this program")),
    }
}

fn encode_reading(reading: &Reading) -> ReadingRecord<'_> {
    match reading {
        Reading::Readable { appointment_id, event_type } => {
            let appointment_id = appointment_id.get();
            match EVENTS.iter().position(|event| event.name() == &**event_type) {
                Some(index) => ReadingRecord::Known { appointment_id, event: number(index) },
                None => ReadingRecord::Other { appointment_id, event_type },
            }
        }
        Reading::Unreadable(fault) | Reading::ReadSince { fault, .. } => {
            let index = FAULTS.iter().position(|known| known == fault).expect("every fault has a number");
            ReadingRecord::Unreadable { fault: number(index) }
        }
    }
}

fn decode_reading(record: ReadingRecord<'_>) -> Result<Reading, String> {
    let readable = |appointment_id, event_type: &str| {
        let appointment_id = AppointmentId::new(appointment_id).ok_or("an appointment id is out of range")?;
        Ok(Reading::Readable { appointment_id, event_type: event_type.into() })
    };
    match record {
        ReadingRecord::Known { appointment_id, event } => readable(appointment_id, decode_event(event)?.name()),
        ReadingRecord::Other { appointment_id, event_type } => readable(appointment_id, event_type),
        ReadingRecord::Unreadable { fault } => Ok(Reading::Unreadable(decode_fault(fault)?)),
    }
}

fn decode_event(event: u8) -> Result<EventType, String> {
    EVENTS.get(usize::from(event)).copied().ok_or_else(|| format!("event {event} is not known"))
}

fn decode_fault(fault: u8) -> Result<Fault, String> {
    let known = FAULTS.get(usize::from(fault)).copied();
    known.ok_or_else(|| format!("fault {fault} is not known to this program; a newer one may have written it"))
}

fn encode_body<'a>(body: &'a Body, reading: &'a Reading) -> BodyRecord<'a> {
    match (body, reading) {
        (Body::Kept { salt, bytes }, _) => BodyRecord::Kept { salt: *salt, bytes },
        (Body::Erased { commitment }, Reading::ReadSince { appointment_id, event_type, .. }) => {
            let (commitment, appointment_id) = (*commitment.as_bytes(), appointment_id.get());
            BodyRecord::ErasedReadSince { commitment, appointment_id, event_type }
        }
        (Body::Erased { commitment }, Reading::Readable { .. } | Reading::Unreadable(_)) => {
            BodyRecord::Erased { commitment: *commitment.as_bytes() }
        }
    }
}

const READ_AT_ONCE: &str = "what could be read at once was read again";

fn decode_body(record: BodyRecord<'_>, reading: Reading) -> Result<(Reading, Body), String> {
    Ok(match record {
        BodyRecord::Kept { salt, bytes } => (reading, Body::Kept { salt, bytes: bytes.to_vec() }),
        BodyRecord::Erased { commitment } => (reading, Body::Erased { commitment: Digest::from_bytes(commitment) }),
        BodyRecord::ErasedReadSince { commitment, appointment_id, event_type } => {
            let Reading::Unreadable(fault) = reading else {
                return Err(READ_AT_ONCE.to_owned());
            };
            let appointment_id = AppointmentId::new(appointment_id).ok_or("an appointment id is out of range")?;
            let reading = Reading::ReadSince { fault, appointment_id, event_type: event_type.into() };
            (reading, Body::Erased { commitment: Digest::from_bytes(commitment) })
        }
    })
}

fn decompress(payload: &[u8]) -> Result<Vec<u8>, String> {
    let (length, block) = payload.split_first_chunk::<4>().ok_or("a compressed payload without a length")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return Err(format!("a payload that claims {length} bytes"));
    }
    lz4_flex::block::decompress(block, length).map_err(|error| error.to_string())
}

fn checksum(codec: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[VERSION, codec]);
    hasher.update(payload);
    hasher.finalize()
}

fn number(index: usize) -> u8 {
    u8::try_from(index).expect("the tables on disk have fewer than 256 entries")
}
