//! The record of a verdict on a value.

use serde::{Deserialize, Serialize};
use tahoe_core::{Attribute, Value, Verdict};

use super::{check, judged};

/// A verdict on a value, or the withdrawal of one, as the API submits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// The sub_type of the value.
    pub sub_type: String,
    /// The value, however it is spelled.
    pub data: Value,
    /// The verdict.
    pub verdict: Verdict,
    /// The reason; may be empty.
    pub reason: String,
    /// The mail address of who judged.
    pub analyst: String,
    /// The time of the judgement, in Unix seconds. It makes two judgements with equal content two records; their order is
    /// that of the submissions.
    pub at: f64,
}

impl VerdictRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// If a field is missing, unknown or wrong.
    pub fn read(data: &Value) -> Result<Self, String> {
        Self::deserialize(data).map_err(|error| format!("no verdict: {error}"))
    }

    /// Checks the record, and returns the attribute that is judged.
    ///
    /// # Errors
    /// If a field is wrong. The reason names it.
    pub fn judged(&self) -> Result<Attribute, String> {
        check(&self.reason, &self.analyst)?;
        judged(&self.sub_type, &self.data)
    }
}
