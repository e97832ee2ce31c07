//! Running a migration: the rename, the passes, the indexes.

use bson::doc;

use crate::archive::open::{Archive, old_form};
use crate::error::StoreError;
use crate::migrate::lookup::Lookup;
use crate::migrate::pass::{PASSES, Pass, Readers, documents_of};
use crate::migrate::plan::Plan;
use crate::migrate::reader::{self, OldBatch};
use crate::migrate::report::MigrationReport;
use crate::migrate::state::State;
use crate::migrate::{events, nodes, parked, raws, sessions};
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, ID};
use crate::mongo::server::Server;

/// The takeover of an archive of the form before this release.
#[derive(Debug)]
pub struct Migration {
    server: Server,
    archive: Archive,
    old: Documents,
    beside: Documents,
    state: Option<State>,
}

/// The state of an archive, as seen by a migration.
#[derive(Debug, Clone, PartialEq)]
pub enum MigrationStanding {
    /// The archive has this release's form, or is empty.
    Nothing,
    /// The archive has the old form, with about this many documents.
    Old(u64),
    /// A migration was begun and has not ended.
    Begun(MigrationProgress),
    /// The archive was taken over. The flag tells whether the collection from before exists.
    Done(MigrationReport, bool),
}

/// The progress of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationProgress {
    /// The work in hand.
    pub doing: &'static str,
    /// The number of documents that were read.
    pub read: u64,
    /// The number of all documents.
    pub total: u64,
}

