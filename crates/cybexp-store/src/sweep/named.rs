//! Whether anything names an attribute, object or session.

use bson::{Bson, doc};
use futures::{StreamExt, TryStreamExt, stream};
use tahoe_core::Hash;

use crate::archive::ids::{self, OrgTag, SessionId};
use crate::archive::keys::{self, Kinds, LEAST_TIE, Nature};
use crate::archive::stored;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{EVENT_KEYS, SESSION_KNOWN};

const LOOKING: &str = "looking whether anything names a node";

/// Organisations of which one query asks.
const ORGS: usize = 100;
/// The most queries at once: the sweep leaves the server to others.
const AT_ONCE: usize = 4;

/// A node that something may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nameable {
    /// An attribute or object.
    Node(Hash),
    Session(SessionId),
}

impl Nameable {
    /// Reads an `_id`; `None` if it is that of something else.
    pub(crate) fn read(id: &Bson) -> Option<Self> {
        let Bson::Binary(id) = id else { return None };
        let hash = || {
            Some(Self::Node(Hash::from_bytes(
                id.bytes.as_slice().try_into().ok()?,
            )))
        };
        SessionId::read(&id.bytes).map(Self::Session).or_else(hash)
    }

    /// Returns the hash of the node.
    pub(crate) fn hash(&self) -> Hash {
        match self {
            Self::Node(hash) => *hash,
            Self::Session(id) => id.hash(),
        }
    }

    /// Returns the node's `_id`.
    pub(crate) fn id(&self) -> Bson {
        match self {
            Self::Node(hash) => ids::of_hash(*hash),
            Self::Session(id) => id.bson(),
        }
    }
}

/// The events that may name a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Those that keep alive what was derived from the node: observed ones, and verdicts.
    Lasting,
    /// All, also derived ones.
    Any,
}

impl Naming {
    pub(crate) fn kinds(self) -> Kinds {
        let verdicts = Kinds::OBSERVED.of_nature(Nature::Verdict);
        let lasting = Kinds::OBSERVED.and(verdicts);
        match self {
            Self::Lasting => lasting,
            Self::Any => lasting.and(Kinds::OBSERVED.of_nature(Nature::Derived)),
        }
    }
}

/// Returns for each node whether a session, or an event of these, names it in these organisations.
pub(crate) async fn named(
    coll: &Documents,
    naming: Naming,
    nodes: &[(Nameable, Vec<OrgTag>)],
) -> Result<Vec<bool>, StoreError> {
    let looks = nodes
        .iter()
        .map(|(node, orgs)| is_named(coll, naming, *node, orgs));
    // a list first: the compiler does not recognise a lazily mapped stream as `Send`
    let looks: Vec<_> = looks.collect();
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

async fn is_named(
    coll: &Documents,
    naming: Naming,
    node: Nameable,
    orgs: &[OrgTag],
) -> Result<bool, StoreError> {
    match node {
        Nameable::Session(id) => any(coll, events_with(vec![id.bson()])).await,
        Nameable::Node(hash) => {
            for part in orgs.chunks(ORGS) {
                if any(coll, events_with(references(hash, part, naming.kinds()))).await?
                    || any(coll, sessions_with(known(hash, part))).await?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

async fn any(coll: &Documents, find: Find) -> Result<bool, StoreError> {
    Ok(!find.all(coll).await?.is_empty())
}

/// Returns the elements of events that name an attribute or object.
pub(crate) fn references(hash: Hash, orgs: &[OrgTag], kinds: Kinds) -> Vec<Bson> {
    let of_org = |org| keys::references(org, hash, kinds);
    orgs.iter().flat_map(of_org).collect()
}

/// Returns the elements of sessions that an attribute or object identifies.
pub(crate) fn known(hash: Hash, orgs: &[OrgTag]) -> Vec<Bson> {
    orgs.iter().map(|org| stored::known_by(org, hash)).collect()
}

/// Finds one event that has one of these elements, from the index alone.
pub(crate) fn events_with(elements: Vec<Bson>) -> Find {
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(LOOKING, EVENT_KEYS, filter)
        .project(doc! {"_id": 0, "_tie": 1})
        .limit(1)
}

/// Finds one session that has one of these elements.
pub(crate) fn sessions_with(elements: Vec<Bson>) -> Find {
    Find::new(LOOKING, SESSION_KNOWN, doc! {"_known": {"$in": elements}})
        .project(doc! {"_id": 1})
        .limit(1)
}
