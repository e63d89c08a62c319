//! The `[retention]` table: how long bodies are kept.

use super::{
    document::{Node, Section, Value},
    error::Problems,
    settings::key::{self, Absent, ConfigKey, Kind},
};

/// The keys of `[retention]`.
pub(super) const KEYS: &[ConfigKey] = &[ConfigKey::new(
    "bodies_days",
    Kind::Number { least: *DAYS.start(), most: *DAYS.end(), unit: "days" },
    Absent::Otherwise("for ever"),
    "How long the bodies of appointments that have ended are kept. A start erases what is older.",
)];
/// A day to a hundred years.
const DAYS: std::ops::RangeInclusive<u32> = 1..=36_500;
const HINT: &str =
    "write bodies_days = N, a number of days from 1 to 36500; without [retention] bodies are kept for ever";

/// How many days bodies are kept; `None`: for ever.
pub(super) fn read(node: Option<Node>, problems: &mut Problems) -> Option<u32> {
    let mut table = Section::of_node("[retention]", node?, &key::names(KEYS), problems)?;
    let Some(node) = table.take("bodies_days") else {
        problems.add(&table.place, "[retention] says no `bodies_days`", HINT);
        return None;
    };
    let days = match node.value {
        Value::Integer(number) => number.and_then(|number| u32::try_from(number).ok()),
        _ => {
            problems.add(&node.place, "`bodies_days` is not a whole number", HINT);
            return None;
        }
    };
    let days = days.filter(|days| DAYS.contains(days));
    if days.is_none() {
        problems.add(&node.place, "`bodies_days` is out of range", HINT);
    }
    days
}
