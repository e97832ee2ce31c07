//! Events: something that happened, when it did, and the organisation that it was reported to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::canonical::python_float;
use crate::hash::Hash;
use crate::node::{Children, InvalidObject, Node};
use crate::sub_type::SubType;
use crate::{OrgId, Timestamp};

/// The judgement of an event; an analyst may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Nobody said.
    Unknown,
    /// Harmless.
    Benign,
    /// An attack.
    Malicious,
}

/// A text that is no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not one of unknown, benign, malicious", crate::excerpt(.0))]
pub struct InvalidCategory(pub String);

impl Category {
    /// As it stands in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Benign => "benign",
            Self::Malicious => "malicious",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Category {
    type Err = InvalidCategory;

    fn from_str(text: &str) -> Result<Self, InvalidCategory> {
        Ok(match text {
            "unknown" => Self::Unknown,
            "benign" => Self::Benign,
            "malicious" => Self::Malicious,
            other => return Err(InvalidCategory(other.to_owned())),
        })
    }
}

/// Something that happened at one time, as one organisation saw it.
#[derive(Debug, Clone)]
pub struct Event {
    sub_type: SubType,
    orgid: OrgId,
    timestamp: Timestamp,
    children: Children,
    category: Category,
    malicious: Vec<Hash>,
    benign: Vec<Hash>,
    hash: Hash,
}

/// A hash given as a context of an event that does not refer to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {event} does not refer to {missing}")]
pub struct NotReferenced {
    /// The event.
    pub event: Hash,
    /// The hash that the event does not refer to.
    pub missing: Hash,
}

impl Event {
    /// An event of unknown category with everything in unknown context.
    pub fn new(
        sub_type: SubType,
        orgid: OrgId,
        timestamp: Timestamp,
        children: Vec<Node>,
    ) -> Result<Self, InvalidObject> {
        let children = Children::new(&sub_type, children)?;
        let hash = Hash::of(&[
            "event",
            sub_type.as_str(),
            orgid.as_str(),
            &python_float(timestamp.get()),
            children.canonical(),
        ]);
        Ok(Self {
            sub_type,
            orgid,
            timestamp,
            children,
            category: Category::Unknown,
            malicious: Vec::new(),
            benign: Vec::new(),
            hash,
        })
    }

    /// The same event in this category; its hash does not depend on it.
    pub fn with_category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// The same event with exactly these descendants in malicious context (`_mal_ref`).
    pub fn with_malicious(
        mut self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Self, NotReferenced> {
        self.malicious = self.referenced(hashes)?;
        Ok(self)
    }

    /// The same event with exactly these descendants in benign context (`_ben_ref`).
    pub fn with_benign(
        mut self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Self, NotReferenced> {
        self.benign = self.referenced(hashes)?;
        Ok(self)
    }

    fn referenced(
        &self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Vec<Hash>, NotReferenced> {
        let mut hashes: Vec<Hash> = hashes.into_iter().collect();
        hashes.sort_unstable();
        hashes.dedup();
        match hashes
            .iter()
            .find(|hash| self.children.refs().binary_search(hash).is_err())
        {
            Some(missing) => Err(NotReferenced {
                event: self.hash,
                missing: *missing,
            }),
            None => Ok(hashes),
        }
    }

    /// The event's type, such as `ssh`.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// The organisation that saw the event.
    pub fn orgid(&self) -> &OrgId {
        &self.orgid
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The event's category.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Its identity.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The attributes and objects that were seen in the event.
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// The hashes seen in malicious context: `_mal_ref`, sorted.
    pub fn malicious(&self) -> &[Hash] {
        &self.malicious
    }

    /// The hashes seen in benign context: `_ben_ref`, sorted.
    pub fn benign(&self) -> &[Hash] {
        &self.benign
    }
}

/// The document of an event.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(11))?;
        map.serialize_entry("itype", "event")?;
        map.serialize_entry("sub_type", &self.sub_type)?;
        map.serialize_entry("orgid", &self.orgid)?;
        map.serialize_entry("timestamp", &self.timestamp.get())?;
        map.serialize_entry("category", &self.category)?;
        map.serialize_entry("data", &self.children)?;
        map.serialize_entry("_cref", self.children.cref())?;
        map.serialize_entry("_ref", self.children.refs())?;
        map.serialize_entry("_ben_ref", &self.benign)?;
        map.serialize_entry("_mal_ref", &self.malicious)?;
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
