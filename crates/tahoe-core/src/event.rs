//! Events: something that happened, with its time and the organisation that reported it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::canonical::python::python_float;
use crate::hash::Hash;
use crate::node::{Children, InvalidObject, Node};
use crate::org_id::OrgId;
use crate::scalar::Timestamp;
use crate::sub_type::SubType;
use crate::tlp::Tlp;

/// The judgement of an event; an analyst may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Nobody judged it.
    Unknown,
    /// Harmless.
    Benign,
    /// An attack.
    Malicious,
}

/// Error for a text that is no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not one of unknown, benign, malicious", crate::excerpt::excerpt(.0))]
pub struct InvalidCategory(pub String);

impl Category {
    /// Returns the category's name, as in documents.
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
///
/// ```
/// use tahoe_core::{Attribute, Category, Event, OrgId, SubType, Timestamp};
///
/// let url = Attribute::new(SubType::from_static("url"), "http://evil.example/x.sh");
/// let event = Event::new(
///     SubType::from_static("file_download"),
///     OrgId::new("unr")?,
///     Timestamp::new(1_588_032_005.5)?,
///     vec![url.clone().into()],
/// )?;
/// let hash = event.hash();
/// let event = event.with_category(Category::Malicious).with_malicious([url.hash()])?;
/// // what was thought of it does not change which event it is
/// assert_eq!(event.hash(), hash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    sub_type: SubType,
    orgid: OrgId,
    timestamp: Timestamp,
    children: Children,
    category: Category,
    malicious: Vec<Hash>,
    benign: Vec<Hash>,
    tlp: Option<Tlp>,
    hash: Hash,
}

/// Error for a context of an event that names a hash to which the event does not refer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event {event} does not refer to {missing}")]
pub struct NotReferenced {
    /// The event.
    pub event: Hash,
    /// The hash that the event does not refer to.
    pub missing: Hash,
}

impl Event {
    /// Makes an event of unknown category, with everything in unknown context.
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
            tlp: None,
            hash,
        })
    }

    /// Returns the same event in this category. The hash does not depend on it.
    pub fn with_category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Returns the same event with at least this label: the stricter of this one and the event's own. The hash does not
    /// depend on it.
    pub fn with_tlp_at_least(mut self, tlp: Option<Tlp>) -> Self {
        self.tlp = Tlp::strictest(self.tlp, tlp);
        self
    }

    /// Returns the same event with exactly these descendants in malicious context (`_mal_ref`).
    pub fn with_malicious(
        mut self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Self, NotReferenced> {
        self.malicious = self.referenced(hashes)?;
        Ok(self)
    }

    /// Returns the same event with exactly these descendants in benign context (`_ben_ref`).
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

    /// Returns the event's type, such as `ssh`.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// Returns the organisation that saw the event.
    pub fn orgid(&self) -> &OrgId {
        &self.orgid
    }

    /// Returns the time of the event.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Returns the event's category.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Returns the event's label, if it has one.
    pub fn tlp(&self) -> Option<Tlp> {
        self.tlp
    }

    /// Returns the event's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the attributes and objects that were seen in the event.
    pub fn children(&self) -> &Children {
        &self.children
    }

    /// Returns the hashes in malicious context: `_mal_ref`, sorted.
    pub fn malicious(&self) -> &[Hash] {
        &self.malicious
    }

    /// Returns the hashes in benign context: `_ben_ref`, sorted.
    pub fn benign(&self) -> &[Hash] {
        &self.benign
    }
}

/// The document of an event.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(11 + usize::from(self.tlp.is_some())))?;
        map.serialize_entry("itype", "event")?;
        map.serialize_entry("sub_type", &self.sub_type)?;
        map.serialize_entry("orgid", &self.orgid)?;
        map.serialize_entry("timestamp", &self.timestamp.get())?;
        map.serialize_entry("category", &self.category)?;
        if let Some(tlp) = self.tlp {
            map.serialize_entry("tlp", &tlp)?;
        }
        map.serialize_entry("data", &self.children)?;
        map.serialize_entry("_cref", self.children.cref())?;
        map.serialize_entry("_ref", self.children.refs())?;
        map.serialize_entry("_ben_ref", &self.benign)?;
        map.serialize_entry("_mal_ref", &self.malicious)?;
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
