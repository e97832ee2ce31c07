//! A raw as a filter reads it.

use serde::Deserialize;
use tahoe_core::{Hash, Value};

use crate::archive::ids::RawId;
use crate::mongo::json;

/// A raw that a filter has not processed.
#[derive(Debug, Deserialize)]
pub struct PendingRaw {
    /// The identity of the raw.
    #[serde(rename = "_id")]
    pub id: RawId,
    /// The raw's hash.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// The submitted data.
    #[serde(deserialize_with = "json::read")]
    pub data: Value,
    /// The organisation that submitted it.
    pub orgid: String,
    /// IANA name of the time zone; raws of the Python archive may have none.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The time at which it was accepted, in Unix seconds.
    pub timestamp: f64,
    /// The label of the data, if the source has one.
    #[serde(default)]
    pub tlp: Option<String>,
    /// Ids of the filters that have processed it.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Names of the filters that it waits for.
    #[serde(default, rename = "_todo")]
    pub(crate) todo: Vec<String>,
    /// Whether a filter refused it before.
    #[serde(default, rename = "_error")]
    pub(crate) refusals: Vec<Refusal>,
}

/// The refusal of a raw by a filter.
#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize)]
pub(crate) struct Refusal {
    /// The filter's id.
    pub filter: String,
    /// The reason.
    pub reason: String,
    /// The time of the refusal, in Unix seconds.
    pub at: f64,
}

fn utc() -> String {
    "UTC".to_owned()
}
