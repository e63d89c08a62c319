//! Deliveries that the sender itself calls the same, by an id in a header.
//!
//! The same id with the same body is a repeat: it gets the first one's answer, and is not appended again. With another
//! body it is a delivery of its own, and says which one it conflicts with. An erased body can't be compared; what was
//! read from it stands in for it.

use clockfold_log::{Body, Delivery, Log, NewDelivery, Position, SourceName};

use crate::{
    error::ProjectionError,
    schema::{
        keys::{decode_positions, delivery_id_key},
        keyspaces::Space,
    },
    view::{DeliveryState, View},
    write::store::Projection,
};

impl Projection {
    /// The delivery of the log that has this one's id and body, if any; otherwise the first that has its id and said
    /// the same, and whose body is erased.
    pub fn repeats(&mut self, log: &dyn Log, new: &NewDelivery) -> Result<Option<Delivery>, ProjectionError> {
        let Some(delivery_id) = &new.delivery_id else { return Ok(None) };
        let mut said_the_same = None;
        for position in self.positions_of_id(&new.source, delivery_id)? {
            let Some(delivery) = log.read(position).next().transpose()? else { continue };
            match &delivery.body {
                Body::Kept { bytes, .. } if *bytes == new.body => return Ok(Some(delivery)),
                Body::Erased { .. } if delivery.reading.says_the_same(&new.reading) => {
                    said_the_same.get_or_insert(delivery);
                }
                Body::Kept { .. } | Body::Erased { .. } => {}
            }
        }
        Ok(said_the_same)
    }

    /// What the projection knows of a delivery of the log; `None` where it is not folded yet.
    pub fn told(&self, delivery: &Delivery) -> Result<Option<DeliveryState>, ProjectionError> {
        self.view().tell(delivery, self.rules.of(&delivery.source))
    }
}

impl View {
    /// The first delivery with the same id, where that is an earlier one: its body is another.
    pub fn conflicts_with(&self, delivery: &Delivery) -> Result<Option<Position>, ProjectionError> {
        let Some(delivery_id) = &delivery.delivery_id else { return Ok(None) };
        let first = self.positions_of_id(&delivery.source, delivery_id)?.first().copied();
        Ok(first.filter(|first| *first < delivery.position))
    }

    fn positions_of_id(&self, source: &SourceName, delivery_id: &str) -> Result<Vec<Position>, ProjectionError> {
        let Some(number) = self.number_of(source) else { return Ok(Vec::new()) };
        let bytes = self.get(&self.store[Space::DeliveryIds], &delivery_id_key(number, delivery_id))?;
        let positions = bytes.map(|bytes| decode_positions(&bytes)).transpose()?.unwrap_or_default();
        Ok(positions.into_iter().map(Position::new).collect())
    }
}
