//! Documents of the archive as they are stored: the fields of an instance with its `_id`, and with what the indexes need.

use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use tahoe_core::{Event, Hash, Raw, Session, Tlp};

use crate::archive::ids::{self, OrgTag, RawId, SessionId, binary};
use crate::archive::keys::{self, Nature};
use crate::mongo::collection::{DOCUMENT_LIMIT_BYTES, to_document, too_large};

/// The most references of an event. More would make it dear to judge the event, which moves all its index keys.
const REFERENCES: usize = 10_000;

/// The fields that only the archive knows. They are no part of an instance.
pub(crate) const INTERNAL: [&str; 10] = [
    "_id", "_keys", "_tie", "_known", "_todo", "_due", "_marker", "_readers", "_judged", "_going",
];

/// Field of an event that is no observation, which is true.
pub(crate) const DERIVED: &str = "derived";

/// Field of a label of the Traffic Light Protocol, of raws and events.
pub(crate) const TLP: &str = "tlp";

/// Makes the projection of a whole instance.
pub(crate) fn instance_fields() -> Document {
    INTERNAL
        .iter()
        .map(|&name| (name.to_owned(), Bson::Int32(0)))
        .collect()
}

/// Makes the stored document of an instance, with these fields before and after its own.
pub(crate) fn document(
    id: Bson,
    instance: &impl serde::Serialize,
    more: Document,
) -> Result<RawDocumentBuf, String> {
    let instance = to_document(instance)?;
    let before = raw(&doc! {"_id": id})?;
    let after = raw(&more)?;
    let parts = [fields(&before), fields(&instance), fields(&after)];
    let length = 5 + parts.iter().map(|part| part.len()).sum::<usize>();
    if length > DOCUMENT_LIMIT_BYTES {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as i32).to_le_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes.push(0);
    RawDocumentBuf::from_bytes(bytes).map_err(|error| error.to_string())
}

/// Makes the stored document of an attribute or object.
pub(crate) fn plain(hash: Hash, node: &impl serde::Serialize) -> Result<RawDocumentBuf, String> {
    document(ids::of_hash(hash), node, Document::new())
}

/// Makes the stored document of an event. `keys` are the elements of its sessions, raws and sources. An event that is no
/// observation says so in a field.
pub(crate) fn event(
    event: &Event,
    org: &OrgTag,
    nature: Nature,
    keys: impl IntoIterator<Item = Bson>,
) -> Result<RawDocumentBuf, String> {
    let references = event.children().refs().len();
    if references > REFERENCES {
        return Err(format!(
            "{references} references are more than the {REFERENCES} that one event may have"
        ));
    }
    let found_by_org = (nature == Nature::Observed).then(|| binary(keys::of_org(org)));
    let limited = event
        .tlp()
        .filter(|_| nature == Nature::Observed)
        .and_then(|tlp| label(org, tlp));
    let keys: Vec<Bson> = keys::of_event(event, org, nature)
        .chain(keys)
        .chain(found_by_org)
        .chain(limited)
        .collect();
    let mut more = doc! {"_keys": keys, "_tie": keys::tie(event.hash())};
    if nature != Nature::Observed {
        more.insert(DERIVED, true);
    }
    document(ids::of_hash(event.hash()), event, more)
}

/// Returns the element of a label; `None` for data that is for everybody, of which there is most.
pub(crate) fn label(org: &OrgTag, tlp: Tlp) -> Option<Bson> {
    (tlp > Tlp::Clear).then(|| binary(keys::of_label(org, tlp)))
}

/// Makes the stored document of a raw that waits for these filters.
pub(crate) fn raw_waiting(raw: &Raw, id: &RawId, todo: &[&str]) -> Result<RawDocumentBuf, String> {
    let more = match todo {
        [] => Document::new(),
        _ => doc! {"_todo": todo},
    };
    document(id.bson(), raw, more)
}

/// Makes the stored document of a session, which does not list its events.
pub(crate) fn session(
    id: &SessionId,
    session: &Session,
    orgid: &str,
) -> Result<RawDocumentBuf, String> {
    let more = doc! {"orgid": orgid, "_known": known(session, &OrgTag::of(orgid))};
    let alone = session.clone().without_events();
    document(id.bson(), &alone, more)
}

/// Returns the elements by which a session is found: one for each instance that identifies it.
pub(crate) fn known(session: &Session, org: &OrgTag) -> Vec<Bson> {
    let known = session.children().cref().iter();
    known.map(|hash| known_by(org, *hash)).collect()
}

/// Returns the element of sessions that are identified by this instance.
pub(crate) fn known_by(org: &OrgTag, hash: Hash) -> Bson {
    binary(keys::digest(org, hash).to_vec())
}

fn raw(document: &Document) -> Result<RawDocumentBuf, String> {
    RawDocumentBuf::try_from(document).map_err(|error| error.to_string())
}

/// Returns the bytes of a document's elements.
fn fields(document: &RawDocument) -> &[u8] {
    let bytes = document.as_bytes();
    &bytes[4..bytes.len() - 1]
}
