//! Notices for subscriptions, which are written to the outbox.
//!
//! Where nobody subscribes this costs a small read four times a second. The hashes that are watched are known here, so that
//! a batch asks for those of its values that somebody watches and for no others, however many are watched.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cybexp_service::NoticeMacs;
use cybexp_store::{
    Access, GraphBatch, GraphWriter, Identity, Notice, NoticeId, Outbox, Server, StoreError,
    SubscriptionStanding, Subscriptions, Wanted, Watched, Written,
};
use metrics::counter;
use serde_json::json;
use tahoe_core::{Event, Hash};

use super::brief::brief;
use super::matching::{Named, Sensors, values, wants};

/// Time between two looks whether subscriptions have changed.
const LOOK: Duration = Duration::from_millis(250);
/// Time for which it is known whose events a user may see. Delivery looks once more.
const RIGHTS: Duration = Duration::from_secs(5);
/// Notices that are written at once.
const WRITE: usize = 1000;

/// Writes notices; cheap to clone.
#[derive(Clone)]
pub(super) struct Notices(Arc<Inner>);

struct Inner {
    subscriptions: Subscriptions,
    outbox: Outbox,
    identity: Identity,
    macs: NoticeMacs,
    known: Mutex<Known>,
    /// Held by whoever looks whether subscriptions have changed. The first look reads all watched values.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    looked: Option<Instant>,
    standing: Arc<SubscriptionStanding>,
    /// Subscriptions to kinds of events.
    selecting: Arc<Vec<Named>>,
    /// Hashes that somebody watches.
    watched: Watched,
    /// Hashes of the organisations whose events users may see.
    rights: HashMap<String, (Instant, Arc<HashSet<String>>)>,
}

