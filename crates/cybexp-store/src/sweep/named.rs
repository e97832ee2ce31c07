//! Whether anything names an attribute, object or session.

use bson::Bson;
use tahoe_core::Hash;

use crate::archive::having::Having;
use crate::archive::ids::{self, OrgTag, SessionId};
use crate::archive::keys::{self, Kinds, Nature};
use crate::archive::stored;
use crate::error::StoreError;
use crate::mongo::collection::Documents;

const LOOKING: &str = "looking whether anything names a node";

/// The most nodes, and the most organisations of each, whose elements are in memory at once.
const NODES: usize = 100;
const ORGS: usize = 100;

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
    let mut named = Vec::with_capacity(nodes.len());
    for part in nodes.chunks(NODES) {
        let mut found = vec![false; part.len()];
        let orgs = part.iter().map(|(_, orgs)| orgs.len()).max().unwrap_or(0);
        for begin in (0..orgs.max(1)).step_by(ORGS) {
            let events = |node: &Nameable, orgs: &[OrgTag]| match node {
                // of one organisation, whatever others are asked about
                Nameable::Session(id) if begin == 0 => vec![id.bson()],
                Nameable::Session(_) => vec![],
                Nameable::Node(hash) => references(*hash, orgs, naming.kinds()),
            };
            look(coll, Having::Events, part, begin, events, &mut found).await?;
            let sessions = |node: &Nameable, orgs: &[OrgTag]| match node {
                Nameable::Session(_) => vec![],
                Nameable::Node(hash) => known(*hash, orgs),
            };
            look(coll, Having::Sessions, part, begin, sessions, &mut found).await?;
        }
        named.extend(found);
    }
    Ok(named)
}

/// Looks for the elements of those nodes that were not found yet, in some of their organisations.
async fn look(
    coll: &Documents,
    having: Having,
    nodes: &[(Nameable, Vec<OrgTag>)],
    begin: usize,
    elements: impl Fn(&Nameable, &[OrgTag]) -> Vec<Bson>,
    found: &mut [bool],
) -> Result<(), StoreError> {
    let (mut places, mut wanted) = (Vec::new(), Vec::new());
    for (place, (node, orgs)) in nodes.iter().enumerate() {
        if found[place] {
            continue;
        }
        let orgs = orgs.chunks(ORGS).nth(begin / ORGS).unwrap_or_default();
        let elements = elements(node, orgs);
        if !elements.is_empty() {
            places.push(place);
            wanted.push(elements);
        }
    }
    let any = having.any(coll, LOOKING, &wanted).await?;
    for (place, any) in places.into_iter().zip(any) {
        found[place] = any;
    }
    Ok(())
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
