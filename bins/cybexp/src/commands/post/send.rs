//! Records on their way to the API, many at once, until all are there or somebody has had enough.

use std::time::Duration;

use cybexp_client::{Client, ClientError, SubmissionLabels};
use cybexp_service::Backoff;
use cybexp_term::{self as term, RED};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::read::{self, OutgoingRecord, ReadOutcome};
use super::resume::{PostProgress, ProgressFile};
use super::source::PostSource;

/// Requests under way at once.
const IN_FLIGHT: usize = 16;
/// How often a record is sent that the API was too troubled to take: for about half a minute.
const TRIES: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(10);
/// How long what is under way may take once somebody has had enough.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is remembered how far the files are submitted, should this process be killed.
const REMEMBER: Duration = Duration::from_secs(2);

/// What became of the records.
#[derive(Default)]
pub(super) struct PostTally {
    pub(super) taken: u64,
    pub(super) bytes: u64,
    pub(super) refused: u64,
}

/// How it ended.
pub(super) enum Ended {
    /// All is sent.
    Done,
    /// Somebody pressed Ctrl-C, or sent SIGTERM.
    Stopped,
    /// All other records would meet the same. The text is the record's place.
    Failed(String, ClientError),
}

/// How far one source is submitted, and where that is remembered.
pub(super) struct Track {
    pub(super) progress: PostProgress,
    pub(super) memory: Option<ProgressFile>,
}

/// Sends all records of the sources, which the tracks belong to one by one.
pub(super) async fn send(
    client: &Client,
    about: &SubmissionLabels,
    sources: Vec<PostSource>,
    tracks: &mut [Track],
    bar: &ProgressBar,
    tally: &mut PostTally,
) -> anyhow::Result<Ended> {
    let (sender, mut receiver) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(read::all(sources, sender));
    let enough = CancellationToken::new();
    let items = stream::poll_fn(move |context| receiver.poll_recv(context))
        .take_until(enough.clone().cancelled_owned());
    let outcomes = items
        .map(
            async |ReadOutcome {
                       source,
                       number,
                       end,
                       read,
                   }| {
                let outcome = match read {
                    Ok(record) => {
                        let outcome = submit(client, about, &record).await;
                        (record.place, record.bytes, outcome.map_err(Trouble::Api))
                    }
                    Err((place, reason)) => (place, 0, Err(Trouble::Unreadable(reason))),
                };
                (source, number, end, outcome)
            },
        )
        .buffer_unordered(IN_FLIGHT);
    let mut outcomes = std::pin::pin!(outcomes);
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut remember = interval(REMEMBER);
    remember.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut deadline = None;
    loop {
        let gone = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let stop = async {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
        };
        let (source, number, end, (place, bytes, outcome)) = tokio::select! {
            outcome = outcomes.next() => match outcome {
                Some(outcome) => outcome,
                None if deadline.is_some() => return Ok(Ended::Stopped),
                None => return Ok(Ended::Done),
            },
            () = stop => {
                if deadline.is_some() {
                    return Ok(Ended::Stopped);
                }
                enough.cancel();
                deadline = Some(Instant::now() + GRACE);
                continue;
            }
            () = gone => return Ok(Ended::Stopped),
            _ = remember.tick() => {
                self::remember(tracks);
                continue;
            }
        };
        bar.inc(bytes);
        let reason = match outcome {
            Ok(()) => {
                tally.taken += 1;
                tally.bytes += bytes;
                tracks[source].progress.acknowledge(number, end);
                continue;
            }
            Err(Trouble::Api(error @ ClientError::Refused { .. })) => error.to_string(),
            Err(Trouble::Unreadable(reason)) => reason,
            Err(Trouble::Api(error)) => return Ok(Ended::Failed(place, error)),
        };
        // it is told now, and would be refused again
        tracks[source].progress.acknowledge(number, end);
        tally.refused += 1;
        bar.suspend(|| {
            let (place, reason) = (term::line(&place), term::line(&reason));
            anstream::eprintln!("{RED}✗{RED:#} {place}: {reason}");
        });
    }
}

/// Remembers how far each file is submitted of which something is. That it cannot is told at the end, if it matters then.
fn remember(tracks: &[Track]) {
    for Track { progress, memory } in tracks {
        if let Some(memory) = memory
            && progress.upto().offset > 0
        {
            let _ = memory.keep(progress.upto());
        }
    }
}

enum Trouble {
    Unreadable(String),
    Api(ClientError),
}

async fn submit(
    client: &Client,
    about: &SubmissionLabels,
    record: &OutgoingRecord,
) -> Result<(), ClientError> {
    let mut backoff = Backoff::new(MAX_WAIT);
    loop {
        let part = match record.part().await {
            Ok(part) => part,
            Err(error) => {
                // it was there a moment ago
                let (status, message) = (reqwest::StatusCode::BAD_REQUEST, error.to_string());
                return Err(ClientError::Refused { status, message });
            }
        };
        match client.submit(about, record.name.clone(), part).await {
            Err(error) if error.is_passing() && backoff.failures() + 1 < TRIES => {
                tokio::time::sleep(backoff.failure()).await;
            }
            outcome => return outcome,
        }
    }
}
