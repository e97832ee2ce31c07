//! The archive of the benchmark: made-up attacks, read by the real filter.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use cybexp_filters::{FILTERS, Filter, RawInput};
use cybexp_report::Engine;
use cybexp_service::Config;
use cybexp_store::{
    Archive, GraphBatch, GraphReader, HourKeeper, Identity, Server, ValueWalk, Visible,
};
use mongo_local::{Mongod, Options};
use tahoe_core::{Hash, Org, OrgId, Timestamp, User};
use tokio::sync::mpsc;

use super::derived::Derivation;
use super::honeypots::{END_S, Honeypots, ORGS};
use super::questions;
use crate::commands::databases;

const DB: &str = "cybexp_bench";
const IDENTITY_DB: &str = "cybexp_bench_identity";
const COLL: &str = "instance";
/// The number of attacks whose instances are written together.
const ATTACKS: usize = 200;
/// The most attributes and objects that are remembered as written, at 32 bytes each.
const KNOWN: usize = 2_000_000;
/// The number of batches that are written at once.
const WRITERS: usize = 3;
/// The cache of the private MongoDB in GB: more than its default, as servers in the field have.
const CACHE_GB: f32 = 2.0;

/// The archive of the benchmark and the means to read it.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) archive: Archive,
    identity: Identity,
    user: User,
    /// The organisations; the user sees the data of all but one.
    orgs: Vec<OrgId>,
    /// The benchmark's own MongoDB; `None` on another server, whose databases are dropped at the end.
    mongod: Option<Mongod>,
}

impl Bench {
    pub(super) async fn open(
        config: Option<&Config>,
        folder: Option<&Path>,
        events: u64,
    ) -> anyhow::Result<Self> {
        let (mongod, server) = match config {
            Some(config) => {
                let db = config.tahoe_db()?;
                (None, databases::server(&db, "tahoe.mongo_url").await?)
            }
            None => {
                let folder = folder.map(Path::to_owned);
                let mongod = tokio::task::spawn_blocking(|| mongod(folder)).await??;
                let server = Server::connect(mongod.url(), "cybexp").await?;
                (Some(mongod), server)
            }
        };
        let user = User::new("bench@example.com", "-", "Bench")?;
        let identity = Identity::open(&server, IDENTITY_DB, COLL).await?;
        let stranger = User::new("stranger@example.com", "-", "Stranger")?;
        let orgs = (0..ORGS).map(|n| {
            let members = std::slice::from_ref(if n == 0 { &stranger } else { &user });
            Org::new(&format!("bench{n}"), "Bench", members, members)
        });
        let orgs: Vec<Org> = orgs.collect::<Result<_, _>>()?;
        let archive = Archive::open_to_load(&server, DB, COLL);
        let mark = folder.map(|folder| folder.join("events"));
        let kept = mark
            .as_ref()
            .and_then(|mark| std::fs::read_to_string(mark).ok());
        let empty = archive.is_empty().await?;
        ensure!(
            empty || kept == Some(mark_of(events)),
            "there is an archive of something else: {DB}.{COLL} is not empty"
        );
        let mut bench = Self {
            archive,
            identity,
            user: user.clone(),
            orgs: orgs
                .iter()
                .map(|org| OrgId::new(&org.hash().to_string()))
                .collect::<Result<_, _>>()?,
            mongod,
            server,
        };
        if empty {
            for org in &orgs {
                bench
                    .identity
                    .add(org, &[user.clone(), stranger.clone()])
                    .await?;
            }
            bench.load(events).await?;
        }
        anstream::eprintln!("making the indexes");
        bench.archive = Archive::open(&bench.server, DB, COLL).await?;
        bench.keep().await?;
        if let Some(mark) = mark {
            std::fs::write(&mark, mark_of(events)).with_context(|| mark.display().to_string())?;
        }
        Ok(bench)
    }

    pub(super) fn engine(&self) -> Engine {
        let budget =
            Duration::from_millis(cybexp_service::config::Report::default().threatrank_budget_ms);
        Engine::new(
            GraphReader::new(&self.archive),
            self.identity.clone(),
            budget,
        )
    }

    pub(super) fn userid(&self) -> String {
        self.user.hash().to_string()
    }

    pub(super) fn visible(&self) -> Visible {
        Visible(self.orgs[1..].to_vec())
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        if self.mongod.is_none() {
            self.server.drop_database(DB).await?;
            self.server.drop_database(IDENTITY_DB).await?;
        }
        Ok(())
    }

