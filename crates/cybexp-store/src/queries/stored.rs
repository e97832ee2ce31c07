//! Stored queries and reports.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Map;
use tahoe_core::{Hash, Query, Value};

use crate::error::StoreError;
use crate::mongo::find::ASK;
use crate::queries::fields::{LAST, MAC, OWN, REPORT_MAC, SHARED};
use crate::queries::queue::{Queries, by_hash};

/// A stored query.
#[derive(Debug, Clone)]
pub struct StoredQuery {
    /// The query.
    pub query: Query,
    /// The reason, if the query failed.
    pub reason: Option<String>,
    /// The last answer to the query. It stays while the same question is asked again within the hour, so that everyone
    /// who waited for it can read it.
    pub last: Option<LastAnswer>,
    /// The authentication code of the question, if it has one.
    pub mac: Option<String>,
    own: Option<Map<String, Value>>,
    /// The authentication code of the last answer.
    report_mac: Option<String>,
}

/// An answer to a query.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LastAnswer {
    /// Identifies the answer: no other one has the same token.
    pub token: Value,
    /// The report.
    pub report: Hash,
    /// Whether the report is the reason of a failure.
    #[serde(default)]
    pub failed: bool,
    /// The time at which the answer was stored, in Unix seconds.
    #[serde(default)]
    pub finished: f64,
    /// The size of the report's document, in bytes.
    #[serde(default)]
    pub bytes: u64,
}

/// Field of an answer that took long to make: the fingerprint of the organisations of which it was made. It is never
/// shown.
pub const MADE_OF: &str = "_orgs";

impl Queries {
    /// Returns a stored query, and the reason if it failed.
    pub async fn find(&self, hash: Hash) -> Result<Option<(Query, Option<String>)>, StoreError> {
        let found = self.stored(&[hash]).await?.remove(&hash);
        Ok(found.map(|stored| (stored.query, stored.reason)))
    }

    /// Returns those of these queries that are stored.
    pub async fn stored(&self, hashes: &[Hash]) -> Result<HashMap<Hash, StoredQuery>, StoreError> {
        let hashes: Vec<String> = hashes.iter().map(Hash::to_string).collect();
        let mut found = HashMap::new();
        for part in hashes.chunks(ASK) {
            let find = by_hash(part).project(bson::doc! {"_id": 0});
            for value in find.read::<Value>(&self.coll).await? {
                let hash = value["_hash"].as_str().and_then(|h| h.parse().ok());
                if let (Some(hash), Some(query)) = (hash, StoredQuery::of(&value)) {
                    found.insert(hash, query);
                }
            }
        }
        Ok(found)
    }

    /// Returns the report of the query with this hash, if it is ready.
    pub async fn report(&self, query: Hash) -> Result<Option<Value>, StoreError> {
        match self.stored(&[query]).await?.remove(&query) {
            Some(stored) if stored.query.report_id.is_some() => self.report_of(&stored).await,
            Some(_) | None => Ok(None),
        }
    }

    /// Returns the report of a query. While the query is asked again, that is the report of the last answer.
    ///
    /// Others may have written it: whoever hands it out uses [`Self::genuine_report_of`].
    pub async fn report_of(&self, stored: &StoredQuery) -> Result<Option<Value>, StoreError> {
        self.genuine_report_of(stored, |_, _| true).await
    }

    /// Returns the report of a query as [`Self::report_of`] does, if `is_genuine` says so of its fields and its
    /// authentication code.
    pub async fn genuine_report_of(
        &self,
        stored: &StoredQuery,
        is_genuine: impl FnOnce(&Map<String, Value>, Option<&str>) -> bool,
    ) -> Result<Option<Value>, StoreError> {
        let last = stored.last.as_ref().map(|last| last.report);
        let Some(id) = stored.query.report_id.or(last) else {
            return Ok(None);
        };
        let Some(Value::Object(mut report)) = self.document(id).await? else {
            return Ok(None);
        };
        // a Python report daemon writes no fields beside the report
        if let Some(own) = stored.own.clone().filter(|_| last == Some(id)) {
            report.retain(|field, _| SHARED.contains(&field.as_str()));
            report.extend(own);
        }
        if !is_genuine(&report, stored.report_mac.as_deref()) {
            tracing::warn!(%id, "a stored report is not the report daemon's: it is not handed out");
            return Ok(None);
        }
        report.remove(MADE_OF);
        Ok(Some(report.into()))
    }
}

impl StoredQuery {
    /// Returns the fingerprint of the organisations of which the last answer was made, if it took long to make.
    pub fn made_of(&self) -> Option<Hash> {
        self.own.as_ref()?.get(MADE_OF)?.as_str()?.parse().ok()
    }

    fn of(value: &Value) -> Option<Self> {
        Some(Self {
            query: Query::from_document(value).ok()?,
            reason: value["_error"].as_str().map(str::to_owned),
            last: LastAnswer::deserialize(&value[LAST]).ok(),
            own: value[OWN].as_object().cloned(),
            mac: value[MAC].as_str().map(str::to_owned),
            report_mac: value[REPORT_MAC].as_str().map(str::to_owned),
        })
    }
}
