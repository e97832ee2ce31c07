//! Checking one document of the old form: it is built anew from its data, and must have the hash that it claims.

use bson::{Bson, RawBsonRef, RawDocument};
use tahoe_core::{Instance, Rebuilt, Value};

use crate::mongo::json;
use crate::raws::outcome::name_of;
use crate::raws::pending::Refusal;

/// The fields of which instances are built.
const FIELDS: [&str; 15] = [
    "itype",
    "sub_type",
    "data",
    "orgid",
    "timezone",
    "timestamp",
    "category",
    "start_time",
    "end_time",
    "duration",
    "_cref",
    "_ref",
    "_ben_ref",
    "_mal_ref",
    "_hash",
];

/// A document of the old collection.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its `_id`.
    pub id: Bson,
    /// Its kind, or `other`.
    pub itype: &'static str,
    /// Its instance, or the reason why it is none.
    pub found: Result<Rebuilt, String>,
    pub notes: RawNotes,
}

/// The notes of filters on a raw.
#[derive(Debug, Default)]
pub(super) struct RawNotes {
    /// Ids of filters, each name once.
    pub filters: Vec<String>,
    pub refusal: Option<Refusal>,
    /// Whether `_valid` is false.
    pub invalid: bool,
}

impl Checked {
    /// Returns the `_id` as text.
    pub(super) fn id(&self) -> String {
        match &self.id {
            Bson::ObjectId(id) => id.to_hex(),
            Bson::String(id) => id.clone(),
            other => other.to_string(),
        }
    }
}

/// Returns the known name of a document's kind.
fn itype_of(document: &RawDocument) -> &'static str {
    let known = ["attribute", "object", "event", "session", "raw"];
    let itype = document.get_str("itype").unwrap_or_default();
    let known = known.into_iter().find(|known| *known == itype);
    known.unwrap_or("other")
}

/// Checks a document.
pub(super) fn check(document: &RawDocument) -> Checked {
    let id = match document.get("_id") {
        Ok(Some(id)) => Bson::try_from(id).unwrap_or(Bson::Null),
        _ => Bson::Null,
    };
    let itype = itype_of(document);
    let found = value(document).and_then(|mut value| {
        // raws of the Python system have no time but that of their id
        if itype == "raw"
            && let (Value::Object(fields), Bson::ObjectId(id)) = (&mut value, &id)
        {
            let at = id.timestamp().timestamp_millis() as f64 / 1000.0;
            let at = || Value::from(at);
            fields.entry("timestamp").or_insert_with(at);
        }
        if itype == "raw" && value.get("timestamp").is_none() {
            return Err("neither the field timestamp nor the _id holds a time".to_owned());
        }
        Instance::rebuild(&value).map_err(|error| error.to_string())
    });
    let notes = match itype {
        "raw" => notes(document),
        _ => RawNotes::default(),
    };
    Checked {
        id,
        itype,
        found,
        notes,
    }
}

/// Builds the instance of a document anew, with its lists. The error is the reason why it is none.
pub(crate) fn rebuild(document: &RawDocument) -> Result<Rebuilt, String> {
    Instance::rebuild(&value(document)?).map_err(|error| error.to_string())
}

/// Returns the fields that instances are built of.
fn value(document: &RawDocument) -> Result<Value, String> {
    let mut fields = serde_json::Map::new();
    for field in document.iter() {
        let (name, value) = field.map_err(|error| error.to_string())?;
        let name = name.as_str();
        if FIELDS.contains(&name) {
            let value = json::value(value).map_err(|error| format!("field {name}: {error}"))?;
            // an absent value and null mean the same, but in data
            if !value.is_null() || name == "data" {
                fields.insert(name.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(fields))
}

fn notes(document: &RawDocument) -> RawNotes {
    let mut filters: Vec<String> = Vec::new();
    let listed = document.get_array("filters").ok().into_iter().flatten();
    for id in listed.flatten().filter_map(RawBsonRef::as_str) {
        let known = filters.iter().any(|known| name_of(known) == name_of(id));
        if is_id(id) && !known {
            filters.push(id.to_owned());
        }
    }
    RawNotes {
        filters,
        refusal: refusal(document),
        invalid: document.get_bool("_valid").is_ok_and(|valid| !valid),
    }
}

/// Whether a text is the id of a filter, `name@version`. The Python system has other ones.
fn is_id(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, version)| !name.is_empty() && version.parse::<u32>().is_ok())
}

fn refusal(document: &RawDocument) -> Option<Refusal> {
    let error = document.get_document("_error").ok()?;
    let filter = error.get_str("filter").ok().filter(|id| is_id(id))?;
    Some(Refusal {
        filter: filter.to_owned(),
        reason: error.get_str("reason").ok()?.to_owned(),
        at: error.get_f64("at").ok()?,
    })
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::{RawDocumentBuf, doc};

    use super::*;

    fn checked(document: bson::Document) -> Checked {
        check(&RawDocumentBuf::try_from(&document).unwrap())
    }

    #[test]
    fn a_raw_without_a_time_has_that_of_its_id() {
        let id = ObjectId::parse_str("5f0000000000000000000000").unwrap();
        let raw = doc! {
            "_id": id, "itype": "raw", "sub_type": "cowrie", "orgid": "unr", "data": {"a": 1_i32},
            "_hash": "b9776d7ddf459c9ad5b0e1d6ac61e27befb5e99fd62446677600d7cacef544d0",
            "filters": ["filt_cowrie", "cowrie@1", "cowrie@2"], "_valid": false,
            "_error": {"filter": "cowrie@1", "reason": "why", "at": 5.0},
        };
        let checked = checked(raw);
        // the hash is another one, which is found out after the time
        let error = checked.found.unwrap_err();
        assert!(
            error.starts_with("_hash is b9776d7ddf459c9ad5b0e1d6"),
            "{error}"
        );
        assert_eq!(checked.notes.filters, ["cowrie@1"]);
        assert_eq!(checked.notes.refusal.unwrap().reason, "why");
        assert!(checked.notes.invalid);
    }

    #[test]
    fn what_is_no_instance_has_a_reason() {
        for (document, reason) in [
            (doc! {"_id": 5}, "field itype is missing"),
            (
                doc! {"_id": 5, "itype": "raw"},
                "neither the field timestamp nor the _id holds a time",
            ),
            (
                doc! {"itype": "attribute", "sub_type": "a", "data": bson::DateTime::now()},
                "field data: a BSON DateTime is no JSON",
            ),
        ] {
            assert_eq!(checked(document).found.unwrap_err(), reason);
        }
    }
}
