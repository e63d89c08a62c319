//! What is configured of a source beyond its rules: what its board counts by, and where it is.

use chrono_tz::Tz;

use crate::projection::StaleRules;

/// What is configured of a source beyond its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// When its appointments count as stale.
    pub stale: StaleRules,
    /// The clinic's time zone.
    pub time_zone: Tz,
    /// From so many minutes on, a patient waits long.
    pub long_wait_minutes: u32,
    /// From so many minutes on, very long: at least [`SourceSettings::long_wait_minutes`].
    pub very_long_wait_minutes: u32,
}

/// Where nothing is said of a long wait.
pub const LONG_WAIT_MINUTES: u32 = 30;

/// Where nothing is said of a very long one.
pub const VERY_LONG_WAIT_MINUTES: u32 = 60;

impl Default for SourceSettings {
    /// Those of a source that is configured with none, or is not configured any more.
    fn default() -> SourceSettings {
        SourceSettings {
            stale: StaleRules::default(),
            time_zone: Tz::UTC,
            long_wait_minutes: LONG_WAIT_MINUTES,
            very_long_wait_minutes: VERY_LONG_WAIT_MINUTES,
        }
    }
}
