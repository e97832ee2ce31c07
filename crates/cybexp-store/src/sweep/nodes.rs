//! Attributes, objects and sessions that nothing names any more.
//!
//! Such a node gets `_going`, a value that is never used twice. Ten minutes later the sweep looks again and deletes the
//! node where `_going` is unchanged. A writer trusts for five minutes at most that a node exists, so an event of a writer
//! that looked before is seen by then, and a writer that looks later finds the node's row and takes `_going` away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::OrgTag;
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::{self, Update};
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::sweep::named::{Nameable, Naming, named};
use crate::sweep::rows::{self, Candidates, GoingRow, RowKind};
use crate::sweep::{orgs, values};

const MARKING: &str = "marking what nothing names";
const REMOVING: &str = "removing what nothing names";
const KEEPING: &str = "keeping what is named again";

/// The most nodes of a step.
const STEP: i64 = 2000;

/// Numbers of nodes that a step dealt with.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct SweptNodes {
    /// Rows that were looked at.
    pub looked: u64,
    /// Attributes and objects that were deleted.
    pub nodes: u64,
    /// Sessions that were deleted.
    pub sessions: u64,
}

/// The identity of a session's organisation and identifying instances.
#[derive(Debug, Deserialize)]
struct Identified {
    orgid: String,
    #[serde(default, rename = "_ref")]
    refs: Vec<Hash>,
}

/// Looks at candidates of at least this age, and marks those that nothing names. What was derived from one that no observed
/// event of its organisation names any more goes before, and its row of values is hidden. Returns the number of candidates,
/// and of removed events.
pub(crate) async fn look(
    archive: &Archive,
    writer: &GraphWriter,
    age: Duration,
) -> Result<(u64, u64), StoreError> {
    let find = rows::due(RowKind::Candidate, age, STEP);
    let rows: Vec<GoingRow> = find.read(&archive.going).await?;
    if rows.is_empty() {
        return Ok((0, 0));
    }
    let read = rows
        .iter()
        .filter_map(|row| Some((row.orgid.as_str(), Nameable::read(&row.node())?)));
    let read: Vec<(&str, Nameable)> = read.collect();
    let own = read
        .iter()
        .map(|(orgid, node)| (*node, vec![OrgTag::of(orgid)]));
    let own: Vec<(Nameable, Vec<OrgTag>)> = own.collect();
    // by its own organisation first, which is where most nodes are still named
    let by_own = named(&archive.coll, Naming::Lasting, &own).await?;
    let mut left: Vec<Nameable> = Vec::new();
    let mut unobserved: BTreeMap<&str, Vec<Hash>> = BTreeMap::new();
    let mut values: Vec<(&str, Hash)> = Vec::new();
    for ((orgid, node), named) in read.into_iter().zip(by_own) {
        if !named {
            left.push(node);
            unobserved.entry(orgid).or_default().push(node.hash());
            if let Nameable::Node(hash) = node {
                values.push((orgid, hash));
            }
        }
    }
    values::hide(archive, &values).await?;
    let mut removed = 0;
    for (orgid, sources) in unobserved {
        removed += writer.drop_unobserved(orgid, &sources).await?;
    }
    let unnamed = unnamed(archive, &left).await?;
    mark(archive, &unnamed).await?;
    rows::done(&archive.going, &rows).await?;
    Ok((rows.len() as u64, removed))
}

/// Deletes nodes that have been marked for at least this long and that nothing names still.
pub(crate) async fn remove(archive: &Archive, age: Duration) -> Result<SweptNodes, StoreError> {
    let find = rows::due(RowKind::Going, age, STEP);
    let rows: Vec<GoingRow> = find.read(&archive.going).await?;
    let mut swept = SweptNodes {
        looked: rows.len() as u64,
        ..SweptNodes::default()
    };
    if rows.is_empty() {
        return Ok(swept);
    }
    let nodes: Vec<Nameable> = rows
        .iter()
        .filter_map(|row| Nameable::read(&row.own()))
        .collect();
    let gone: BTreeSet<Vec<u8>> = unnamed(archive, &nodes)
        .await?
        .iter()
        .filter_map(bytes)
        .collect();
    let (mut nodes, mut sessions, mut named_again) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let Some(token) = row.token else { continue };
        let marked = doc! {"_id": row.own(), "_going": token};
        match (gone.contains(&row.id.bytes), Nameable::read(&row.own())) {
            (false, _) => named_again.push(Update {
                filter: marked,
                update: doc! {"$unset": {"_going": ""}}.into(),
                upsert: false,
            }),
            (true, Some(Nameable::Session(_))) => sessions.push(marked),
            (true, _) => nodes.push(marked),
        }
    }
    bulk::update(&archive.coll, &named_again, KEEPING)
        .await?
        .whole(KEEPING)?;
    // what identifies a session is named by it, and no event need name it
    rows::note_candidates(&archive.going, &identifying(archive, &sessions).await?).await?;
    swept.sessions = bulk::delete(&archive.coll, &sessions, REMOVING).await?;
    swept.nodes = bulk::delete(&archive.coll, &nodes, REMOVING).await?;
    rows::done(&archive.going, &rows).await?;
    Ok(swept)
}

/// Returns the `_id`s of those that nothing of any organisation names.
async fn unnamed(archive: &Archive, nodes: &[Nameable]) -> Result<Vec<Bson>, StoreError> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    // read after the nodes were marked: a writer registers its organisation before it names anything
    let orgs = orgs::registered(archive).await?;
    let orgs: Vec<OrgTag> = orgs.iter().map(|org| OrgTag::of(org)).collect();
    let asked: Vec<(Nameable, Vec<OrgTag>)> =
        nodes.iter().map(|node| (*node, orgs.clone())).collect();
    let named = named(&archive.coll, Naming::Any, &asked).await?;
    let unnamed = nodes.iter().zip(named).filter(|(_, named)| !named);
    Ok(unnamed.map(|(node, _)| node.id()).collect())
}

/// Marks nodes as going: first their rows, by which writers meet them, then the nodes.
async fn mark(archive: &Archive, nodes: &[Bson]) -> Result<(), StoreError> {
    let token = ObjectId::new();
    rows::note_going(&archive.going, nodes, token).await?;
    for part in nodes.chunks(ASK) {
        let these = doc! {"_id": {"$in": part}};
        let update = doc! {"$set": {"_going": token}};
        bulk::update_all(&archive.coll, &[(these, update)], MARKING).await?;
    }
    Ok(())
}

/// Returns what identifies these sessions, as candidates.
async fn identifying(archive: &Archive, sessions: &[Document]) -> Result<Candidates, StoreError> {
    let mut candidates = Candidates::new();
    let ids: Vec<&Bson> = sessions.iter().filter_map(|one| one.get("_id")).collect();
    for part in ids.chunks(ASK) {
        let find = Find::new(REMOVING, ID, doc! {"_id": {"$in": part}});
        let find = find.project(doc! {"_id": 0, "orgid": 1, "_ref": 1});
        for session in find.read::<Identified>(&archive.coll).await? {
            let refs = session.refs.iter();
            candidates.extend(refs.map(|hash| (hash.as_bytes().to_vec(), session.orgid.clone())));
        }
    }
    Ok(candidates)
}

fn bytes(id: &Bson) -> Option<Vec<u8>> {
    match id {
        Bson::Binary(id) => Some(id.bytes.clone()),
        _ => None,
    }
}
