//! Selecting quarantined records.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

/// A selection of quarantined records; by default all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// The typetag under which they were submitted.
    pub typetag: Option<String>,
    /// The `_hash` of their organisation.
    pub orgid: Option<String>,
    /// The earliest time at which they were accepted, in Unix seconds.
    pub since: Option<f64>,
    /// A text in their reason, in upper or lower case.
    pub reason: Option<String>,
}

impl Selection {
    /// Makes the conditions on a document. `typetag` and `reason` are the names of its fields for these.
    pub(crate) fn conditions(&self, typetag: &str, reason: &str) -> Document {
        let mut conditions = Document::new();
        if let Some(value) = &self.typetag {
            conditions.insert(typetag, value);
        }
        if let Some(orgid) = &self.orgid {
            conditions.insert("orgid", orgid);
        }
        if let Some(since) = self.since {
            // raws of the Python archive have no timestamp, but their ids hold the second in which they were made
            let old = doc! {"timestamp": Bson::Null, "_id": {"$gte": id_at(since)}};
            conditions.insert("$or", vec![doc! {"timestamp": {"$gte": since}}, old]);
        }
        if let Some(text) = &self.reason {
            conditions.insert(reason, doc! {"$regex": literal(text), "$options": "i"});
        }
        conditions
    }
}

/// Returns the least id of a document that was made at this time.
pub(crate) fn id_at(seconds: f64) -> ObjectId {
    let mut bytes = [0; 12];
    // a time before 1970 or after 2106 becomes the first or the last possible one
    bytes[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// Makes a regular expression that matches only this text.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_pattern() {
        assert_eq!(literal("a.b*(c) ü"), r"a\.b\*\(c\) ü");
    }

    #[test]
    fn ids_tell_the_second() {
        assert_eq!(id_at(1.9).timestamp().timestamp_millis(), 1000);
        assert_eq!(id_at(-5.0), ObjectId::from_bytes([0; 12]));
    }
}
