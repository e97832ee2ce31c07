//! The archive daemon: takes sealed submissions from the cache, opens them, and stores them as raws.
//!
//! An entry is marked only when its raws are stored, so a crash repeats a step and loses nothing. An entry or record that
//! cannot be opened or read is marked with the reason, and stays in the cache. Records are read in rounds, so that a batch
//! takes a bounded amount of memory whatever it holds.

mod opened;
mod raw;
mod rounds;
mod sweep;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cybexp_filters::readers;
use cybexp_seal::PrivateKey;
use cybexp_service::{
    DaemonContext, Health, Servers, Shutdown, Step, WakeSignal, WorkOptions, Worker, open,
    read_private_key, sweep_loop, work_loop,
};
use cybexp_store::{
    Archive, Cache, EntryQueue, EntryRecordId, Opened, OpenedRecords, Raws, SealedEntry, Taken,
    Written,
};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use tahoe_core::{Hash, Raw};

use crate::opened::{Content, OpenedEntry};
use crate::rounds::{Place, Rounds, shares};

pub use raw::raw_of;

/// The most memory of a round that is written and one that is read at the same time, in bytes.
const BOTH_BYTES: u64 = 160 << 20;
/// The time after which the lease of a batch is extended.
const RENEW: Duration = Duration::from_secs(10);

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "archive";

/// Runs until asked to stop, or with `--once` until nothing is pending.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    describe_counter!(
        "cybexp_archive_entries_total",
        "records by what became of them: raw or bad"
    );
    describe_gauge!(
        "cybexp_archive_lag_seconds",
        "age of the oldest entry of the batch in hand"
    );
    let key = Arc::new(read_private_key(&ctx.config.archive.private_key)?);
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let (from, to) = (ctx.config.cache_db()?, ctx.config.archive_db()?);
        let cache = Cache::open(&servers.of(&from).await?, &from.db, &from.coll).await?;
        let archive = Archive::open(&servers.of(&to).await?, &to.db, &to.coll).await?;
        let sweeps = sweep::OldData::new(&ctx.config, &cache, &archive);
        let raws = Raws::new(&archive);
        Ok((cache.pending().await?, cache.watch(), raws, sweeps))
    });
    let Some((queue, watch, raws, sweeps)) = opened.await? else {
        return Ok(());
    };
    sweep::describe();
    if !ctx.once {
        tokio::spawn(sweep_loop(ctx.clone(), sweeps));
    }
    let archivist = Archivist {
        queue,
        raws,
        key,
        health: ctx.health.clone(),
        shutdown: ctx.shutdown.clone(),
        cores: available_parallelism().map_or(1, usize::from),
    };
    work_loop(
        &ctx,
        archivist,
        WakeSignal::follow(watch),
        WorkOptions::new(NAME),
    )
    .await
}

struct Archivist {
    queue: EntryQueue,
    raws: Raws,
    key: Arc<PrivateKey>,
    health: Health,
    shutdown: Shutdown,
    cores: usize,
}

impl Worker for Archivist {
    async fn step(&mut self) -> anyhow::Result<Step> {
        let entries = match self.queue.take().await? {
            Taken::Work(entries) => entries,
            Taken::Leased(wait) => return Ok(Step::Wait(wait)),
            Taken::Nothing => {
                gauge!("cybexp_archive_lag_seconds").set(0.0);
                return Ok(Step::Idle);
            }
        };
        if entries.is_empty() {
            // other workers were faster, and may leave some of what they took
            self.queue.release().await?;
            return Ok(Step::Wait(Duration::ZERO));
        }
        let count = entries.len() as u64;
        let oldest = entries
            .iter()
            .filter_map(|entry| Some(entry.read.as_ref().ok()?.0.timestamp));
        let lag = now() - oldest.fold(now(), f64::min);
        gauge!("cybexp_archive_lag_seconds").set(lag);
        let entries = Arc::new(self.open(entries).await?);
        let mut results = Results::new(&entries);
        let all = self.store(&entries, &mut results).await?;
        if all {
            self.mark(&entries, results).await?;
        }
        // a lease that ends while it is held tells of a death
        self.queue.release().await?;
        Ok(match all {
            true => Step::Worked(count),
            false => Step::Idle,
        })
    }
}

impl Archivist {
    /// Opens the seals on all cores: the private key's work is most of what a small entry takes.
    async fn open(&self, entries: Vec<SealedEntry>) -> anyhow::Result<Vec<OpenedEntry>> {
        let share = entries.len().div_ceil(self.cores).max(1);
        let mut entries = entries.into_iter();
        let mut tasks = Vec::new();
        while entries.len() > 0 {
            let part: Vec<_> = entries.by_ref().take(share).collect();
            let key = Arc::clone(&self.key);
            tasks.push(tokio::task::spawn_blocking(move || {
                let opened = part
                    .into_iter()
                    .map(|sealed| OpenedEntry::open(&key, sealed));
                opened.collect::<Vec<_>>()
            }));
        }
        let mut opened = Vec::new();
        for task in tasks {
            opened.extend(task.await?);
        }
        Ok(opened)
    }