impl Migration {
    /// Looks at an archive and at how far its migration is.
    ///
    /// # Errors
    /// If the server does not answer, or the place of a migration cannot be read.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let beside = server.collection(db, &crate::archive::open::migration(coll));
        Ok(Self {
            server: server.clone(),
            archive: Archive::new(server, db, coll),
            old: server.collection(db, &format!("{coll}_before")),
            state: State::read(&beside).await?,
            beside,
        })
    }

    /// Returns the name of the collection that keeps the old form, as `database.collection`.
    pub fn before(&self) -> String {
        format!("{}.{}", self.archive.db, self.old.name())
    }

    /// Returns what there is to do.
    ///
    /// # Errors
    /// If the server does not answer, or if an archive of the old form appeared after the migration.
    pub async fn standing(&self) -> Result<MigrationStanding, StoreError> {
        let is_old = self.is_old().await?;
        Ok(match &self.state {
            Some(state) if !state.done => MigrationStanding::Begun(self.progress(state)),
            Some(_) if is_old && exists(&self.old).await? => {
                return Err(StoreError::Occupied(self.before()));
            }
            Some(state) if !is_old => {
                MigrationStanding::Done(state.report.clone(), exists(&self.old).await?)
            }
            None if !is_old => MigrationStanding::Nothing,
            _ => MigrationStanding::Old(self.archive.coll.estimated_count().await?),
        })
    }

    async fn is_old(&self) -> Result<bool, StoreError> {
        Ok(!old_form().all(&self.archive.coll).await?.is_empty())
    }

    fn progress(&self, state: &State) -> MigrationProgress {
        let doing = [
            "attributes",
            "objects",
            "events",
            "sessions",
            "raws",
            "making indexes",
        ];
        MigrationProgress {
            doing: doing[(state.pass as usize).min(doing.len() - 1)],
            read: state.report.read(),
            total: state.total,
        }
    }

    /// Takes the archive over, from where an earlier run ended. `readers` returns the names of the filters that read a
    /// typetag. `progress` is called after each batch.
    ///
    /// Nothing else may write to the archive meanwhile. The archive of the old form stays, under another name.
    ///
    /// # Errors
    /// If the database fails: the next run goes on. A document that is wrong is no error, but is reported.
    pub async fn run(
        &mut self,
        readers: Readers,
        mut progress: impl FnMut(&MigrationProgress),
    ) -> Result<MigrationReport, StoreError> {
        let mut state = self.begin().await?;
        let mut pass = Pass {
            new: self.archive.coll.clone(),
            beside: self.beside.clone(),
            lookup: Lookup::new(&self.archive.coll),
            readers,
        };
        progress(&self.progress(&state));
        while state.pass < PASSES {
            self.run_pass(&mut pass, &mut state, &mut progress).await?;
            (state.from, state.to) = (None, None);
            if state.pass + 1 == PASSES {
                self.count_parked(&mut state).await?;
            }
            state.pass += 1;
            state.store(&self.beside).await?;
            progress(&self.progress(&state));
        }
        // an index of all documents is made faster than one that grows with each of them
        indexes::ensure(&self.archive.coll, &indexes::archive()).await?;
        indexes::ensure(&self.archive.journal, &indexes::journal()).await?;
        parked::clear(&self.beside).await?;
        state.done = true;
        state.store(&self.beside).await?;
        let report = state.report.clone();
        self.state = Some(state);
        Ok(report)
    }

    /// Renames the old collection, unless an earlier run did.
    async fn begin(&mut self) -> Result<State, StoreError> {
        let coll = &self.archive.coll;
        let state = match self.state.take() {
            Some(state) if !state.done => State::resume(&self.beside).await?,
            _ => {
                if exists(&self.old).await? {
                    return Err(StoreError::Occupied(self.before()));
                }
                // no daemon opens the archive from here on
                let state = State::new(coll.estimated_count().await?);
                state.begin(&self.beside).await?;
                state
            }
        };
        if !exists(&self.old).await? && exists(coll).await? {
            let db = &self.archive.db;
            let rename = doc! {
                "renameCollection": format!("{db}.{}", coll.name()),
                "to": format!("{db}.{}", self.old.name()),
            };
            let renaming = "renaming the archive of the old form";
            self.server.command(renaming, rename).await?;
        }
        Ok(state)
    }

    async fn run_pass(
        &self,
        pass: &mut Pass,
        state: &mut State,
        progress: &mut impl FnMut(&MigrationProgress),
    ) -> Result<(), StoreError> {
        let (from, until) = (state.from.clone(), state.to.clone());
        let of = documents_of(state.pass);
        let mut counted = until.is_some();
        let mut batches = reader::batches(&self.old, of, from, until);
        while let Some(batch) = batches.recv().await {
            let OldBatch { to, documents } = batch?;
            let mut plan = Plan::new(&state.report);
            match state.pass {
                0 | 1 => nodes::plan(pass, &mut plan, &documents).await?,
                2 => events::plan(pass, &mut plan, &documents).await?,
                3 => sessions::plan(pass, &mut plan, &documents).await?,
                _ => raws::plan(pass, &mut plan, &documents).await?,
            }
            pass.lookup.learn_all(&documents);
            // the batch of a run that was killed is in the counts already
            if !counted {
                state.from = state.to.take();
                state.to = Some(to);
                state.report = std::mem::take(&mut plan.report);
                state.store(&self.beside).await?;
            }
            counted = false;
            plan.write(&self.archive.coll, &self.beside).await?;
            progress(&self.progress(state));
        }
        Ok(())
    }

    /// Counts the sessions without events: those whose organisation a raw told, and the others, which are left behind.
    async fn count_parked(&self, state: &mut State) -> Result<(), StoreError> {
        let (taken, _) = parked::count(&self.beside, true).await?;
        let (left, ids) = parked::count(&self.beside, false).await?;
        state.report.kind("session").taken += taken;
        let told = "none of its events exists and no raw names it, so its organisation is unknown";
        for id in ids {
            state.report.broken("session", id, told);
        }
        // only the first ones are listed
        let listed = left.min(parked::LISTED);
        let kind = state.report.kind("session");
        kind.broken += left - listed;
        // documents of a session that was set aside before
        kind.duplicates = kind.read.saturating_sub(kind.taken + kind.broken);
        Ok(())
    }

    /// Deletes the archive of the old form, once it was taken over.
    ///
    /// # Errors
    /// If the server does not answer. While a migration has not ended nothing is deleted.
    pub async fn drop_before(&self) -> Result<(), StoreError> {
        match &self.state {
            Some(state) if state.done => self.old.drop_all().await,
            _ => Ok(()),
        }
    }

    /// Returns the names of the daemons of this suite that are connected to the server, as far as it tells.
    pub async fn daemons(&self) -> Vec<String> {
        let asking = "looking for daemons at work";
        let of = doc! {"$in": ["cybexp-archive", "cybexp-analytics", "cybexp-report"]};
        let ask = doc! {"currentOp": 1, "$all": true, "appName": of};
        // whoever may not ask is told by the documentation to stop them
        let Ok(reply) = self.server.command(asking, ask).await else {
            return Vec::new();
        };
        let mut names: Vec<String> = reply
            .get_array("inprog")
            .into_iter()
            .flatten()
            .filter_map(|op| Some(op.as_document()?.get_str("appName").ok()?.to_owned()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

async fn exists(coll: &Documents) -> Result<bool, StoreError> {
    let any = Find::new("looking for an archive of the old form", ID, doc! {});
    let any = any.project(doc! {"_id": 1}).limit(1);
    Ok(!any.all(coll).await?.is_empty())
}
