//! Reading instances from documents. An instance is built anew from its `data`, and must then have the hashes that the
//! document claims. So an instance that was read is as reliable as one that was made here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::canonical;
use crate::canonical::TooLarge;
use crate::event::InvalidCategory;
use crate::event::{Event, NotReferenced};
use crate::hash::{Hash, InvalidHash};
use crate::instance::Instance;
use crate::node::{Attribute, InvalidObject, Node, Object};
use crate::org_id::OrgId;
use crate::raw::Raw;
use crate::scalar::Timestamp;
use crate::scalar::{Finite, InvalidScalar, Scalar};
use crate::session::Session;
use crate::sub_type::{InvalidSubType, SubType};
use crate::tlp::Tlp;

/// The reason why a document is no instance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field holds a value of the wrong kind.
    #[error("field {field} is not {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// The kind of value that the field should hold.
        expected: &'static str,
    },
    /// The itype is not known.
    #[error("itype `{}` is not known", crate::excerpt::excerpt(.0))]
    Itype(String),
    /// The hash does not belong to the content.
    #[error("_hash is {claimed}, but the content has {actual}")]
    HashMismatch {
        /// The hash in the document.
        claimed: Hash,
        /// The hash computed from the content.
        actual: Hash,
    },
    /// `_cref` or `_ref` do not hold the hashes of the content.
    #[error("{0} does not hold the hashes of the data")]
    References(&'static str),
    /// A value that no attribute can hold.
    #[error(transparent)]
    Scalar(#[from] InvalidScalar),
    /// Not a category.
    #[error(transparent)]
    SubType(#[from] InvalidSubType),
    /// Not a hash.
    #[error(transparent)]
    Hash(#[from] InvalidHash),
    /// No category.
    #[error(transparent)]
    Category(#[from] InvalidCategory),
    /// The children make no object, event or session.
    #[error(transparent)]
    Object(#[from] InvalidObject),
    /// A context names a hash to which the event does not refer.
    #[error(transparent)]
    NotReferenced(#[from] NotReferenced),
    /// The organisation id is empty.
    #[error(transparent)]
    OrgId(#[from] crate::org_id::EmptyOrgId),
    /// The content is nested too deeply.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

type Read<T> = Result<T, DocumentError>;

/// Looks up and checks the fields of one document.
pub(crate) struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn of(document: &'a Value) -> Read<Self> {
        let map = document.as_object().ok_or(DocumentError::Type {
            field: "(document)",
            expected: "an object",
        })?;
        Ok(Self(map))
    }

    pub(crate) fn get(&self, field: &'static str) -> Read<&'a Value> {
        self.0.get(field).ok_or(DocumentError::Missing(field))
    }

    pub(crate) fn text(&self, field: &'static str) -> Read<&'a str> {
        self.get(field)?.as_str().ok_or(DocumentError::Type {
            field,
            expected: "text",
        })
    }

    pub(crate) fn timestamp(&self, field: &'static str) -> Read<Option<Timestamp>> {
        match self.0.get(field) {
            None => Ok(None),
            Some(value) => {
                let seconds = value.as_f64().ok_or(DocumentError::Type {
                    field,
                    expected: "a number",
                })?;
                Ok(Some(Finite::new(seconds)?))
            }
        }
    }

    /// Returns the label of a document, if it has one.
    pub(crate) fn tlp(&self) -> Option<Tlp> {
        let tlp = self.0.get("tlp")?;
        Some(Tlp::stored(tlp.as_str().unwrap_or_default()))
    }

    pub(crate) fn hashes(&self, field: &'static str) -> Read<BTreeSet<Hash>> {
        let wrong = DocumentError::Type {
            field,
            expected: "an array of hashes",
        };
        let items = self.get(field)?.as_array().ok_or(wrong.clone())?;
        items
            .iter()
            .map(|item| Ok(item.as_str().ok_or(wrong.clone())?.parse()?))
            .collect()
    }

    pub(crate) fn children(&self) -> Read<Vec<Node>> {
        let data = self.get("data")?;
        // documents may be forged, so the canonical forms of objects are made only if they are short
        canonical::measure(data, canonical::TEXT_BYTES)?;
        nodes(data)
    }

    /// Compares the document's `_cref` and `_ref` with the computed hashes, and returns the further hashes in `_ref`.
    fn check_refs(&self, children: &crate::node::Children) -> Read<BTreeSet<Hash>> {
        if !self.hashes("_cref")?.iter().eq(children.cref()) {
            return Err(DocumentError::References("_cref"));
        }
        let mut refs = self.hashes("_ref")?;
        if !children.refs().iter().all(|hash| refs.remove(hash)) {
            return Err(DocumentError::References("_ref"));
        }
        Ok(refs)
    }

    pub(crate) fn check_hash(&self, actual: Hash) -> Read<()> {
        let claimed: Hash = self.text("_hash")?.parse()?;
        if claimed == actual {
            Ok(())
        } else {
            Err(DocumentError::HashMismatch { claimed, actual })
        }
    }
}

/// Returns the children that stand in an object's `data`: a scalar is an attribute, an object an object.
pub(crate) fn nodes(data: &Value) -> Read<Vec<Node>> {
    let wrong = DocumentError::Type {
        field: "data",
        expected: "an object of arrays",
    };
    let mut nodes = Vec::new();
    for (sub_type, items) in data.as_object().ok_or(wrong.clone())? {
        let sub_type = SubType::new(sub_type)?;
        for item in items.as_array().ok_or(wrong.clone())? {
            nodes.push(match item {
                Value::Object(_) => Object::new(sub_type.clone(), self::nodes(item)?)?.into(),
                scalar => Attribute::new(sub_type.clone(), Scalar::try_from(scalar)?).into(),
            });
        }
    }
    Ok(nodes)
}

impl Object {
    /// Reads an object's document.
    pub fn from_document(document: &Value) -> Read<Self> {
        let fields = Fields::of(document)?;
        let object = Self::new(SubType::new(fields.text("sub_type")?)?, fields.children()?)?;
        fields.check_hash(object.hash())?;
        if fields.check_refs(object.children())?.is_empty() {
            Ok(object)
        } else {
            Err(DocumentError::References("_ref"))
        }
    }
}

impl Instance {
    /// Reads any instance's document. Fields that the kind does not have are ignored.
    pub fn from_document(document: &Value) -> Read<Self> {
        let fields = Fields::of(document)?;
        let itype = fields.text("itype")?;
        if itype == "object" {
            return Object::from_document(document).map(Self::Object);
        }
        let sub_type = SubType::new(fields.text("sub_type")?)?;
        let instance = match itype {
            "attribute" => {
                let data = Scalar::try_from(fields.get("data")?)?;
                Self::Attribute(Attribute::new(sub_type, data))
            }
            "event" => Self::Event(event(&fields, sub_type)?),
            "session" => Self::Session(session(&fields, sub_type)?),
            "raw" => Self::Raw(
                Raw::new(
                    sub_type,
                    fields.get("data")?.clone(),
                    OrgId::new(fields.text("orgid")?)?,
                    fields.text("timezone")?.to_owned(),
                    fields.timestamp("timestamp")?,
                )?
                .with_tlp(fields.tlp()),
            ),
            other => return Err(DocumentError::Itype(other.to_owned())),
        };
        fields.check_hash(instance.hash())?;
        Ok(instance)
    }
}

/// Makes the event of a document's data, without its contexts.
pub(crate) fn bare_event(fields: &Fields<'_>, sub_type: SubType) -> Read<Event> {
    let timestamp = fields.timestamp("timestamp")?;
    let event = Event::new(
        sub_type,
        OrgId::new(fields.text("orgid")?)?,
        timestamp.ok_or(DocumentError::Missing("timestamp"))?,
        fields.children()?,
    )?;
    Ok(event.with_tlp_at_least(fields.tlp()))
}

fn event(fields: &Fields<'_>, sub_type: SubType) -> Read<Event> {
    let event = bare_event(fields, sub_type)?;
    if !fields.check_refs(event.children())?.is_empty() {
        return Err(DocumentError::References("_ref"));
    }
    Ok(event
        .with_category(fields.text("category")?.parse()?)
        .with_malicious(fields.hashes("_mal_ref")?)?
        .with_benign(fields.hashes("_ben_ref")?)?)
}

fn session(fields: &Fields<'_>, sub_type: SubType) -> Read<Session> {
    let session = Session::new(sub_type, fields.children()?)?;
    let events = fields.check_refs(session.children())?;
    with_times(fields, session.with_events(events))
}

/// Sets the times of a session that a document holds.
pub(crate) fn with_times(fields: &Fields<'_>, mut session: Session) -> Read<Session> {
    if let Some(at) = fields.timestamp("start_time")? {
        session = session.with_start_time(at);
    }
    if let Some(at) = fields.timestamp("end_time")? {
        session = session.with_end_time(at);
    }
    if let Some(seconds) = fields.timestamp("duration")? {
        session = session.with_duration(seconds);
    }
    Ok(session)
}
