//! The record by which raws in quarantine are read again.

use serde::{Deserialize, Serialize};
use tahoe_core::{Hash, Value};

/// The most raws of one record.
pub const RETRIES: usize = 1000;

/// Raws that the filters that refused them shall read again, as the API submits them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRecord {
    /// The hashes of the raws, which are of the record's organisation.
    pub retry: Vec<Hash>,
    /// The mail address of who asks for it.
    pub analyst: String,
    /// The time, in Unix seconds. It makes two records with equal content two raws.
    pub at: f64,
}

impl RetryRecord {
    /// Whether the data is such a record, and no change of category.
    pub fn is_one(data: &Value) -> bool {
        data.get("retry").is_some()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If a field is missing, unknown or wrong, or there are too many raws.
    pub fn read(data: &Value) -> Result<Self, String> {
        let record = Self::deserialize(data).map_err(|error| format!("no retry: {error}"))?;
        match record.retry.len() > RETRIES {
            true => Err(format!("field retry: names more than {RETRIES} raws")),
            false => Ok(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_retry_is_read_as_it_is_written() {
        let record = RetryRecord {
            retry: vec![Hash::of(&["raw"])],
            analyst: "a@b.example".to_owned(),
            at: 1.5,
        };
        let data = serde_json::to_value(&record).unwrap();
        assert!(RetryRecord::is_one(&data));
        assert_eq!(RetryRecord::read(&data), Ok(record));
        let many =
            json!({"retry": vec![Hash::of(&["raw"]); RETRIES + 1], "analyst": "", "at": 1.0});
        let told = RetryRecord::read(&many).unwrap_err();
        assert!(told.starts_with("field retry: names more"), "{told}");
        assert!(RetryRecord::read(&json!({"retry": ["00"]})).is_err());
        assert!(!RetryRecord::is_one(&json!({"_hash": "00"})));
    }
}
