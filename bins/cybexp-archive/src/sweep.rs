//! Removes submissions and raws that are older than the settings keep, and what was made of the raws, beside the daemon's
//! work. This daemon does it because it alone reaches both the cache and the archive.

use std::time::{Duration, Instant};

use cybexp_filters::second::SECOND_FILTERS;
use cybexp_service::{Config, Sweeper};
use cybexp_store::{Archive, Cache, CacheKeep, CacheSweep, Sweep};
use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::now;

/// Time after which entries are looked at again that were not processed when they became old.
const PASS: Duration = Duration::from_secs(6 * 3600);
/// Time between two looks at what is oldest.
const OLDEST: Duration = Duration::from_secs(300);

pub(crate) fn describe() {
    describe_counter!(
        "cybexp_archive_swept_total",
        "what was removed because nothing has to keep it: submission, raw, event, node (attribute or object), session"
    );
    describe_gauge!(
        "cybexp_archive_oldest_seconds",
        "age of the oldest submission, and of the oldest raw of each typetag that archive.keep names"
    );
}

/// The submissions and raws that need not be kept any more.
pub(crate) struct OldData {
    cache: CacheSweep,
    archive: Sweep,
    began: Instant,
    looked: Option<Instant>,
}

impl OldData {
    pub(crate) fn new(config: &Config, cache: &Cache, archive: &Archive) -> Self {
        let keep = CacheKeep {
            good_s: config.cache.keep.seconds(),
            bad_s: config.cache.keep_bad.seconds(),
        };
        let raws = config.archive.keep.iter();
        let raws = raws.filter_map(|(typetag, keep)| Some((typetag.clone(), keep.seconds()?)));
        let second = SECOND_FILTERS.iter().map(|filter| filter.name()).collect();
        Self {
            cache: CacheSweep::new(cache, keep),
            archive: Sweep::new(archive, raws.collect()).with_second_stage(second),
            began: Instant::now(),
            looked: None,
        }
    }

    /// Tells how old the oldest of what is kept is.
    async fn tell_oldest(&mut self) -> anyhow::Result<()> {
        if self.looked.is_some_and(|at| at.elapsed() < OLDEST) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let age = |time: Option<f64>| time.map_or(0.0, |time| now() - time);
        let submission = age(self.cache.oldest().await?);
        gauge!("cybexp_archive_oldest_seconds", "of" => "submission").set(submission);
        for (typetag, time) in self.archive.oldest().await? {
            gauge!("cybexp_archive_oldest_seconds", "of" => typetag).set(age(Some(time)));
        }
        Ok(())
    }
}

impl Sweeper for OldData {
    async fn step(&mut self) -> anyhow::Result<bool> {
        if self.began.elapsed() >= PASS {
            self.cache.begin_again();
            self.began = Instant::now();
        }
        let submissions = self.cache.step(now()).await?;
        let swept = self.archive.step(now()).await?;
        for (kind, removed) in [
            ("submission", submissions.unwrap_or(0)),
            ("raw", swept.raws),
            ("event", swept.events),
            ("node", swept.nodes),
            ("session", swept.sessions),
        ] {
            counter!("cybexp_archive_swept_total", "kind" => kind).increment(removed);
        }
        self.tell_oldest().await?;
        Ok(swept.more || submissions.is_some())
    }
}