    /// Makes the rows of values and the tables of hours, as the daemons do that write an archive.
    async fn keep(&self) -> anyhow::Result<()> {
        anstream::eprintln!("making the rows of values");
        let walk = ValueWalk::new(&self.archive);
        while walk.step().await?.is_some() {}
        anstream::eprintln!("making the tables of hours");
        let keeper = HourKeeper::open(&self.archive).await?;
        let mut keeper = keeper.without_rest();
        while keeper.step(END_S + 86_400.0).await? {}
        Ok(())
    }

    async fn load(&self, events: u64) -> anyhow::Result<()> {
        let (send, mut receive) = mpsc::channel::<GraphBatch>(WRITERS);
        let orgs = self.orgs.clone();
        let maker = tokio::task::spawn_blocking(move || make(events, &orgs, &send));
        let mut writing = tokio::task::JoinSet::new();
        while let Some(batch) = receive.recv().await {
            if writing.len() == WRITERS
                && let Some(written) = writing.join_next().await
            {
                written??;
            }
            let archive = self.archive.clone();
            writing.spawn(async move { archive.load(&batch).await });
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
        maker.await?
    }
}

/// The mark of an archive in a folder: the number of its events, and the form of what is made.
fn mark_of(events: u64) -> String {
    format!("{events} with derived events")
}

fn mongod(folder: Option<std::path::PathBuf>) -> anyhow::Result<Mongod> {
    let (folder, remove_data) = match folder {
        Some(folder) => (folder, false),
        None => (
            tempfile::Builder::new()
                .prefix("cybexp-bench-")
                .tempdir()?
                .keep(),
            true,
        ),
    };
    let options = Options {
        remove_data,
        cache_gb: CACHE_GB,
        ..Options::new(folder)
    };
    Ok(mongo_local::start(&options)?)
}

/// Makes the instances of `events` events and sends them.
fn make(events: u64, orgs: &[OrgId], to: &mpsc::Sender<GraphBatch>) -> anyhow::Result<()> {
    let cowrie = FILTERS.iter().find(|filter| filter.name() == "cowrie");
    let cowrie = *cowrie.context("there is no filter for Cowrie")?;
    let mut honeypots = Honeypots::new(events);
    let mut known = HashSet::new();
    let mut derivation = Derivation::default();
    let (mut made, mut told) = (0, 0);
    let mut batch = GraphBatch::default();
    for event in questions::targets(&orgs[1]) {
        batch.add_event(event);
    }
    while made < events {
        for _ in 0..ATTACKS {
            made += attack(&mut honeypots, cowrie, orgs, &mut derivation, &mut batch)?;
        }
        batch.forget_nodes(|hash| remembered(&mut known, hash));
        if to.blocking_send(std::mem::take(&mut batch)).is_err() {
            bail!("an archive could not be written");
        }
        if made * 10 / events > told {
            told = made * 10 / events;
            anstream::eprintln!("loading: {made} of {events} events");
        }
    }
    Ok(())
}

fn attack(
    honeypots: &mut Honeypots,
    cowrie: &dyn Filter,
    orgs: &[OrgId],
    derivation: &mut Derivation,
    batch: &mut GraphBatch,
) -> anyhow::Result<u64> {
    let attack = honeypots.attack(orgs);
    let orgid = &orgs[attack.org];
    let mut made = attack.sightings.len() as u64;
    let mut session = None;
    derivation.add_place(batch, orgid, &attack.ip)?;
    for record in &attack.records {
        let yielded = cowrie.run(&RawInput {
            data: record,
            orgid,
            timezone: "UTC",
            timestamp: Timestamp::new(END_S)?,
        })?;
        made += yielded.events.len() as u64;
        yielded
            .events
            .into_iter()
            .for_each(|event| drop(batch.add_event(event)));
        for part in yielded.sessions {
            session = Some(part.hash());
            batch.add_session(part, orgid);
        }
    }
    if let Some(session) = session {
        derivation.add_behaviour(batch, orgid, session, attack.end_s)?;
    }
    attack
        .sightings
        .into_iter()
        .for_each(|event| drop(batch.add_event(event)));
    Ok(made)
}

/// Returns true if this instance was written before. One that is not remembered is written again, which does no harm.
fn remembered(known: &mut HashSet<Hash>, hash: Hash) -> bool {
    if known.len() < KNOWN {
        return !known.insert(hash);
    }
    known.contains(&hash)
}
