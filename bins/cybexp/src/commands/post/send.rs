//! Sends records to the API, many in a submission, until all are sent or the user stops it.

use std::collections::HashMap;
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
use super::source::{Position, PostSource};

/// The number of submissions that are sent at once. While they are under way, the records of the next ones are read.
const IN_FLIGHT: usize = 4;
/// The most records that are read ahead, and of a submission.
const RECORDS: usize = 8192;
/// The bytes at which a submission takes no further record.
const BYTES: u64 = 4 << 20;
/// The number of tries for a submission while the API has passing failures; they take about half a minute.
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
    let (sender, receiver) = mpsc::channel(RECORDS);
    tokio::spawn(read::all(sources, sender));
    let enough = CancellationToken::new();
    let outcomes = stream::unfold(Gather::new(receiver), Gather::next)
        .take_until(enough.clone().cancelled_owned())
        .map(|group| submit(client, tags, group))
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
        let Outcomes { records, failure } = tokio::select! {
            outcome = outcomes.next() => match outcome {
                Some(outcomes) => outcomes,
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
        for outcome in records {
            bar.inc(outcome.bytes);
            // a refused record counts as submitted, for it would be refused again
            let progress = &mut tracks[outcome.source].progress;
            progress.acknowledge(outcome.number, outcome.end);
            let Some((place, reason)) = outcome.refused else {
                tally.taken += 1;
                tally.bytes += outcome.bytes;
                continue;
            };
            tally.refused += 1;
            bar.suspend(|| {
                let (place, reason) = (term::line(&place), term::line(&reason));
                anstream::eprintln!("{RED}✗{RED:#} {place}: {reason}");
            });
        }
        if let Some((place, error)) = failure {
            return Ok(Ended::Failed(place, error));
        }
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

/// The records that were read, by submission: the records of one source that wait when a submission can be sent.
struct Gather {
    items: mpsc::Receiver<ReadOutcome>,
    /// The first item of the next submission, if it was taken already.
    first: Option<ReadOutcome>,
}

impl Gather {
    fn new(items: mpsc::Receiver<ReadOutcome>) -> Self {
        Self { items, first: None }
    }

    async fn next(mut self) -> Option<(Vec<ReadOutcome>, Self)> {
        let first = match self.first.take() {
            Some(first) => first,
            None => self.items.recv().await?,
        };
        let (source, mut bytes) = (first.source, length(&first));
        let mut group = vec![first];
        while group.len() < RECORDS
            && bytes < BYTES
            && let Ok(item) = self.items.try_recv()
        {
            // a submission has one name
            if item.source != source {
                self.first = Some(item);
                break;
            }
            bytes += length(&item);
            group.push(item);
        }
        Some((group, self))
    }
}

fn length(item: &ReadOutcome) -> u64 {
    item.read.as_ref().map_or(0, |record| record.bytes)
}

/// The results for the records of a submission.
#[derive(Default)]
struct Outcomes {
    records: Vec<Outcome>,
    /// An error that would meet other records, too, and the place of a record that it met.
    failure: Option<(String, ClientError)>,
}

/// The result for a record: it is taken or refused.
struct Outcome {
    source: usize,
    number: u64,
    end: Position,
    bytes: u64,
    /// The record's place and the reason.
    refused: Option<(String, String)>,
}

impl Outcomes {
    fn add(&mut self, item: Item, refused: Option<String>) {
        self.records.push(Outcome {
            source: item.source,
            number: item.number,
            end: item.end,
            bytes: item.record.bytes,
            refused: refused.map(|reason| (item.record.place, reason)),
        });
    }
}

/// A record that was read.
struct Item {
    source: usize,
    number: u64,
    end: Position,
    record: OutgoingRecord,
}

/// Submits records together, and without those that are refused. If the API does not say which they are, they are found by
/// halving.
async fn submit(client: &Client, tags: &SubmissionTags, group: Vec<ReadOutcome>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let mut items = Vec::with_capacity(group.len());
    for ReadOutcome {
        source,
        number,
        end,
        read,
    } in group
    {
        match read {
            Ok(record) => items.push(Item {
                source,
                number,
                end,
                record,
            }),
            Err(unreadable) => outcomes.records.push(Outcome {
                source,
                number,
                end,
                bytes: 0,
                refused: Some(unreadable),
            }),
        }
    }
    let mut parts = vec![items];
    while let Some(mut part) = parts.pop() {
        let Some(first) = part.first() else { continue };
        let place = first.record.place.clone();
        match send_part(client, tags, &part).await {
            Ok(()) => part.into_iter().for_each(|item| outcomes.add(item, None)),
            Err(ClientError::Refused { bad, .. }) if !bad.is_empty() => {
                let mut bad: HashMap<usize, String> = bad.into_iter().collect();
                let mut others = Vec::with_capacity(part.len());
                for (index, item) in part.into_iter().enumerate() {
                    match bad.remove(&index) {
                        Some(reason) => outcomes.add(item, Some(reason)),
                        None => others.push(item),
                    }
                }
                parts.push(others);
            }
            Err(ClientError::Refused { .. }) if part.len() > 1 => {
                let second = part.split_off(part.len() / 2);
                parts.extend([second, part]);
            }
            Err(error @ ClientError::Refused { .. }) => {
                let reason = error.to_string();
                part.into_iter()
                    .for_each(|item| outcomes.add(item, Some(reason.clone())));
            }
            Err(error) => {
                outcomes.failure = Some((place, error));
                break;
            }
        }
    }
    outcomes
}

async fn send_part(
    client: &Client,
    tags: &SubmissionTags,
    part: &[Item],
) -> Result<(), ClientError> {
    let name = part.first().map_or("", |item| &item.record.name);
    let data: Vec<&[u8]> = part.iter().map(|item| &*item.record.data).collect();
    let mut backoff = Backoff::new(MAX_WAIT);
    loop {
        match client.submit(tags, name, &data).await {
            Err(error) if error.is_passing() && backoff.failures() + 1 < TRIES => {
                tokio::time::sleep(backoff.failure()).await;
            }
            outcome => return outcome,
        }
    }
}