    /// Makes the raws of all records and writes them. While a round is written, the next one is read. Returns false if the
    /// daemon was asked to stop before all were written: another one repeats the batch.
    async fn store(
        &mut self,
        entries: &Arc<Vec<OpenedEntry>>,
        results: &mut Results,
    ) -> anyhow::Result<bool> {
        let mut leased = Instant::now();
        let mut rounds = Rounds::new(entries);
        let mut round = self
            .read(entries, rounds.next().unwrap_or_default())
            .await?;
        while !round.places.is_empty() {
            let raws = std::mem::take(&mut round.raws);
            let next = rounds.next().unwrap_or_default();
            // two large rounds would take too much memory at once
            let (written, following) = match round.memory + memory(&next) <= BOTH_BYTES {
                true => {
                    let (written, next) =
                        tokio::join!(self.raws.write(raws, readers), self.read(entries, next));
                    (written?, next?)
                }
                false => {
                    let written = self.raws.write(raws, readers).await?;
                    (written, self.read(entries, next).await?)
                }
            };
            results.add(entries, round.places, written);
            round = following;
            self.health.beat(NAME);
            if !round.places.is_empty() && self.shutdown.is_begun() {
                return Ok(false);
            }
            if leased.elapsed() > RENEW {
                self.queue
                    .renew(entries.iter().map(|entry| entry.id))
                    .await?;
                leased = Instant::now();
            }
        }
        Ok(true)
    }

    /// Makes the raws of a round on all cores.
    async fn read(
        &self,
        entries: &Arc<Vec<OpenedEntry>>,
        round: Vec<Place>,
    ) -> anyhow::Result<Round> {
        let mut read = Round {
            memory: memory(&round),
            ..Round::default()
        };
        let tasks: Vec<_> = shares(round, self.cores)
            .into_iter()
            .map(|share| {
                let entries = Arc::clone(entries);
                tokio::task::spawn_blocking(move || {
                    let raws = share
                        .into_iter()
                        .map(|place| (place, raw_at(&entries, place)));
                    raws.collect::<Vec<_>>()
                })
            })
            .collect();
        for task in tasks {
            for (place, raw) in task.await? {
                read.places
                    .push((place, raw.as_ref().map(Raw::hash).map_err(Clone::clone)));
                read.raws.extend(raw);
            }
        }
        Ok(read)
    }

    /// Marks the entries, now that the raws are written.
    async fn mark(&self, entries: &[OpenedEntry], results: Results) -> anyhow::Result<()> {
        let mut single = Vec::new();
        let (mut stored, mut bad) = (0, 0);
        for (entry, records) in entries.iter().zip(results.records) {
            for (n, record) in &records {
                match record {
                    Ok(_) => stored += 1,
                    Err(reason) => {
                        bad += 1;
                        told(entry, Some(*n), reason);
                    }
                }
            }
            let raw = match &entry.content {
                Err(reason) => {
                    bad += 1;
                    told(entry, None, reason);
                    Err(reason.clone())
                }
                Ok(Content { entry: known, .. }) if known.records.is_some() => {
                    let many = OpenedRecords {
                        id: entry.id,
                        entry: known.clone(),
                        records,
                    };
                    self.queue.mark_records(&many).await?;
                    continue;
                }
                Ok(_) => match records.into_iter().next() {
                    Some((_, raw)) => raw,
                    None => Err("it was not read: please report this".to_owned()),
                },
            };
            single.push(Opened { id: entry.id, raw });
        }
        if !single.is_empty() {
            self.queue.mark(&single).await?;
        }
        counter!("cybexp_archive_entries_total", "outcome" => "bad").increment(bad);
        counter!("cybexp_archive_entries_total", "outcome" => "raw").increment(stored);
        Ok(())
    }
}

/// The most records of a submission whose reasons stand in the log.
const TOLD: u32 = 100;

fn told(entry: &OpenedEntry, n: Option<u32>, reason: &str) {
    let many = matches!(&entry.content, Ok(content) if content.entry.records.is_some());
    let id = match n.filter(|_| many) {
        Some(n) if n > TOLD => return tracing::debug!(entry = %entry.id, n, reason, "set aside"),
        n => EntryRecordId { id: entry.id, n },
    };
    tracing::warn!(entry = %id, reason, "set aside");
}

/// The records of a round, once they are read.
#[derive(Default)]
struct Round {
    /// The places of the records, with the hashes of their raws or the reasons why there are none.
    places: Vec<(Place, Result<Hash, String>)>,
    raws: Vec<Raw>,
    memory: u64,
}

fn memory(round: &[Place]) -> u64 {
    round.iter().map(|place| place.memory).sum()
}

fn raw_at(entries: &[OpenedEntry], place: Place) -> Result<Raw, String> {
    let content = entries[place.entry].content.as_ref();
    let content = content.map_err(Clone::clone)?;
    match content.take(place.index) {
        Some(bytes) => raw::of_record(&content.entry, bytes),
        None => Err("it does not exist".to_owned()),
    }
}

/// The results for the records of a batch, by entry.
struct Results {
    records: Vec<Vec<(u32, Result<Hash, String>)>>,
}

impl Results {
    fn new(entries: &[OpenedEntry]) -> Self {
        let room = |entry: &OpenedEntry| entry.content.as_ref().map_or(0, Content::len);
        let records = entries.iter().map(|entry| Vec::with_capacity(room(entry)));
        Self {
            records: records.collect(),
        }
    }

    fn add(
        &mut self,
        entries: &[OpenedEntry],
        places: Vec<(Place, Result<Hash, String>)>,
        written: Written,
    ) {
        let rejected = written.rejected.into_iter();
        let rejected: HashMap<Hash, String> = rejected.map(|one| (one.hash, one.reason)).collect();
        for (place, raw) in places {
            let raw = raw.and_then(|hash| match rejected.get(&hash) {
                Some(reason) => Err(reason.clone()),
                None => Ok(hash),
            });
            let content = entries[place.entry].content.as_ref();
            if let Some(n) = content.ok().and_then(|content| content.number(place.index)) {
                self.records[place.entry].push((n, raw));
            }
        }
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
