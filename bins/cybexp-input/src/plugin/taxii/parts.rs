//! Objects of a collection as records. A record holds what its objects refer to, as far as the filter needs it: the same
//! object may stand in several.

use std::collections::{BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use cybexp_spool::ItemKey;

/// The most bytes of objects in a record; a single longer one is alone.
const RECORD_BYTES: usize = 4 << 20;
/// The most bytes of further objects in a record.
const BESIDE_BYTES: usize = 4 << 20;
/// The most ids of one object.
const IDS: usize = 10_000;

/// An object with its id and the ids that it needs.
#[derive(Debug)]
pub(super) struct TaxiiObject {
    pub(super) id: String,
    /// Name of this version of the object.
    pub(super) key: String,
    json: Box<RawValue>,
    needs: Vec<String>,
}

impl TaxiiObject {
    /// Reads an object.
    ///
    /// # Errors
    /// Says in a few words why it is none.
    pub(super) fn of(json: Box<RawValue>) -> Result<Self, String> {
        let object: Value = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
        if object["type"].as_str().is_none() {
            return Err("an object without a type".to_owned());
        }
        let id = object["id"].as_str().unwrap_or_default();
        let version = object["modified"].as_str().unwrap_or_default();
        Ok(Self {
            key: ItemKey::of(format!("{id} {version}")).to_string(),
            id: id.to_owned(),
            needs: needs(&object),
            json,
        })
    }

    /// Returns the bytes of the object.
    pub(super) fn bytes(&self) -> usize {
        self.json.get().len()
    }
}

/// Returns the ids without which the filter reads less of an object.
fn needs(object: &Value) -> Vec<String> {
    let kind = object["type"].as_str().unwrap_or_default();
    // of a relationship both ends tell more than it does
    let refs: &[&str] = match kind {
        "observed-data" => &["object_refs"],
        "sighting" => &["sighting_of_ref", "observed_data_refs"],
        "domain-name" => &["resolves_to_refs"],
        "email-message" => &["from_ref", "sender_ref", "to_refs", "cc_refs", "bcc_refs"],
        "network-traffic" => &["src_ref", "dst_ref"],
        "process" => &["image_ref"],
        _ => &[],
    };
    let refs = ["object_marking_refs", "created_by_ref"].iter().chain(refs);
    let named = refs.flat_map(|field| texts(&object[*field]));
    let granular = object["granular_markings"].as_array().into_iter().flatten();
    let granular = granular.flat_map(|one| texts(&one["marking_ref"]));
    let ids = granular.chain(named);
    let ids: BTreeSet<&str> = ids
        .filter(|id| id.contains("--") && id.len() <= 200)
        .take(IDS)
        .collect();
    ids.into_iter().map(str::to_owned).collect()
}

/// Returns the texts of a property that is one or a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).chain(value.as_str())
}

/// Returns the ids that these objects need and that are not among them or the known ones.
pub(super) fn missing(
    objects: &[TaxiiObject],
    known: &HashMap<String, TaxiiObject>,
) -> Vec<String> {
    let here: HashSet<&str> = objects.iter().map(|object| object.id.as_str()).collect();
    let needs = objects.iter().flat_map(|object| &object.needs);
    let missing: BTreeSet<&String> = needs
        .filter(|id| !here.contains(id.as_str()) && !known.contains_key(*id))
        .collect();
    missing.into_iter().cloned().collect()
}

/// Makes the records of these objects.
pub(super) fn records(objects: &[TaxiiObject], known: &HashMap<String, TaxiiObject>) -> Vec<Bytes> {
    let here: HashMap<&str, &TaxiiObject> = objects
        .iter()
        .map(|object| (object.id.as_str(), object))
        .collect();
    let mut records = Vec::new();
    let mut rest = objects;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|object| {
            bytes += object.bytes() + 1;
            bytes <= RECORD_BYTES
        });
        let (group, left) = rest.split_at(fits.count().max(1));
        rest = left;
        let mut told: HashSet<&str> = group.iter().map(|object| object.id.as_str()).collect();
        let mut all: Vec<&TaxiiObject> = group.iter().collect();
        let (mut n, mut beside) = (0, 0);
        // what is needed may need others
        while let Some(object) = all.get(n).copied() {
            n += 1;
            for id in &object.needs {
                let found = here.get(id.as_str()).copied().or_else(|| known.get(id));
                if let Some(found) = found.filter(|found| beside + found.bytes() <= BESIDE_BYTES)
                    && told.insert(&found.id)
                {
                    beside += found.bytes() + 1;
                    all.push(found);
                }
            }
        }
        let texts: Vec<&str> = all.iter().map(|object| object.json.get()).collect();
        records.push(format!("{{\"objects\":[{}]}}", texts.join(",")).into());
    }
    records
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> TaxiiObject {
        TaxiiObject::of(serde_json::value::to_raw_value(value).unwrap()).unwrap()
    }

    fn ids(record: &Bytes) -> Vec<String> {
        let record: Value = serde_json::from_slice(record).unwrap();
        let objects = record["objects"].as_array().unwrap();
        objects
            .iter()
            .map(|object| object["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_record_holds_what_its_objects_need() {
        let observed = object(
            &json!({"type": "observed-data", "id": "observed-data--1", "object_refs": ["ipv4-addr--1", "x"],
            "created_by_ref": "identity--1", "granular_markings": [{"marking_ref": "marking-definition--1"}]}),
        );
        let sighting = object(
            &json!({"type": "sighting", "id": "sighting--1", "sighting_of_ref": "indicator--1",
            "observed_data_refs": ["observed-data--1"]}),
        );
        let missing = missing(&[observed, sighting], &HashMap::new());
        assert_eq!(
            missing,
            [
                "identity--1",
                "indicator--1",
                "ipv4-addr--1",
                "marking-definition--1"
            ]
        );

        let known = [
            json!({"type": "identity", "id": "identity--1", "created_by_ref": "identity--2"}),
            json!({"type": "identity", "id": "identity--2", "created_by_ref": "identity--1"}),
            json!({"type": "identity", "id": "identity--3"}),
        ];
        let known = known
            .iter()
            .map(|one| (one["id"].as_str().unwrap().to_owned(), object(one)))
            .collect();
        let one = object(
            &json!({"type": "indicator", "id": "indicator--1", "created_by_ref": "identity--1"}),
        );
        let all = records(&[one], &known);
        assert_eq!(ids(&all[0]), ["indicator--1", "identity--1", "identity--2"]);
    }

    #[test]
    fn a_large_page_is_several_records_and_none_is_lost() {
        let large = |n: usize| {
            let about = "x".repeat(1 << 20);
            object(
                &json!({"type": "indicator", "id": format!("indicator--{n}"), "description": about}),
            )
        };
        let objects: Vec<TaxiiObject> = (0..10).map(large).collect();
        let all = records(&objects, &HashMap::new());
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|record| record.len() < RECORD_BYTES + 1000));
        let told: Vec<String> = all.iter().flat_map(ids).collect();
        let expected: Vec<String> = objects.iter().map(|object| object.id.clone()).collect();
        assert_eq!(told, expected);
        assert!(TaxiiObject::of(serde_json::value::to_raw_value(&json!([1])).unwrap()).is_err());
    }
}
