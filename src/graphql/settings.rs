//! The settings of a source beyond its rules: those of its board, and its time zone.

use chrono_tz::Tz;

use crate::projection::StaleRules;

/// The settings of a source beyond its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// When its appointments count as stale.
    pub stale: StaleRules,
    /// The clinic's time zone.
    pub time_zone: Tz,
    /// From this many minutes on, a patient waits long.
    pub long_wait_minutes: u32,
    /// From this many minutes on, very long: at least [`SourceSettings::long_wait_minutes`].
    pub very_long_wait_minutes: u32,
}

/// The default of [`SourceSettings::long_wait_minutes`].
pub const LONG_WAIT_MINUTES: u32 = 30;

/// The default of [`SourceSettings::very_long_wait_minutes`].
pub const VERY_LONG_WAIT_MINUTES: u32 = 60;

impl Default for SourceSettings {
    /// The settings of a source that sets none, or is no longer configured.
    fn default() -> SourceSettings {
        SourceSettings {
            stale: StaleRules::default(),
            time_zone: Tz::UTC,
            long_wait_minutes: LONG_WAIT_MINUTES,
            very_long_wait_minutes: VERY_LONG_WAIT_MINUTES,
        }
    }
}