impl Notices {
    pub(super) async fn open(
        server: &Server,
        db: &str,
        identity: Identity,
        macs: NoticeMacs,
    ) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Inner {
            subscriptions: Subscriptions::open(server, db).await?,
            outbox: Outbox::open(server, db).await?,
            identity,
            macs,
            known: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        })))
    }

    /// Writes notices of these events, which are written, to the outbox, for those subscriptions that want them.
    pub(super) async fn tell(
        &self,
        writer: &GraphWriter,
        graph: &GraphBatch,
        events: &[&Event],
        written: &Written,
    ) -> Result<(), StoreError> {
        let (standing, selecting) = self.look().await?;
        let watched = self.watched(events, &standing).await?;
        let mut wanted: Vec<(&Named, &Event)> = Vec::new();
        for (named, places) in &watched {
            wanted.extend(places.iter().map(|place| (named, events[*place])));
        }
        if !selecting.is_empty() {
            let sensors = Sensors::of(graph.sessions());
            for named in selecting.iter() {
                let of = events
                    .iter()
                    .filter(|event| wants(&named.1, event, &sensors));
                wanted.extend(of.map(|event| (named, *event)));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let new: HashSet<Hash> = written.new_events.iter().copied().collect();
        let known: HashSet<Hash> = wanted.iter().map(|(_, event)| event.hash()).collect();
        let known: Vec<Hash> = known.difference(&new).copied().collect();
        let firsts = writer.firsts(graph, &known).await?;
        wanted.retain(|(_, event)| new.contains(&event.hash()) || firsts.contains(&event.hash()));
        let mut notices = Vec::new();
        let mut briefs: HashMap<Hash, String> = HashMap::new();
        for ((id, subscription), event) in wanted {
            let visible = self.visible(&subscription.user).await?;
            if !visible.contains(event.orgid().as_str()) {
                continue;
            }
            let brief = briefs
                .entry(event.hash())
                .or_insert_with(|| json!({"event": brief(event)}).to_string());
            let notice = NoticeId::of(*id, event.hash());
            notices.push((subscription, self.0.macs.notice(notice, brief.clone())));
        }
        self.write(&notices).await
    }

    async fn write(
        &self,
        notices: &[(&cybexp_store::Subscription, Notice)],
    ) -> Result<(), StoreError> {
        for part in notices.chunks(WRITE) {
            self.0.outbox.write(part).await?;
            counter!("cybexp_analytics_notices_total").increment(part.len() as u64);
        }
        Ok(())
    }

    /// Returns the state of subscriptions, a quarter of a second old at most.
    async fn look(&self) -> Result<(Arc<SubscriptionStanding>, Arc<Vec<Named>>), StoreError> {
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let _looking = self.0.looking.lock().await;
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let standing = self.0.subscriptions.standing().await?;
        let before = {
            let known = self.known();
            known.looked.map(|_| known.standing.version)
        };
        if before == Some(standing.version) {
            let mut known = self.known();
            known.looked = Some(Instant::now());
            return Ok((Arc::clone(&known.standing), Arc::clone(&known.selecting)));
        }
        // a version that went back is of a database that was restored
        let after = before.filter(|before| *before < standing.version);
        let (selecting, watched) = (
            self.selecting().await?,
            self.0.subscriptions.watched(after).await?,
        );
        let mut known = self.known();
        match after {
            Some(_) => known.watched.extend(watched),
            None => known.watched = watched,
        }
        known.standing = Arc::new(standing);
        known.selecting = Arc::new(selecting);
        known.looked = Some(Instant::now());
        Ok((Arc::clone(&known.standing), Arc::clone(&known.selecting)))
    }

    fn fresh(&self) -> Option<(Arc<SubscriptionStanding>, Arc<Vec<Named>>)> {
        let known = self.known();
        let is_fresh = known.looked.is_some_and(|at| at.elapsed() < LOOK);
        is_fresh.then(|| (Arc::clone(&known.standing), Arc::clone(&known.selecting)))
    }

    async fn selecting(&self) -> Result<Vec<Named>, StoreError> {
        let stored = self.0.subscriptions.selecting().await?;
        let opened = stored
            .iter()
            .filter_map(|one| Some((one.id, self.0.macs.open(one)?)));
        Ok(opened
            .filter(|(_, one)| matches!(one.wanted, Wanted::Events { .. }))
            .collect())
    }

    /// Returns the subscriptions that watch a value of these events, with the places of the events that hold it.
    async fn watched(
        &self,
        events: &[&Event],
        standing: &SubscriptionStanding,
    ) -> Result<Vec<(Named, Vec<usize>)>, StoreError> {
        if standing.sub_types.is_empty() {
            return Ok(Vec::new());
        }
        let held = values(events, &standing.sub_types);
        let asked: Vec<Hash> = {
            let known = self.known();
            let asked = held.keys().filter(|hash| known.watched.may_hold(**hash));
            asked.copied().collect()
        };
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for stored in self.0.subscriptions.watching(&asked).await? {
            let Some(subscription) = self.0.macs.open(&stored) else {
                continue;
            };
            let mut places: Vec<usize> = Vec::new();
            for (_, form) in subscription.forms() {
                places.extend(held.get(form).into_iter().flatten());
            }
            places.sort_unstable();
            places.dedup();
            found.push(((stored.id, subscription), places));
        }
        Ok(found)
    }

    /// Returns the organisations whose events a user may see.
    async fn visible(&self, user: &str) -> Result<Arc<HashSet<String>>, StoreError> {
        if let Some((at, visible)) = self.known().rights.get(user)
            && at.elapsed() < RIGHTS
        {
            return Ok(Arc::clone(visible));
        }
        let visible = match self.0.identity.access(user).await? {
            Access::UnknownUser => HashSet::new(),
            Access::Orgs(visible) => {
                let orgs = visible.0.iter().map(|org| org.as_str().to_owned());
                orgs.collect()
            }
        };
        let visible = Arc::new(visible);
        let mut known = self.known();
        known.rights.retain(|_, (at, _)| at.elapsed() < RIGHTS);
        let rights = (Instant::now(), Arc::clone(&visible));
        known.rights.insert(user.to_owned(), rights);
        Ok(visible)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
