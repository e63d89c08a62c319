//! A configured source as readers see it: the settings of its board. No credential of it is here.

use async_graphql::SimpleObject;

use crate::{
    graphql::{scope::Scope, settings::SourceSettings},
    log::SourceName,
};

/// A sender of deliveries, as it is configured.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Source {
    /// Its name, which never changes.
    name: String,
    /// The IANA name of its time zone.
    time_zone: String,
    /// The name of the lifecycle that judges its deliveries; `lifecycle` has its rules.
    lifecycle: String,
    /// Within how many seconds one of its deliveries may overtake others, or wait for them: 0 to 3600.
    reorder_window_seconds: i32,
    /// An appointment that is CHECKED_IN, READY or CALLED_BACK without a delivery for so many hours is stale.
    stale_after_hours: i32,
    /// An appointment that is SCHEDULED without a delivery for so many days is stale.
    booking_horizon_days: i32,
    /// A patient who waits for so many minutes waits long. For boards to show; nothing else depends on it.
    long_wait_minutes: i32,
    /// A patient who waits for so many minutes waits very long; at least `longWaitMinutes`.
    very_long_wait_minutes: i32,
}

impl Source {
    /// The sources that the reader may see, by name.
    pub(in crate::graphql) fn all(scope: &Scope) -> Vec<Source> {
        scope.configured().map(|name| Source::new(scope, name)).collect()
    }

    fn new(scope: &Scope, name: &SourceName) -> Source {
        let rules = scope.rules(name);
        let SourceSettings { stale, time_zone, long_wait_minutes, very_long_wait_minutes } = scope.settings(name);
        Source {
            name: name.to_string(),
            time_zone: time_zone.name().to_owned(),
            lifecycle: rules.lifecycle.name().to_owned(),
            reorder_window_seconds: int(rules.reorder_window.num_seconds()),
            stale_after_hours: int(stale.stale_after.num_hours()),
            booking_horizon_days: int(stale.booking_horizon.num_days()),
            long_wait_minutes: int(long_wait_minutes.into()),
            very_long_wait_minutes: int(very_long_wait_minutes.into()),
        }
    }
}

/// The configuration's ranges end far below.
fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
