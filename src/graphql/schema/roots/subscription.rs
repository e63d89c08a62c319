//! The entry points of subscriptions.
//!
//! A field says what its arguments mean, and makes items of the deliveries that it is handed (`live`). So replayed
//! and live items are made in the same way, and no field waits for anything.

use std::collections::BTreeSet;

use async_graphql::{
    Context, ID, Subscription,
    futures_util::{Stream, StreamExt as _, stream},
};

use crate::{
    graphql::{
        problem::Problem,
        scalars::{Cursor, parse_appointment_id},
        schema::{
            board::check_hours,
            board_change::{BoardUpdate, Followed},
            change::AppointmentChange,
            cost::board_cost,
            delivery::Delivery,
            roots::mutation::Rebuild,
        },
        scope::Scope,
        step::{Begun, Reached, Step, Wants},
        words::AppointmentStatus,
    },
    log::{AppointmentId, ChainedDelivery, CursorError},
};

/// The most appointments that a subscription names.
const APPOINTMENTS_MAX: usize = 100;

/// What is told as it happens.
pub(in crate::graphql) struct Subscription_;

/// What is told as it happens. Every item has the position in the log that it is as of: after a lost connection, a
/// subscription with `after: <the last cursor that came>` goes on without gap or repeat, and where the log has become
/// another one, it says so.
#[Subscription(name = "Subscription")]
impl Subscription_ {
    /// Every change of an appointment, each once, by position. A change is a delivery that was APPLIED when it
    /// arrived: also one that changed no status but a detail, and one that let in others which had waited for it.
    async fn appointment_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all that the reader may see.")] source: Option<String>,
        #[graphql(desc = "Only of the appointments with these numbers, at most 100; absent: of any.")]
        appointment_ids: Option<Vec<ID>>,
        #[graphql(desc = "Only changes after which the appointment is in one of these; absent: any.")] statuses: Option<
            Vec<AppointmentStatus>,
        >,
        #[graphql(desc = "Begins with the changes after this; `\"0\"` replays all. Absent: only what comes.")]
        after: Option<Cursor>,
    ) -> async_graphql::Result<impl Stream<Item = AppointmentChange> + use<>> {
        let scope = Scope::of(ctx);
        let ids = appointment_ids.map(|ids| parse_ids(&ids)).transpose()?;
        begin(ctx, Wants::new(scope, source.as_deref(), ids)?, after, false)?;
        let changes = Step::of(ctx).tell(|entry| AppointmentChange::of(scope, entry, statuses.as_deref()))?;
        Ok(stream::iter(changes))
    }

    /// Every delivery, whatever became of it, each once, by position.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all that the reader may see.")] source: Option<String>,
        #[graphql(desc = "Begins with the deliveries after this; `\"0\"` replays all. Absent: only what comes.")] after: Option<
            Cursor,
        >,
    ) -> async_graphql::Result<impl Stream<Item = Delivery> + use<>> {
        let scope = Scope::of(ctx);
        begin(ctx, Wants::new(scope, source.as_deref(), None)?, after, false)?;
        let told = |ChainedDelivery { delivery, digest }: &ChainedDelivery| {
            Ok(Delivery::of(scope, delivery)?.map(|delivery| delivery.followed(*digest)))
        };
        Ok(stream::iter(Step::of(ctx).tell(told)?))
    }

    /// The board as it is, and then whatever becomes of it: each delivery that moves an appointment or changes a detail
    /// of it, and within half a minute what the passing of time does. After a lost connection it begins anew.
    #[graphql(complexity = "board_cost(ended_within_hours).saturating_add(child_complexity)")]
    async fn board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this source; absent: of all that the reader may see.")] source: Option<String>,
        #[graphql(default = 24, desc = "DISCHARGED and REMOVED appointments stay on it for so many hours: 0 to 744.")]
        ended_within_hours: i32,
    ) -> async_graphql::Result<impl Stream<Item = BoardUpdate> + use<>> {
        let scope = Scope::of(ctx);
        check_hours(ended_within_hours)?;
        begin(ctx, Wants::new(scope, source.as_deref(), None)?, None, true)?;
        let followed = Followed { scope, sources: scope.select(source.as_deref())?, ended_within_hours };
        Ok(stream::iter(followed.tell(Step::of(ctx))?))
    }

    /// The running rebuild, whenever it has come further, up to its end; or the last one, once. Ends at once where there
    /// was none. For admins of all sources.
    async fn rebuild_progress(&self, ctx: &Context<'_>) -> async_graphql::Result<impl Stream<Item = Rebuild> + use<>> {
        let scope = Scope::of(ctx);
        scope.require_admin_of_everything()?;
        let rebuilds = scope.rebuilds()?;
        Ok(rebuilds.follow().map(|rebuild| Rebuild::from(&*rebuild)))
    }
}

/// Takes note of what the arguments mean.
fn begin(ctx: &Context<'_>, wants: Wants, after: Option<Cursor>, shows_a_state: bool) -> Result<(), Problem> {
    let scope = Scope::of(ctx);
    scope.tracker()?;
    let folded = scope.view().checkpoint()?;
    let now = Reached { position: folded.position, digest: Some(folded.digest) };
    let after = after.map(|Cursor(cursor)| {
        let digest = cursor.find_in(scope.log())?;
        match digest {
            None if cursor.position > now.position => Err(CursorError::Beyond(cursor)),
            digest => Ok(Reached { position: cursor.position, digest }),
        }
    });
    // A client that knows of more has it from another log. If we waited here, it would miss the deliveries that get
    // these positions now.
    let after = after.transpose()?;
    Step::of(ctx).begin(Begun { wants, after, now, shows_a_state });
    Ok(())
}

fn parse_ids(ids: &[ID]) -> Result<BTreeSet<AppointmentId>, Problem> {
    if ids.len() > APPOINTMENTS_MAX {
        return Err(Problem::BadInput("`appointmentIds` has at most 100."));
    }
    ids.iter().map(parse_appointment_id).collect()
}
