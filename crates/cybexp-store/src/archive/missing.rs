//! Raws and the TAHOE graph: writing.

use std::collections::{BTreeSet, HashMap, HashSet};

use bson::{RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::{Children, Event, Hash, Instance, Node, Raw, Session};

use crate::error::StoreError;
use crate::graph::read::timelines::Timelines;
use crate::graph::write::events::Lanes;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::{Raws, to_document};
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, IDENTITY};
use crate::mongo::server::Server;

/// Hashes asked for at once.
pub(crate) const ASK: usize = 1000;
/// Instances that are asked for and written together: enough commands to keep the server busy.
const PART: usize = 32 * ASK;
/// Where writing begins before that: what a part holds in memory.
const PART_BYTES: usize = 32 << 20;

/// The archive: `tahoe_db.instance`.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) server: Server,
    pub(crate) db: String,
    pub(crate) coll: Raws,
    /// Which hours got new events.
    pub(crate) journal: Raws,
    pub(crate) lanes: Lanes,
    pub(crate) timelines: Timelines,
}

/// All that a batch of raws yielded, each instance once.
#[derive(Debug, Default)]
pub struct GraphBatch {
    nodes: HashMap<Hash, Node>,
    events: HashMap<Hash, Event>,
    sessions: HashMap<Hash, Session>,
    bytes: usize,
}

/// A hash in an array of a document, with its place there.
const HASH_BYTES: usize = 76;
/// Of a document with its hash and its names, and of the instance it is made of.
const INSTANCE_BYTES: usize = 1000;

/// An instance that the archive cannot hold.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The instance.
    pub hash: Hash,
    /// Why.
    pub reason: String,
}

/// What a batch came to.
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// Instances that were not there before.
    pub inserted: u64,
    /// Instances that were.
    pub existing: u64,
    /// Instances that the archive cannot hold, whoever asks.
    pub rejected: Vec<Rejected>,
}

impl GraphBatch {
    /// About how much memory it takes, and as much again when it is written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an event and all that it refers to; gives their hashes.
    pub fn add_event(&mut self, event: Event) -> BTreeSet<Hash> {
        let mut hashes: BTreeSet<Hash> = event.children().refs().iter().copied().collect();
        self.add_nodes(event.children().iter());
        hashes.insert(event.hash());
        self.bytes += size(event.children());
        self.events.entry(event.hash()).or_insert(event);
        hashes
    }

    /// Adds what is told of a session, and what it is known by; gives their hashes.
    pub fn add_session(&mut self, session: Session) -> BTreeSet<Hash> {
        let mut hashes = session.refs();
        self.add_nodes(session.children().iter());
        hashes.insert(session.hash());
        self.bytes += HASH_BYTES * hashes.len() + INSTANCE_BYTES;
        self.sessions
            .entry(session.hash())
            .and_modify(|known| known.merge(&session))
            .or_insert(session);
        hashes
    }

    fn add_nodes<'a>(&mut self, nodes: impl Iterator<Item = &'a Node>) {
        for node in nodes {
            if self.nodes.contains_key(&node.hash()) {
                continue;
            }
            self.bytes += match node {
                Node::Object(object) => size(object.children()),
                Node::Attribute(attribute) => {
                    INSTANCE_BYTES + attribute.data().as_str().map_or(0, str::len)
                }
            };
            if let Node::Object(object) = node {
                self.add_nodes(object.children().iter());
            }
            self.nodes.insert(node.hash(), node.clone());
        }
    }

    /// All instances as they would be stored if none existed: what a bare insert of the same data writes.
    pub fn instances(self) -> impl Iterator<Item = Instance> {
        let nodes = self.nodes.into_values().map(Instance::from);
        let events = self.events.into_values().map(Instance::Event);
        nodes
            .chain(events)
            .chain(self.sessions.into_values().map(Instance::Session))
    }
}

/// Of the canonical form, and of the references.
fn size(children: &Children) -> usize {
    INSTANCE_BYTES + children.canonical().len() + HASH_BYTES * children.refs().len()
}

