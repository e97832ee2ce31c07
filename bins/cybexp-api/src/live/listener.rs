//! One listener: new events are sent to it as long as its user may see them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use cybexp_store::{Access, LiveId, Visible};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::hub::Seat;
use super::moment::{HEARTBEAT, LastEvent, Moment, gap};
use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;

/// Time between two heart-beats. With each, the user's rights are looked at.
const BEAT: Duration = Duration::from_secs(15);
/// The pieces that wait for a client that reads slowly.
const PIECES: usize = 16;
/// The time that a client may take for a piece.
const SLOW: Duration = Duration::from_secs(60);
/// The most rows that are told again to a listener that comes back.
const AGAIN: i64 = 2000;
/// Least time between two looks at the user's rights while events pour in.
const BREATH: Duration = Duration::from_millis(100);

/// The pieces of a response, as they are sent.
pub(crate) type Pieces = mpsc::Receiver<Bytes>;

struct Listener {
    app: Arc<App>,
    caller: Caller,
    seat: Seat,
    pieces: mpsc::Sender<Bytes>,
    /// Rows that were read again, which may come once more.
    again: HashSet<LiveId>,
    /// Time of the last event that was sent, or since when was listened, in Unix seconds.
    told: f64,
}

/// The reason why nothing more is sent.
enum End {
    /// The client has left, or reads too slowly.
    Left,
    /// The user's token has ended.
    Ended,
}

/// Sends new events to a client, from its last one on, until it leaves. In a task of its own: a client that leaves must not
/// cut an operation of the database short.
pub(crate) fn listen(
    app: Arc<App>,
    caller: Caller,
    seat: Seat,
    last: Option<Result<LastEvent, f64>>,
) -> Pieces {
    let (pieces, receiver) = mpsc::channel(PIECES);
    let listener = Listener {
        app,
        caller,
        seat,
        pieces,
        again: HashSet::new(),
        told: now(),
    };
    tokio::spawn(listener.run(last));
    receiver
}

impl Listener {
    async fn run(mut self, last: Option<Result<LastEvent, f64>>) {
        // a client sees by it that it listens
        let mut end = self.send(Bytes::from_static(HEARTBEAT)).await;
        end = match (end, last) {
            (Ok(()), Some(Ok(last))) => self.resume(last).await,
            (Ok(()), Some(Err(since))) => self.send(gap(since)).await,
            (end, _) => end,
        };
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.seat.hub().shutdown().clone();
        while end.is_ok() {
            let beats = tokio::select! {
                () = shutdown.begun() => return,
                () = self.pieces.closed() => return,
                () = self.seat.came() => false,
                _ = beat.tick() => true,
            };
            end = self.tell(beats).await;
        }
    }

    /// Tells what came in since the last event that the client has.
    async fn resume(&mut self, last: LastEvent) -> Result<(), End> {
        self.told = last.row.seconds();
        let live = self.seat.hub().live().clone();
        let rows = match live.since(last.row, AGAIN).await {
            Ok(Some(rows)) if rows.len() < AGAIN as usize => rows,
            Ok(_) => return self.send(gap(self.told)).await,
            Err(error) => {
                tracing::warn!(%error, "new events cannot be told again");
                return self.send(gap(self.told)).await;
            }
        };
        let Some(visible) = self.rights().await? else {
            return self.send(gap(self.told)).await;
        };
        for row in rows {
            let skip = match row.id == last.row {
                true => last.n + 1,
                false if row.id.is_before(&last.row) => continue,
                false => 0,
            };
            self.again.insert(row.id);
            if let Some(moment) = Moment::read(row, self.seat.hub().macs()) {
                self.show(&moment, &visible, skip).await?;
            }
        }
        Ok(())
    }

    /// Tells what has come. The user's rights are looked at afterwards, so that they are those of now.
    async fn tell(&mut self, beats: bool) -> Result<(), End> {
        let (moments, missed) = self.seat.take();
        if beats && moments.is_empty() {
            self.rights().await?;
            return self.send(Bytes::from_static(HEARTBEAT)).await;
        }
        if missed {
            self.send(gap(self.told)).await?;
        }
        if moments.is_empty() {
            return Ok(());
        }
        let Some(visible) = self.rights().await? else {
            return self.send(gap(self.told)).await;
        };
        for moment in moments {
            if !self.again.remove(&moment.id) {
                self.show(&moment, &visible, 0).await?;
            }
        }
        tokio::time::sleep(BREATH).await;
        Ok(())
    }

    async fn show(&mut self, moment: &Moment, visible: &Visible, skip: usize) -> Result<(), End> {
        if visible.0.iter().all(|org| org.as_str() != moment.orgid) {
            return Ok(());
        }
        let bytes = moment.bytes(skip);
        if !bytes.is_empty() {
            self.send(bytes).await?;
        }
        self.told = moment.id.seconds();
        Ok(())
    }

    /// Returns the organisations whose events the user may see now; `None` if the database does not say.
    async fn rights(&self) -> Result<Option<Visible>, End> {
        let user = self.caller.user.hash().to_string();
        let (good, access) = tokio::join!(
            self.caller.is_good_still(&self.app),
            self.app.identity.access(&user)
        );
        match (good, access) {
            (Ok(()), Ok(Access::Orgs(visible))) => Ok(Some(visible)),
            (Err(ApiError::Unauthorized(_)), _) | (Ok(()), Ok(Access::UnknownUser)) => {
                Err(End::Ended)
            }
            (Err(error), _) => {
                tracing::warn!(%error, "new events are not told: the rights are unknown");
                Ok(None)
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "new events are not told: the rights are unknown");
                Ok(None)
            }
        }
    }

    async fn send(&self, piece: Bytes) -> Result<(), End> {
        match self.pieces.send_timeout(piece, SLOW).await {
            Ok(()) => Ok(()),
            Err(_) => Err(End::Left),
        }
    }
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}
