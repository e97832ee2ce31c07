//! Results for the records of a submission that has many.

use std::collections::BTreeMap;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use tahoe_core::Hash;

use crate::cache::entry::{BadRecord, Entry, EntryId, HASH_BYTES};
use crate::mongo::bulk::Update;

/// The most bytes of all reasons of an entry, which must fit in its document beside the hashes.
const REASONS_BYTES: usize = 7 << 20;
/// The most bytes of one reason.
const REASON_BYTES: usize = 1024;

/// The results for the records of an entry.
#[derive(Debug)]
pub struct OpenedRecords {
    /// MongoDB's id of the entry.
    pub id: EntryId,
    /// The entry as it was taken.
    pub entry: Entry,
    /// For each record that was read, its number and the hash of its raw, or the reason why there is none.
    pub records: Vec<(u32, Result<Hash, String>)>,
}

/// Makes the update of an entry. If somebody asked meanwhile for other records to be read again, it matches nothing, and
/// the entry stays in the queue.
pub(super) fn marked(opened: &OpenedRecords) -> Update {
    let OpenedRecords { id, entry, records } = opened;
    let length = entry.records.unwrap_or_default() as usize * HASH_BYTES;
    let mut raws = match (&entry.again, &entry.raws) {
        (Some(_), Some(raws)) => raws.bytes.clone(),
        _ => Vec::new(),
    };
    raws.resize(length, 0);
    let before = match &entry.again {
        Some(_) => entry.bad.as_slice(),
        None => &[],
    };
    let mut bad: BTreeMap<u32, &str> = before
        .iter()
        .map(|bad| (bad.n, bad.reason.as_str()))
        .collect();
    for (n, raw) in records {
        let start = (*n as usize).saturating_sub(1) * HASH_BYTES;
        let hash = match raw {
            Ok(hash) => {
                bad.remove(n);
                *hash.as_bytes()
            }
            Err(reason) => {
                bad.insert(*n, reason);
                [0; HASH_BYTES]
            }
        };
        if let Some(place) = raws.get_mut(start..start + HASH_BYTES) {
            place.copy_from_slice(&hash);
        }
    }
    let subtype = BinarySubtype::Generic;
    let mut set = doc! {"processed": true, "raws": Binary { subtype, bytes: raws }};
    let mut unset = doc! {"again": "", "error": "", "killed": ""};
    match bad.is_empty() {
        true => unset.extend(doc! {"bad": "", "bad_data": ""}),
        false => {
            set.insert("bad_data", true);
            set.insert("bad", list(bad));
        }
    }
    let again = match &entry.again {
        Some(again) => Bson::from_iter(again.iter().map(|n| i64::from(*n))),
        None => doc! {"$exists": false}.into(),
    };
    let update: Document = doc! {"$set": set, "$unset": unset};
    Update {
        filter: doc! {"_id": id, "again": again},
        update: update.into(),
        upsert: false,
    }
}

/// Makes the list of bad records. The more there are, the shorter their reasons.
fn list(bad: BTreeMap<u32, &str>) -> Bson {
    let most = (REASONS_BYTES / bad.len().max(1)).min(REASON_BYTES);
    let bad = bad.into_iter().map(|(n, reason)| BadRecord {
        n,
        reason: reason[..reason.floor_char_boundary(most)].to_owned(),
    });
    Bson::from_iter(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(again: Option<Vec<u32>>, records: u32) -> Entry {
        let mut entry = doc! {
            "typetag": "cowrie", "orgid": "unr", "timezone": "UTC", "timestamp": 1.5,
            "records": records, "fid": EntryId::new(),
        };
        if let Some(again) = again {
            let hashes = [[1; HASH_BYTES], [0; HASH_BYTES], [0; HASH_BYTES]].concat();
            let subtype = BinarySubtype::Generic;
            entry.insert(
                "raws",
                Binary {
                    subtype,
                    bytes: hashes,
                },
            );
            entry.insert("again", again);
            let bad = [2, 3].map(|n| doc! {"n": n, "reason": format!("old {n}")});
            entry.insert("bad", Bson::from_iter(bad));
        }
        bson::deserialize_from_document(entry).expect("an entry")
    }

    fn update(entry: Entry, records: Vec<(u32, Result<Hash, String>)>) -> Document {
        let id = EntryId::new();
        let update = marked(&OpenedRecords { id, entry, records });
        update.update.as_document().expect("a document").clone()
    }

    #[test]
    fn records_that_are_read_again_change_no_others() {
        let hash = Hash::of(&["raw"]);
        let update = update(entry(Some(vec![2]), 3), vec![(2, Ok(hash))]);
        let set = update.get_document("$set").expect("a change");
        let raws = set.get_binary_generic("raws").expect("hashes");
        let expected = [[1; HASH_BYTES], *hash.as_bytes(), [0; HASH_BYTES]].concat();
        assert_eq!(*raws, expected);
        let bad = set.get_array("bad").expect("a list");
        assert_eq!(*bad, [doc! {"n": 3_i64, "reason": "old 3"}.into()]);
    }

    #[test]
    fn the_document_of_an_entry_holds_all_reasons() {
        let records = 65_536;
        let bad = |n| (n, Err("é".repeat(2000)));
        let update = update(entry(None, records), (1..=records).map(bad).collect());
        let bytes = bson::serialize_to_vec(&update).expect("a document").len();
        assert!(bytes < 15 << 20, "{bytes}");
        let set = update.get_document("$set").expect("a change");
        let bad = set.get_array("bad").expect("a list");
        assert_eq!(bad.len(), records as usize);
    }
}
