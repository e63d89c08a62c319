//! The invented clinics: how each is configured, and how its sender gets in.
//!
//! No two neighbours are alike: lifecycle, reorder window, time zone, ids of deliveries, route key or token. The
//! configuration is the text of a `clockfold.toml`, and the same code reads it that reads yours.

use std::{collections::BTreeMap, fmt::Write as _, fs, net::SocketAddr, path::Path};

use chrono::{DateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::{
    access::fresh_secret,
    cli::simulate::Target,
    config::{Config, Inputs},
    log::SourceName,
    simulate::Source,
};

const DELIVERY_ID_HEADER: &str = "Idempotency-Key";

/// Lifecycle and reorder window, taken in turn.
const RULES: [(&str, u32); 6] =
    [("strict", 5), ("walk_in", 0), ("lenient", 0), ("strict", 0), ("walk_in", 30), ("strict", 0)];
/// One in this many has a token instead of a route key.
const TOKENS_EVERY: usize = 6;

/// A place on each meridian, roughly: wherever you are, it is late morning in one of them.
const ZONES: [Tz; 24] = [
    Tz::Pacific__Honolulu,
    Tz::America__Anchorage,
    Tz::America__Los_Angeles,
    Tz::America__Denver,
    Tz::America__Chicago,
    Tz::America__New_York,
    Tz::America__Halifax,
    Tz::America__Sao_Paulo,
    Tz::America__Noronha,
    Tz::Atlantic__Azores,
    Tz::Europe__London,
    Tz::Europe__Berlin,
    Tz::Europe__Athens,
    Tz::Asia__Dubai,
    Tz::Asia__Karachi,
    Tz::Asia__Dhaka,
    Tz::Asia__Bangkok,
    Tz::Asia__Singapore,
    Tz::Asia__Tokyo,
    Tz::Australia__Brisbane,
    Tz::Pacific__Guadalcanal,
    Tz::Pacific__Auckland,
    Tz::Pacific__Apia,
    Tz::Pacific__Pago_Pago,
];

/// What lets a clinic's sender in.
enum Secret {
    RouteKey(String),
    Authtoken(String),
}

/// One clinic.
pub(super) struct Clinic {
    name: SourceName,
    secret: Secret,
    lifecycle: &'static str,
    reorder_window_s: u32,
    has_delivery_ids: bool,
    pub(super) time_zone: Tz,
}

impl Clinic {
    /// A clinic for each source, with a fresh key, and clocks by which it is now what the sources' clocks said at
    /// `moment`.
    pub(super) fn all(
        sources: impl Iterator<Item = Source>,
        moment: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Clinic>> {
        let clinic = |(index, source): (usize, Source)| {
            let secret = fresh_secret()?;
            let (lifecycle, reorder_window_s) = RULES[index % RULES.len()];
            let has_token = index % TOKENS_EVERY == TOKENS_EVERY - 1;
            Ok(Clinic {
                name: source.name,
                secret: if has_token { Secret::Authtoken(secret) } else { Secret::RouteKey(secret) },
                lifecycle,
                reorder_window_s,
                has_delivery_ids: source.has_delivery_ids,
                time_zone: zone(moment + source.utc_offset, now),
            })
        };
        (0..).zip(sources).map(clinic).collect()
    }

    /// The configuration of a server for these, which is also written into `folder`.
    pub(super) fn configure(clinics: &[Clinic], folder: &Path, listen: SocketAddr) -> anyhow::Result<Config> {
        let mut text = String::from("# The demo's clinics. None of them exists.\n");
        for clinic in clinics {
            clinic.write(&mut text)?;
        }
        let path = folder.join("clockfold.toml");
        fs::write(&path, text)?;
        let data_dir = Some(folder.join("data"));
        // Nothing from the environment: a demo is the same everywhere.
        Ok(Config::load(Inputs { path: Some(path), data_dir, listen: Some(listen), variables: BTreeMap::new() })?)
    }

    /// Where its sender posts to.
    pub(super) fn target(&self, server: SocketAddr) -> Target {
        let target = match &self.secret {
            Secret::RouteKey(key) => Target::of_source(server, Some(key), None),
            Secret::Authtoken(token) => Target::of_source(server, None, Some(token)),
        };
        target.with_delivery_ids(self.has_delivery_ids.then_some(DELIVERY_ID_HEADER))
    }

    /// The path that its sender posts to, where that alone lets it in.
    pub(super) fn path(&self) -> Option<String> {
        match &self.secret {
            Secret::RouteKey(key) => Some(format!("/webhook/{key}")),
            Secret::Authtoken(_) => None,
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Clinic { name, secret, lifecycle, reorder_window_s, has_delivery_ids, time_zone } = self;
        writeln!(text, "\n[[source]]\nname = \"{name}\"")?;
        match secret {
            Secret::RouteKey(key) => writeln!(text, "route_keys = [\"{key}\"]")?,
            Secret::Authtoken(token) => writeln!(text, "authtokens = [\"{token}\"]")?,
        }
        writeln!(text, "lifecycle = \"{lifecycle}\"\nreorder_window_s = {reorder_window_s}")?;
        if *has_delivery_ids {
            writeln!(text, "delivery_id_header = \"{DELIVERY_ID_HEADER}\"")?;
        }
        writeln!(text, "time_zone = \"{time_zone}\"")
    }
}

/// Where the clocks show this now, as nearly as they do anywhere.
fn zone(clocks: DateTime<Utc>, now: DateTime<Utc>) -> Tz {
    let half_a_day = TimeDelta::hours(12).num_minutes();
    let away = |zone: &Tz| {
        let offset = zone.offset_from_utc_datetime(&now.naive_utc()).fix().local_minus_utc();
        let apart = (now + TimeDelta::seconds(offset.into()) - clocks).num_minutes();
        // What day it is there does not matter.
        (apart + half_a_day).rem_euclid(2 * half_a_day).abs_diff(half_a_day)
    };
    ZONES.into_iter().min_by_key(|zone| away(zone)).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use chrono::Timelike as _;

    use super::*;

    #[test]
    fn wherever_the_sun_is_there_is_a_clinic_where_it_is_late_morning() {
        let clocks = "2025-01-08T11:00:00Z".parse().unwrap();
        for (month, hour) in [1, 4, 7, 10].into_iter().flat_map(|month| (0..24).map(move |hour| (month, hour))) {
            let now = Utc.with_ymd_and_hms(2026, month, 15, hour, 20, 0).unwrap();
            let local = now.with_timezone(&zone(clocks, now));
            assert!((10..=12).contains(&local.hour()), "{now} is {local}");
        }
    }
}
