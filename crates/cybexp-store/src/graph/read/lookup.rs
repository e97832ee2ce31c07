//! Reading instances of the graph by hash, for reports. The number of results is bounded by the request.

use bson::{Bson, doc};
use tahoe_core::question::ReturnType;
use tahoe_core::{Hash, Value};

use crate::archive::ids::{self, SessionId};
use crate::archive::keys::{self, LEAST_TIE};
use crate::archive::stored;
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::rows::{self, CompositeRow, InstanceRow, InstanceSize, SessionRow};
use crate::mongo::collection::from_document;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{EVENT_KEYS, ID};
use crate::mongo::row::LeftOut;
use crate::visible::Visible;

const OF_SESSIONS: &str = "reading the events of sessions";

/// Sessions whose events are read by one query.
const SESSIONS: usize = 200;

impl GraphReader {
    /// Returns these sessions, which were named by events that the reader may see.
    pub async fn sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionRow>, StoreError> {
        let mut all = Vec::new();
        for part in ids.chunks(ASK) {
            all.extend(sessions(part).read::<SessionRow>(&self.coll).await?);
        }
        Ok(all)
    }

    /// Returns the events of these sessions, up to a number of them, and whether there are more.
    pub async fn events_of_sessions(
        &self,
        sessions: &[SessionId],
        most: usize,
    ) -> Result<(Vec<CompositeRow>, bool), StoreError> {
        let mut all: Vec<CompositeRow> = Vec::new();
        for part in sessions.chunks(SESSIONS) {
            let room = most + 1 - all.len();
            let find = events_of_sessions(part).project(rows::composite());
            all.extend(
                find.limit(room as i64)
                    .read::<CompositeRow>(&self.coll)
                    .await?,
            );
            if all.len() > most {
                all.truncate(most);
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }

    /// Returns the events that filters derived from these sessions, up to a number of them, and whether there are more.
    pub async fn derived_from_sessions(
        &self,
        sessions: &[SessionId],
        most: usize,
    ) -> Result<(Vec<CompositeRow>, bool), StoreError> {
        let mut all: Vec<CompositeRow> = Vec::new();
        for part in sessions.chunks(ASK) {
            let room = most + 1 - all.len();
            let find = derived_from_sessions(part).project(rows::composite());
            let found = find.limit(room as i64).read::<CompositeRow>(&self.coll);
            all.extend(found.await?);
            if all.len() > most {
                all.truncate(most);
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }

    /// Returns attributes and objects by hash.
    pub async fn nodes(&self, hashes: &[Hash]) -> Result<Vec<InstanceRow>, StoreError> {
        self.in_parts(hashes, nodes).await
    }

    /// Returns attributes and objects by hash, unless they have more than `most` bytes together: then as many as were read
    /// until that was seen.
    pub async fn nodes_up_to(
        &self,
        hashes: &[Hash],
        most: usize,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        let (mut all, mut bytes) = (Vec::new(), 0_usize);
        for part in hashes.chunks(ASK) {
            let find = nodes(part);
            let mut left_out = LeftOut::new(find.doing);
            let mut rows = find.rows(&self.coll).await?;
            while bytes <= most
                && let Some(document) = rows.next().await?
            {
                match from_document::<InstanceRow>(&document) {
                    Ok(row) => {
                        bytes = bytes.saturating_add(row.bytes());
                        all.push(row);
                    }
                    Err(reason) => left_out.add(&document, &reason),
                }
            }
        }
        Ok(all)
    }

    /// Returns the sizes of documents by hash. Events only if `visible` shows them.
    pub async fn sizes(
        &self,
        hashes: &[Hash],
        itype: Option<ReturnType>,
        visible: &Visible,
    ) -> Result<Vec<InstanceSize>, StoreError> {
        self.in_parts(hashes, |part| {
            let size = doc! {"_id": 0, "_hash": 1, "bytes": {"$bsonSize": "$$ROOT"}};
            documents(part, itype, visible).project(size)
        })
        .await
    }

    /// Returns whole attributes, objects and events by hash, without the archive's own fields. Events are only returned
    /// if `visible` shows them.
    pub async fn documents(
        &self,
        hashes: &[Hash],
        itype: Option<ReturnType>,
        visible: &Visible,
    ) -> Result<Vec<Value>, StoreError> {
        self.in_parts(hashes, |part| documents(part, itype, visible))
            .await
    }

    /// Returns whole sessions with their ids, in the order of the ids. `_ref` is without the hashes of the events.
    pub async fn session_documents(
        &self,
        ids: &[SessionId],
    ) -> Result<Vec<(SessionId, Value)>, StoreError> {
        let mut all = Vec::new();
        for part in ids.chunks(ASK) {
            for document in session_documents(part).all(&self.coll).await? {
                all.extend(session_document(document));
            }
        }
        Ok(all)
    }

    pub(crate) async fn in_parts<T: serde::de::DeserializeOwned>(
        &self,
        hashes: &[Hash],
        find: impl Fn(&[Hash]) -> Find,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        for part in hashes.chunks(ASK) {
            all.extend(find(part).read(&self.coll).await?);
        }
        Ok(all)
    }
}

fn session_document(mut document: bson::RawDocumentBuf) -> Option<(SessionId, Value)> {
    let id = SessionId::read(document.get_binary("_id").ok()?.bytes)?;
    document = {
        let mut fields = bson::Document::try_from(&document).ok()?;
        fields.remove("_id");
        bson::RawDocumentBuf::try_from(&fields).ok()?
    };
    let value = bson::deserialize_from_slice(document.as_bytes()).ok()?;
    Some((id, value))
}

pub(crate) fn sessions(ids: &[SessionId]) -> Find {
    let ids: Vec<Bson> = ids.iter().map(SessionId::bson).collect();
    let filter = doc! {"_id": {"$in": ids}};
    Find::new("reading the sessions of events", ID, filter).project(rows::session())
}

fn session_documents(ids: &[SessionId]) -> Find {
    let mut fields = stored::instance_fields();
    fields.remove("_id");
    sessions(ids).project(fields)
}

/// Finds the events of these sessions, those of a session newest first.
pub(crate) fn events_of_sessions(sessions: &[SessionId]) -> Find {
    let sessions: Vec<Bson> = sessions.iter().map(SessionId::bson).collect();
    let filter = doc! {"_keys": {"$in": sessions}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(OF_SESSIONS, EVENT_KEYS, filter)
}

/// Finds the events that were derived from these sessions.
pub(crate) fn derived_from_sessions(sessions: &[SessionId]) -> Find {
    let links = sessions.iter().map(|id| ids::binary(keys::link(id)));
    let links: Vec<Bson> = links.collect();
    let filter = doc! {"_keys": {"$in": links}, "_tie": {"$gte": LEAST_TIE}};
    Find::new("reading what was derived from sessions", EVENT_KEYS, filter)
}

pub(crate) fn events_by_hash(doing: &'static str, events: &[Hash], visible: &Visible) -> Find {
    let filter = doc! {
        "_id": {"$in": ids::of_hashes(events)}, "orgid": {"$in": visible.orgs()}, "itype": "event",
    };
    Find::new(doing, ID, filter)
}

pub(crate) fn nodes(hashes: &[Hash]) -> Find {
    // an object's data is in its children
    let data = doc! {"$cond": [{"$eq": ["$itype", "attribute"]}, "$data", "$$REMOVE"]};
    nodes_by_hash("reading attributes and objects", hashes)
        .project(doc! {"_id": 0, "_hash": 1, "itype": 1, "sub_type": 1, "data": data, "_cref": 1})
}

pub(crate) fn nodes_by_hash(doing: &'static str, hashes: &[Hash]) -> Find {
    let filter = doc! {
        "_id": {"$in": ids::of_hashes(hashes)}, "itype": {"$in": ["attribute", "object"]},
    };
    Find::new(doing, ID, filter)
}

pub(crate) fn documents(hashes: &[Hash], itype: Option<ReturnType>, visible: &Visible) -> Find {
    let orgs = visible.0.iter().map(|org| Bson::from(org.as_str()));
    let orgs: Vec<Bson> = orgs.chain([Bson::Null]).collect();
    let mut filter = doc! {"_id": {"$in": ids::of_hashes(hashes)}, "orgid": {"$in": orgs}};
    if let Some(itype) = itype {
        filter.insert("itype", itype.as_str());
    }
    Find::new("reading documents", ID, filter)
        .project(stored::instance_fields())
        .sort(doc! {"_id": 1})
}
