//! An instance of any kind.

use serde::{Serialize, Serializer};

use crate::event::Event;
use crate::hash::Hash;
use crate::node::{Attribute, Node, Object};
use crate::raw::Raw;
use crate::session::Session;
use crate::sub_type::SubType;

/// One document of the archive.
///
/// ```
/// use serde_json::json;
/// use tahoe_core::Instance;
///
/// let document = json!({
///     "itype": "attribute", "sub_type": "ipv4", "data": "203.0.113.9",
///     "_hash": "b1b5587bbb0563e409a34f6d17c3129a008276c017441baf935ab629246ce95b",
/// });
/// assert_eq!(Instance::rebuild(&document)?.instance.itype(), "attribute");
/// // a wrong hash is found
/// let mut forged = document;
/// forged["data"] = json!("203.0.113.10");
/// assert!(Instance::rebuild(&forged).is_err());
/// # Ok::<(), tahoe_core::DocumentError>(())
/// ```
#[derive(Debug, Clone)]
pub enum Instance {
    /// A typed value.
    Attribute(Attribute),
    /// Attributes that belong together.
    Object(Object),
    /// Something that happened at a time.
    Event(Event),
    /// Events that belong together.
    Session(Session),
    /// A submission.
    Raw(Raw),
}

impl Instance {
    /// Returns the kind's name, as in documents.
    pub fn itype(&self) -> &'static str {
        match self {
            Self::Attribute(_) => "attribute",
            Self::Object(_) => "object",
            Self::Event(_) => "event",
            Self::Session(_) => "session",
            Self::Raw(_) => "raw",
        }
    }

    /// Returns the type within the kind.
    pub fn sub_type(&self) -> &SubType {
        match self {
            Self::Attribute(attribute) => attribute.sub_type(),
            Self::Object(object) => object.sub_type(),
            Self::Event(event) => event.sub_type(),
            Self::Session(session) => session.sub_type(),
            Self::Raw(raw) => raw.sub_type(),
        }
    }

    /// Returns the instance's hash.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Attribute(attribute) => attribute.hash(),
            Self::Object(object) => object.hash(),
            Self::Event(event) => event.hash(),
            Self::Session(session) => session.hash(),
            Self::Raw(raw) => raw.hash(),
        }
    }
}

impl From<Node> for Instance {
    fn from(node: Node) -> Self {
        match node {
            Node::Attribute(attribute) => Self::Attribute(attribute),
            Node::Object(object) => Self::Object(object),
        }
    }
}

impl Serialize for Instance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Attribute(attribute) => attribute.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
            Self::Event(event) => event.serialize(serializer),
            Self::Session(session) => session.serialize(serializer),
            Self::Raw(raw) => raw.serialize(serializer),
        }
    }
}
