//! Keeps feeds up to date, in one report daemon at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cybexp_lists::KnownGood;
use cybexp_service::DaemonContext;
use cybexp_share::misp;
use cybexp_share::stix::Observable;
use cybexp_store::{
    Feed, FeedJudge, FeedKeeper, FeedMarks, Feeds, GraphReader, Identity, StoreError, Visible,
};
use futures::FutureExt;
use metrics::{counter, describe_counter};
use tahoe_core::{Attribute, Hash, OrgId, Verdict};

use crate::clock;

/// The time between two looks for whether another daemon keeps the feeds, and between two renewals of the own lease.
const LEASE: Duration = Duration::from_secs(10);
/// The time between two checks of a maker's rights.
const RIGHTS: Duration = Duration::from_secs(30);
/// The pause after the database failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Describes what is counted here.
pub(crate) fn describe_metrics() {
    describe_counter!(
        "cybexp_report_feed_events_total",
        "events that were looked at for feeds"
    );
    describe_counter!(
        "cybexp_report_feed_values_total",
        "values that came into feeds or left, by change"
    );
}

/// Returns the judge of values beyond their events: no feed holds what an allow list holds, nor what its organisations
/// judged last to be benign or a false positive.
pub(crate) fn judge(known_good: Arc<KnownGood>, archive: GraphReader) -> FeedJudge {
    Arc::new(move |value: Attribute, feed: Feed| {
        let (known_good, archive) = (Arc::clone(&known_good), archive.clone());
        async move {
            if !known_good.find(&value).is_empty() {
                return Ok(false);
            }
            let orgs = feed.orgs.iter().filter_map(|org| OrgId::new(org).ok());
            let visible = Visible(orgs.collect());
            let verdicts = archive.verdicts(&[value.hash()], &visible).await?;
            let latest = verdicts.first().map(|given| given.verdict);
            Ok(!matches!(
                latest,
                Some(Verdict::Benign | Verdict::FalsePositive)
            ))
        }
        .boxed()
    })
}

/// The marks of a value: its place in a MISP folder, and its STIX observable.
pub(crate) const MARKS: FeedMarks = FeedMarks {
    place: misp::place,
    observable: |value| {
        let observable = Observable::standard(value.sub_type().as_str(), value.data());
        observable.map(|observable| observable.uuid().bytes())
    },
};

/// Keeps the feeds until the daemon is asked to stop.
pub(crate) async fn keep(ctx: DaemonContext, mut keeper: FeedKeeper, identity: Identity) {
    let mut rights = Rights {
        identity,
        checked: HashMap::new(),
    };
    let mut leased: Option<Instant> = None;
    loop {
        let round = round(&mut keeper, &mut rights, &mut leased).await;
        let pause = round.unwrap_or_else(|error| {
            tracing::warn!(%error, "feeds could not be kept up to date; trying again");
            PAUSE
        });
        tokio::select! {
            () = ctx.shutdown.begun() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Err(error) = keeper.release().await {
        tracing::debug!(%error, "the lease of the feeds ends by itself");
    }
}

/// Does one step, and returns the pause before the next.
async fn round(
    keeper: &mut FeedKeeper,
    rights: &mut Rights,
    leased: &mut Option<Instant>,
) -> Result<Duration, StoreError> {
    if leased.is_none_or(|at| at.elapsed() >= LEASE) {
        *leased = None;
        if !keeper.holds().await? {
            return Ok(LEASE);
        }
        *leased = Some(Instant::now());
    }
    let stored = keeper.feeds().clone();
    let feeds = stored.list().await?;
    if feeds.is_empty() {
        keeper.rest().await?;
        return Ok(Duration::from_secs(1));
    }
    rights.check(&stored, &feeds).await?;
    let kept = keeper.step(&feeds, clock::unix_now()).await?;
    counter!("cybexp_report_feed_events_total").increment(kept.events);
    for (change, n) in [("added", kept.added), ("removed", kept.removed)] {
        counter!("cybexp_report_feed_values_total", "change" => change).increment(n);
    }
    Ok(match kept.more {
        true => Duration::ZERO,
        // the step waits for changes itself
        false => Duration::from_millis(20),
    })
}

/// The rights of the makers of feeds.
struct Rights {
    identity: Identity,
    checked: HashMap<String, Instant>,
}

impl Rights {
    /// Suspends the feeds whose makers are no admins of all their organisations any more, and takes back those whose makers
    /// are admins again.
    async fn check(&mut self, stored: &Feeds, feeds: &[Feed]) -> Result<(), StoreError> {
        self.checked.retain(|_, at| at.elapsed() < RIGHTS);
        for feed in feeds {
            if self.checked.contains_key(&feed.name) {
                continue;
            }
            let reason = self.lacks(feed).await?;
            if reason.is_some() != feed.suspended.is_some() {
                if let Some(reason) = &reason {
                    tracing::warn!(feed = feed.name, reason, "a feed is suspended");
                }
                stored.suspend(feed, reason.as_deref()).await?;
            }
            self.checked.insert(feed.name.clone(), Instant::now());
        }
        Ok(())
    }

    /// Returns the right that the maker of a feed lacks.
    async fn lacks(&self, feed: &Feed) -> Result<Option<String>, StoreError> {
        let Ok(maker) = feed.maker.parse::<Hash>() else {
            return Ok(Some("its maker is unknown".to_owned()));
        };
        for org in &feed.orgs {
            let org = match org.parse::<Hash>() {
                Ok(org) => self.identity.org(org).await?,
                Err(_) => None,
            };
            if !org.is_some_and(|org| org.is_admin(maker)) {
                let reason = "its maker is no admin of all its organisations any more";
                return Ok(Some(reason.to_owned()));
            }
        }
        match self.identity.standing(maker).await?.locked {
            true => Ok(Some("its maker is locked".to_owned())),
            false => Ok(None),
        }
    }
}
