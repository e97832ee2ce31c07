//! The writer of the graph.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bson::Bson;
use tahoe_core::{Hash, Node, Session};

use crate::archive::ids::{self, SessionId};
use crate::archive::missing::{self, New, Written};
use crate::archive::open::Archive;
use crate::archive::stored;
use crate::error::StoreError;
use crate::graph::write::batch::{GraphBatch, PartOfSession};
use crate::graph::write::events::EventWriter;
use crate::graph::write::known::Known;
use crate::graph::write::news::{News, Readers, SecondStage};
use crate::graph::write::sessions;
use crate::mongo::collection::Documents;
use crate::sweep::orgs::OrgRegister;
use crate::sweep::rows;
use crate::values::write::ValueWriter;

/// Writes attributes, objects, events and sessions into an archive; cheap to clone.
#[derive(Debug, Clone)]
pub struct GraphWriter {
    pub(crate) coll: Documents,
    /// Rows of what may have to go.
    pub(super) going: Documents,
    orgs: OrgRegister,
    pub(super) events: EventWriter,
    nodes: Known<Hash>,
    sessions: Known<SessionId>,
    pub(super) news: News,
    values: ValueWriter,
}

impl GraphWriter {
    /// Makes a writer with its own lanes in the journal.
    pub fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            going: archive.going.clone(),
            orgs: OrgRegister::new(archive),
            events: EventWriter::new(archive),
            nodes: Known::new(),
            sessions: Known::new(),
            news: News::new(SecondStage::default()),
            values: ValueWriter::new(&archive.values),
        }
    }

    /// Returns the same writer with these filters of the second stage: sessions that get news wait for those that read
    /// sessions.
    pub fn with_second_stage(mut self, stage: SecondStage) -> Self {
        self.news = News::new(stage);
        self
    }

    /// Writes a batch. Instances are written before the events that refer to them, so that a reader who finds an event
    /// finds its attributes. Stored instances are never overwritten, because an analyst may have set an event's
    /// category: an event only gets the sessions and raws that it lacks, and sessions are merged.
    ///
    /// # Errors
    /// If the database fails. An instance that it cannot store is no error, but is listed in [`Written::rejected`].
    pub async fn write(&self, batch: &GraphBatch) -> Result<Written, StoreError> {
        self.orgs.register(batch.orgs()).await?;
        let concerned = self.news.readers(batch);
        let (mut written, (sessions, merged), (), fresh) = futures::try_join!(
            self.write_nodes(batch),
            self.write_sessions(batch, &concerned),
            self.values.write(batch.seen_values()),
            self.events.prepare(batch)
        )?;
        written.add(sessions);
        let (mut events, mut vanished) = self.events.insert(fresh, batch).await?;
        while vanished {
            let fresh = self.events.prepare(batch).await?;
            let again;
            (again, vanished) = self.events.insert(fresh, batch).await?;
            events.inserted += again.inserted;
            events.new_events.extend(again.new_events);
            events.rejected = again.rejected;
            let new = events.inserted + events.rejected.len() as u64;
            events.existing = (batch.events.len() as u64).saturating_sub(new);
        }
        self.news
            .mark(&self.coll, batch, &concerned, &merged)
            .await?;
        written.add(events);
        Ok(written)
    }

    /// Makes the sessions due that this writer and its clones have written, if they end with their work.
    pub async fn sessions_are_due(&self) -> Result<(), StoreError> {
        self.news.due(&self.coll).await
    }

    async fn write_nodes(&self, batch: &GraphBatch) -> Result<Written, StoreError> {
        let begun = Instant::now();
        let all: Vec<&Node> = batch.nodes.values().collect();
        let known = all.len();
        let unknown = self.nodes.unknown(all, |node| node.hash());
        let known = known - unknown.len();
        // before the look whether they exist: the sweep may be about to delete some
        let ids: Vec<Bson> = unknown
            .iter()
            .map(|node| ids::of_hash(node.hash()))
            .collect();
        rows::rescue(&self.coll, &self.going, &ids).await?;
        let new = unknown.iter().map(|&node| New {
            id: ids::of_hash(node.hash()),
            hash: node.hash(),
            content: node,
        });
        let document = |new: New<&Node>| match new.content {
            Node::Attribute(attribute) => stored::plain(new.hash, attribute),
            Node::Object(object) => stored::plain(new.hash, object),
        };
        let doing = "writing attributes and objects";
        let mut written = missing::insert(&self.coll, new.collect(), document, doing).await?;
        written.existing += known as u64;
        let refused: Vec<Hash> = written
            .rejected
            .iter()
            .map(|rejected| rejected.hash)
            .collect();
        let stored = unknown.iter().map(|node| node.hash());
        self.nodes
            .learn(stored.filter(|hash| !refused.contains(hash)), begun);
        Ok(written)
    }

    /// Merges the sessions. Returns also those that were marked for the filters that they concern.
    async fn write_sessions(
        &self,
        batch: &GraphBatch,
        concerned: &HashMap<SessionId, Readers>,
    ) -> Result<(Written, HashSet<SessionId>), StoreError> {
        let begun = Instant::now();
        let (news, mut rest): (Vec<_>, Vec<_>) = batch
            .sessions
            .iter()
            .partition(|(_, part)| sessions::has_times(&part.session));
        let known = rest.len();
        rest = self.sessions.unknown(rest, |(id, _)| **id);
        let known = known - rest.len();
        let mut parts: Vec<(&SessionId, &PartOfSession)> = news.into_iter().chain(rest).collect();
        parts.sort_unstable_by_key(|(id, _)| **id);
        let marked = parts.iter().filter_map(|(id, part)| {
            let readers = concerned.get(*id)?;
            let marks = self.news.marks(id, &part.session, readers);
            marks.then_some((**id, readers))
        });
        let marked: HashMap<SessionId, &Readers> = marked.collect();
        let merge = |id: &SessionId, session: &Session, orgid: &str| match marked.get(id) {
            Some(readers) => self.news.merge(id, session, orgid, readers),
            None => sessions::merge(id, session, orgid),
        };
        let mut written = sessions::write(&self.coll, &parts, merge).await?;
        written.existing += known as u64;
        if written.rejected.is_empty() {
            self.sessions.learn(parts.iter().map(|(id, _)| **id), begun);
            let marked = marked.iter().map(|(id, readers)| (*id, (*readers).clone()));
            self.news.learn(marked, begun);
        }
        Ok((written, marked.into_keys().collect()))
    }
}
