//! A submission as it was accepted, before any filter read it.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::canonical::{self, TooLarge};
use crate::hash::Hash;
use crate::org_id::OrgId;
use crate::scalar::Timestamp;
use crate::sub_type::SubType;
use crate::tlp::Tlp;

/// Any JSON, with its origin. The notes of filters (`filters`, `_valid`, `_ref`) are not part of a raw.
#[derive(Debug, Clone)]
pub struct Raw {
    sub_type: SubType,
    data: Value,
    orgid: OrgId,
    timezone: String,
    timestamp: Option<Timestamp>,
    tlp: Option<Tlp>,
    hash: Hash,
}

impl Raw {
    /// Makes a raw. `sub_type` is the typetag under which it was submitted, `timezone` is an IANA name, and `timestamp`
    /// is the time at which the API accepted it (raws of the Python archive have none).
    pub fn new(
        sub_type: SubType,
        data: Value,
        orgid: OrgId,
        timezone: String,
        timestamp: Option<Timestamp>,
    ) -> Result<Self, TooLarge> {
        let hash = canonical::hash(&["raw", sub_type.as_str()], &data)?;
        Ok(Self {
            sub_type,
            data,
            orgid,
            timezone,
            timestamp,
            tlp: None,
            hash,
        })
    }

    /// Returns the same raw with this label. The hash does not depend on it.
    pub fn with_tlp(mut self, tlp: Option<Tlp>) -> Self {
        self.tlp = tlp;
        self
    }

    /// Returns the typetag.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// Returns the submitted data.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// Returns the organisation that submitted the data.
    pub fn orgid(&self) -> &OrgId {
        &self.orgid
    }

    /// Returns the time at which it was accepted, where that is known.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Returns the raw's label, if its source has one.
    #[must_use]
    pub fn tlp(&self) -> Option<Tlp> {
        self.tlp
    }

    /// Returns the raw's hash. It identifies the raw only together with the organisation, because two may submit the
    /// same data.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

/// The document of a raw.
impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("itype", "raw")?;
        map.serialize_entry("sub_type", &self.sub_type)?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("orgid", &self.orgid)?;
        map.serialize_entry("timezone", &self.timezone)?;
        if let Some(timestamp) = self.timestamp {
            map.serialize_entry("timestamp", &timestamp.get())?;
        }
        if let Some(tlp) = self.tlp {
            map.serialize_entry("tlp", &tlp)?;
        }
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
