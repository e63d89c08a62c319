//! Cursors and node ids: opaque to the client, stable for ever.
//!
//! Both are base64url of a short versioned text: `a1:downtown:12345` is an appointment, `d1:17` a delivery,
//! `p1:17:downtown:12345` an appointment as it was after delivery 17, and `o1:s:17:downtown:12345` an appointment's
//! place in a list that is ordered by when its status began (`s`), by its first arrival (`f`) or by its last position
//! (`l`): the number is the one that orders. Clients store them, so an old form is read for ever; a new one gets a new
//! number.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    graphql::scalars::canonical_position,
    log::Position,
    projection::{AppointmentKey, AppointmentOrderKey, OrderBy},
};

/// Something that has an id, and a place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Handle {
    Appointment(AppointmentKey),
    Delivery(Position),
    /// An appointment as of a position: never the same thing as today's.
    AppointmentAsOf(AppointmentKey, Position),
    /// A place in a list that is not ordered by ids. It is no id.
    Ordered(OrderBy, AppointmentOrderKey),
}

impl Handle {
    pub(in crate::graphql) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Handle::Appointment(key) => format!("a1:{}:{}", key.source, key.appointment_id),
            Handle::Delivery(position) => format!("d1:{position}"),
            Handle::AppointmentAsOf(key, position) => format!("p1:{position}:{}:{}", key.source, key.appointment_id),
            Handle::Ordered(by, AppointmentOrderKey { value, key }) => {
                format!("o1:{}:{value}:{}:{}", letter(*by), key.source, key.appointment_id)
            }
        })
    }

    /// The place with this text; `None` for any text that [`Handle::encode`] never wrote.
    pub(in crate::graphql) fn decode(text: &str) -> Option<Handle> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (form, rest) = text.split_once(':')?;
        match form {
            "a1" => appointment_key(rest).map(Handle::Appointment),
            "p1" => {
                let (position, rest) = rest.split_once(':')?;
                Some(Handle::AppointmentAsOf(appointment_key(rest)?, canonical_position(position)?))
            }
            "o1" => {
                let (by, rest) = rest.split_once(':')?;
                let by = [OrderBy::StatusSince, OrderBy::FirstReceived, OrderBy::LastPosition]
                    .into_iter()
                    .find(|known| letter(*known) == by)?;
                let (value, rest) = rest.split_once(':')?;
                let value = canonical_position(value)?.get();
                Some(Handle::Ordered(by, AppointmentOrderKey { value, key: appointment_key(rest)? }))
            }
            "d1" => canonical_position(rest).map(Handle::Delivery),
            _ => None,
        }
    }
}

fn letter(by: OrderBy) -> &'static str {
    match by {
        OrderBy::Id => "i",
        OrderBy::StatusSince => "s",
        OrderBy::FirstReceived => "f",
        OrderBy::LastPosition => "l",
    }
}

fn appointment_key(text: &str) -> Option<AppointmentKey> {
    let (source, appointment_id) = text.split_once(':')?;
    Some(AppointmentKey { source: source.parse().ok()?, appointment_id: appointment_id.parse().ok()? })
}

impl From<Handle> for ID {
    fn from(place: Handle) -> ID {
        ID(place.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let appointment_id = "9223372036854775807".parse().expect("a valid one");
        let key = AppointmentKey { source: "downtown".parse().expect("a valid one"), appointment_id };
        let as_of = Handle::AppointmentAsOf(key.clone(), Position::new(17));
        let ordered = |by| Handle::Ordered(by, AppointmentOrderKey { value: u64::MAX, key: key.clone() });
        let orders = [OrderBy::StatusSince, OrderBy::FirstReceived, OrderBy::LastPosition].map(ordered);
        let others = [Handle::Appointment(key.clone()), Handle::Delivery(Position::new(17)), as_of];
        for place in others.into_iter().chain(orders) {
            assert_eq!(Handle::decode(&place.encode()), Some(place));
        }
    }

    #[test]
    fn the_text_never_changes() {
        assert_eq!(Handle::Delivery(Position::new(17)).encode(), "ZDE6MTc");
        assert!(Handle::decode("YTE6ZG93bnRvd246MTIzNDU").is_some());
    }

    #[test]
    fn anything_else_is_no_place() {
        for text in [
            "d1:017",
            "d1:+1",
            "d1:",
            "d2:1",
            "a1:downtown",
            "a1:Downtown:1",
            "a1:downtown:0",
            "p1:downtown:1",
            "o1:i:1:downtown:1",
            "o1:s:01:downtown:1",
            "",
        ] {
            assert_eq!(Handle::decode(&URL_SAFE_NO_PAD.encode(text)), None, "{text}");
        }
        assert_eq!(Handle::decode("not base64!"), None);
    }
}
