//! The archive daemon: takes sealed submissions from the cache, opens them, and stores them as raws.
//!
//! An entry is marked only when its raw is stored, so a crash repeats a step and loses nothing. An entry that cannot be
//! opened or read is marked with the reason, and stays in the cache.

mod raw;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_filters::readers;
use cybexp_seal::PrivateKey;
use cybexp_service::{
    DaemonContext, Servers, Step, WakeSignal, WorkOptions, Worker, open, read_private_key,
    work_loop,
};
use cybexp_store::{Archive, Cache, EntryId, EntryQueue, Opened, Raws, SealedEntry, Taken};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use tahoe_core::{Hash, Raw};

pub use raw::raw_of;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "archive";

/// Runs until asked to stop, or with `--once` until nothing is pending.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    describe_counter!(
        "cybexp_archive_entries_total",
        "entries by what became of them: raw or bad"
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
        Ok((cache.pending().await?, cache.watch(), Raws::new(&archive)))
    });
    let Some((queue, watch, raws)) = opened.await? else {
        return Ok(());
    };
    let archivist = Archivist { queue, raws, key };
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
        let count = entries.len() as u64;
        let oldest = entries
            .iter()
            .filter_map(|entry| Some(entry.read.as_ref().ok()?.0.timestamp));
        let lag = now() - oldest.fold(now(), f64::min);
        gauge!("cybexp_archive_lag_seconds").set(lag);

        let mut opened = Vec::with_capacity(entries.len());
        let mut raws = Vec::new();
        for (id, raw) in self.open(entries).await? {
            opened.push(Opened {
                id,
                raw: raw.as_ref().map(Raw::hash).map_err(Clone::clone),
            });
            raws.extend(raw);
        }
        let written = self.raws.write(&raws, readers).await?;
        let rejected: HashMap<Hash, String> = written
            .rejected
            .into_iter()
            .map(|rejected| (rejected.hash, rejected.reason))
            .collect();
        for entry in &mut opened {
            if let Ok(hash) = &entry.raw
                && let Some(reason) = rejected.get(hash)
            {
                entry.raw = Err(reason.clone());
            }
        }
        self.queue.mark(&opened).await?;

        let mut bad = 0;
        for entry in &opened {
            if let Err(reason) = &entry.raw {
                bad += 1;
                tracing::warn!(entry = %entry.id, reason, "set aside");
            }
        }
        counter!("cybexp_archive_entries_total", "outcome" => "bad").increment(bad);
        counter!("cybexp_archive_entries_total", "outcome" => "raw").increment(count - bad);
        Ok(Step::Worked(count))
    }
}

impl Archivist {
    /// Opens and reads the entries on all cores: the private key's work is most of what the archive does.
    async fn open(
        &self,
        entries: Vec<SealedEntry>,
    ) -> anyhow::Result<Vec<(EntryId, Result<Raw, String>)>> {
        let cores = available_parallelism().map_or(1, usize::from);
        let share = entries.len().div_ceil(cores).max(1);
        let mut entries = entries.into_iter();
        let mut tasks = Vec::new();
        while entries.len() > 0 {
            let part: Vec<_> = entries.by_ref().take(share).collect();
            let key = Arc::clone(&self.key);
            tasks.push(tokio::task::spawn_blocking(move || {
                let read = part.into_iter().map(|entry| {
                    let raw = entry
                        .read
                        .and_then(|(known, sealed)| raw::open(&key, &known, &sealed));
                    (entry.id, raw)
                });
                read.collect::<Vec<_>>()
            }));
        }
        let mut opened = Vec::new();
        for task in tasks {
            opened.extend(task.await?);
        }
        Ok(opened)
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
