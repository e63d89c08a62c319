//! Statuses, and what an event meets: a status, or no appointment yet.

/// Where an appointment is: the status of its last standing step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Booked, not here.
    Scheduled,
    /// Here.
    CheckedIn,
    /// Registered, waiting to be called.
    Ready,
    /// In a room.
    CalledBack,
    /// Gone home.
    Discharged,
    /// Taken off the queue.
    Removed,
}

impl Status {
    /// All statuses, in the order of a visit.
    pub const ALL: [Status; 6] =
        [Status::Scheduled, Status::CheckedIn, Status::Ready, Status::CalledBack, Status::Discharged, Status::Removed];

    /// The name that the webhook's answer and GraphQL use.
    pub fn name(self) -> &'static str {
        match self {
            Status::Scheduled => "SCHEDULED",
            Status::CheckedIn => "CHECKED_IN",
            Status::Ready => "READY",
            Status::CalledBack => "CALLED_BACK",
            Status::Discharged => "DISCHARGED",
            Status::Removed => "REMOVED",
        }
    }

    /// The status with exactly this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What a delivery met: a status, or `None` where there was no appointment yet (`NONE`).
pub type Met = Option<Status>;

/// A set of what an event may meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetSet(u8);

impl MetSet {
    /// The set of these.
    pub const fn of(statuses: &[Status]) -> MetSet {
        let mut bits = 0;
        let mut index = 0;
        while index < statuses.len() {
            bits |= 1 << (statuses[index] as u8 + 1);
            index += 1;
        }
        MetSet(bits)
    }

    /// The same set with NONE in it.
    pub const fn and_none(self) -> MetSet {
        MetSet(self.0 | 1)
    }

    /// The same set with `met` in it.
    pub fn with(self, met: Met) -> MetSet {
        MetSet(self.0 | MetSet::bit(met))
    }

    /// Whether `met` is in the set.
    pub fn contains(self, met: Met) -> bool {
        self.0 & MetSet::bit(met) != 0
    }

    /// The members, NONE first, then in the order of a visit.
    pub fn iter(self) -> impl Iterator<Item = Met> {
        std::iter::once(None).chain(Status::ALL.into_iter().map(Some)).filter(move |met| self.contains(*met))
    }

    /// One bit a member, NONE lowest: part of the rules digest.
    pub fn bits(self) -> u8 {
        self.0
    }

    fn bit(met: Met) -> u8 {
        match met {
            None => 1,
            Some(status) => 1 << (status as u8 + 1),
        }
    }
}