/// What identifies an instance in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Identity {
    _hash: String,
    #[serde(default)]
    orgid: Option<String>,
}

/// Which of some instances are there.
pub(crate) struct Existing(HashSet<Identity>);

impl Existing {
    /// Whether this event is.
    pub(crate) fn holds(&self, hash: Hash, orgid: &str) -> bool {
        self.contains(hash, Some(orgid))
    }

    fn contains(&self, hash: Hash, orgid: Option<&str>) -> bool {
        self.0.contains(&Identity {
            _hash: hash.to_string(),
            orgid: orgid.map(str::to_owned),
        })
    }
}

impl Archive {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let archive = Self::new(server, db, coll);
        indexes::ensure(&archive.coll, &indexes::archive()).await?;
        indexes::ensure(&archive.journal, &indexes::journal()).await?;
        Ok(archive)
    }

    pub(crate) fn new(server: &Server, db: &str, coll: &str) -> Self {
        Self {
            server: server.clone(),
            db: db.to_owned(),
            coll: server.collection(db, coll),
            journal: server.collection(db, &journal(coll)),
            lanes: Lanes::new(),
            timelines: Timelines::default(),
        }
    }

    /// Inserts the raws that are not there yet.
    pub async fn write_raws(&self, raws: &[Raw]) -> Result<Written, StoreError> {
        let raws = raws
            .iter()
            .map(|raw| (raw.hash(), Some(raw.orgid().as_str()), raw));
        self.insert_missing(raws, "writing raws").await
    }

    /// Writes a batch: what is referred to before what refers to it, so that whoever finds an event finds
    /// its attributes. What exists is never overwritten, for an analyst may have set its category; sessions
    /// are merged.
    pub async fn write_graph(&self, batch: &GraphBatch) -> Result<Written, StoreError> {
        let nodes = batch
            .nodes
            .values()
            .map(|node| (node.hash(), None, StoredNode(node)));
        let mut written = self
            .insert_missing(nodes, "writing attributes and objects")
            .await?;
        written.add(self.insert_events(batch.events.values()).await?);
        written.add(self.merge_sessions(batch.sessions.values()).await?);
        Ok(written)
    }

    async fn insert_missing<'a, T: serde::Serialize>(
        &self,
        instances: impl Iterator<Item = (Hash, Option<&'a str>, T)>,
        doing: &'static str,
    ) -> Result<Written, StoreError> {
        let mut instances: Vec<_> = instances.collect();
        // neighbours in the index are written together, and every worker writes in the same order
        instances.sort_unstable_by_key(|(hash, orgid, _)| (*hash, *orgid));
        instances.dedup_by_key(|(hash, orgid, _)| (*hash, *orgid));
        let mut written = Written::default();
        for part in instances.chunks(PART) {
            written.add(self.insert_part(part, doing).await?);
        }
        Ok(written)
    }

    /// Inserts those that are not there yet, holding no more documents at once than fit in a few commands.
    async fn insert_part<T: serde::Serialize>(
        &self,
        instances: &[(Hash, Option<&str>, T)],
        doing: &'static str,
    ) -> Result<Written, StoreError> {
        let existing = self
            .existing(instances.iter().map(|(hash, ..)| *hash))
            .await?;
        let mut written = Written::default();
        let mut hashes = Vec::new();
        let mut documents: Vec<RawDocumentBuf> = Vec::new();
        let mut bytes = 0;
        for (hash, orgid, instance) in instances {
            if existing.contains(*hash, *orgid) {
                written.existing += 1;
                continue;
            }
            match to_document(instance) {
                Ok(document) => {
                    bytes += document.as_bytes().len();
                    hashes.push(*hash);
                    documents.push(document);
                }
                Err(reason) => written.rejected.push(Rejected {
                    hash: *hash,
                    reason,
                }),
            }
            if bytes >= PART_BYTES {
                self.insert(&mut hashes, &mut documents, doing, &mut written)
                    .await?;
                bytes = 0;
            }
        }
        self.insert(&mut hashes, &mut documents, doing, &mut written)
            .await?;
        Ok(written)
    }

    /// Inserts the documents, which are of these hashes, and empties both lists.
    async fn insert(
        &self,
        hashes: &mut Vec<Hash>,
        documents: &mut Vec<RawDocumentBuf>,
        doing: &'static str,
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let (inserted, failures) = bulk::insert(&self.coll, documents, doing).await?;
        written.inserted += inserted;
        // another process may have been faster with the rest
        written.existing += (documents.len() - failures.len()) as u64 - inserted;
        let failures = failures.into_iter();
        written.rejected.extend(failures.map(|failure| Rejected {
            hash: hashes[failure.index],
            reason: failure.message,
        }));
        hashes.clear();
        documents.clear();
        Ok(())
    }

    /// Which of these are there. Asking first is four times as fast as letting the unique index refuse, at
    /// the share of known instances that real logs have.
    pub(crate) async fn existing(
        &self,
        hashes: impl Iterator<Item = Hash>,
    ) -> Result<Existing, StoreError> {
        let hashes: Vec<String> = hashes.map(|hash| hash.to_string()).collect();
        let parts = hashes
            .chunks(ASK)
            .map(|part| existing(part).read(&self.coll));
        let found: Vec<Vec<Identity>> = futures::future::try_join_all(parts).await?;
        Ok(Existing(found.into_iter().flatten().collect()))
    }

    async fn merge_sessions(
        &self,
        sessions: impl Iterator<Item = &Session>,
    ) -> Result<Written, StoreError> {
        let mut sessions: Vec<&Session> = sessions.collect();
        sessions.sort_unstable_by_key(|session| session.hash());
        let updates: Vec<Update> = sessions
            .iter()
            .map(|session| merge(session))
            .collect::<Result<_, StoreError>>()?;
        let updated = bulk::update(&self.coll, &updates, "merging sessions").await?;
        let rejected = updated.failures.into_iter().map(|failure| Rejected {
            hash: sessions[failure.index].hash(),
            reason: failure.message,
        });
        Ok(Written {
            inserted: updated.upserted,
            existing: updated.matched,
            rejected: rejected.collect(),
        })
    }
}

