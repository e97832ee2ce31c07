//! Sends records to the API, many at once, until all are sent or the user stops it.

use std::time::Duration;

use cybexp_client::{Client, ClientError};
use cybexp_service::Backoff;
use cybexp_term::{self as term, RED};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use tahoe_core::SubmissionTags;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::read::{self, OutgoingRecord, ReadOutcome};
use super::resume::{PostProgress, ProgressFile};
use super::source::PostSource;

/// The number of requests that are sent at once.
const IN_FLIGHT: usize = 16;
/// The number of tries for a record while the API has passing failures; they take about half a minute.
const TRIES: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The longest wait for requests under way once the user stops the command.
const GRACE: Duration = Duration::from_secs(10);
/// The time between two saves of the progress, in case this process is killed.
const REMEMBER: Duration = Duration::from_secs(2);

/// Counts of submitted and refused records.
#[derive(Default)]
pub(super) struct PostTally {
    pub(super) taken: u64,
    pub(super) bytes: u64,
    pub(super) refused: u64,
}

/// The way in which sending ended.
pub(super) enum Ended {
    /// All records are sent.
    Done,
    /// SIGINT (Ctrl-C) or SIGTERM stopped it.
    Stopped,
    /// An error that would meet all other records, too. The text is the record's file and line.
    Failed(String, ClientError),
}

/// The progress of one source, and the file that it is saved in.
pub(super) struct Track {
    pub(super) progress: PostProgress,
    pub(super) memory: Option<ProgressFile>,
}

/// Sends all records of the sources. `tracks` has one element for each source, in the same order.
pub(super) async fn send(
    client: &Client,
    tags: &SubmissionTags,
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
                        let outcome = submit(client, tags, &record).await;
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
        // told now; counted as submitted, for it would be refused again
        tracks[source].progress.acknowledge(number, end);
        tally.refused += 1;
        bar.suspend(|| {
            let (place, reason) = (term::line(&place), term::line(&reason));
            anstream::eprintln!("{RED}✗{RED:#} {place}: {reason}");
        });
    }
}

/// Saves the progress of each file of which something is submitted. A failure is told at the end, if it matters then.
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
    tags: &SubmissionTags,
    record: &OutgoingRecord,
) -> Result<(), ClientError> {
    let mut backoff = Backoff::new(MAX_WAIT);
    loop {
        let part = match record.part().await {
            Ok(part) => part,
            Err(error) => {
                // the file existed a moment ago
                let (status, message) = (reqwest::StatusCode::BAD_REQUEST, error.to_string());
                return Err(ClientError::Refused { status, message });
            }
        };
        match client.submit(tags, record.name.clone(), part).await {
            Err(error) if error.is_passing() && backoff.failures() + 1 < TRIES => {
                tokio::time::sleep(backoff.failure()).await;
            }
            outcome => return outcome,
        }
    }
}
