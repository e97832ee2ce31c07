//! A submission as it was taken in, before any filter saw it.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::canonical::{self, TooLarge};
use crate::hash::Hash;
use crate::sub_type::SubType;
use crate::{OrgId, Timestamp};

/// Any JSON, with where it came from. What the filters note on it (`filters`, `_valid`, `_ref`) is no part of it.
#[derive(Debug, Clone)]
pub struct Raw {
    sub_type: SubType,
    data: Value,
    orgid: OrgId,
    timezone: String,
    timestamp: Option<Timestamp>,
    hash: Hash,
}

impl Raw {
    /// A raw whose `sub_type` is the typetag it was submitted with. `timezone` is an IANA name;
    /// `timestamp` is when the API took it in (raws of the Python archive have none).
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
            hash,
        })
    }

    /// The typetag.
    pub fn sub_type(&self) -> &SubType {
        &self.sub_type
    }

    /// The submitted data.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// The organisation that submitted the data.
    pub fn orgid(&self) -> &OrgId {
        &self.orgid
    }

    /// Its identity; together with the organisation, for two may submit the same.
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
        map.serialize_entry("_hash", &self.hash)?;
        map.end()
    }
}