impl Written {
    fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.existing += other.existing;
        self.rejected.extend(other.rejected);
    }
}

/// The name of the journal of a collection.
pub(crate) fn journal(coll: &str) -> String {
    format!("{coll}_journal")
}

/// A node as a document of its own.
struct StoredNode<'a>(&'a Node);

impl serde::Serialize for StoredNode<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Attribute(attribute) => attribute.serialize(serializer),
            Node::Object(object) => object.serialize(serializer),
        }
    }
}

pub(crate) fn existing(hashes: &[String]) -> Find {
    let filter = doc! {"_hash": {"$in": hashes}};
    Find::new("asking which instances exist", IDENTITY, filter)
        .project(doc! {"_id": 0, "_hash": 1, "orgid": 1})
}

/// The update that gives the same session in whatever order its parts arrive.
pub(crate) fn merge(session: &Session) -> Result<Update, StoreError> {
    use crate::error::Doing;
    let doing = "merging sessions";
    let data = bson::serialize_to_bson(session.children()).doing(doing)?;
    let refs = bson::serialize_to_bson(&session.refs()).doing(doing)?;
    let cref = bson::serialize_to_bson(session.children().cref()).doing(doing)?;
    let mut update = doc! {
        "$setOnInsert": {
            "itype": "session", "sub_type": session.sub_type().as_str(), "data": data, "_cref": cref,
        },
        "$addToSet": {"_ref": {"$each": refs}},
    };
    if let Some(start) = session.start_time() {
        update.insert("$min", doc! {"start_time": start.get()});
    }
    let mut latest = bson::Document::new();
    if let Some(end) = session.end_time() {
        latest.insert("end_time", end.get());
    }
    if let Some(duration) = session.duration() {
        latest.insert("duration", duration.get());
    }
    if !latest.is_empty() {
        update.insert("$max", latest);
    }
    Ok(Update {
        filter: doc! {"_hash": session.hash().to_string()},
        update: update.into(),
        upsert: true,
    })
}
