//! Builds tables from events, without input or output.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::RawDocument;
use tahoe_core::{Category, Hash};

use crate::archive::data;
use crate::archive::keys;
use crate::tables::entries::{self, Counts, ValueId};

/// The most entries that are held. Beyond that a table is built in several passes over the events.
const MOST: usize = 300_000;
/// The most bytes of the entries of one chunk.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// Tables of one organisation, by sub_type.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    /// The only sub_type that is wanted; `None` for all.
    sub_type: Option<&'a str>,
    tables: HashMap<String, HashMap<ValueId, Counts>>,
    /// The sub_types of the events.
    events: Vec<String>,
    entries: usize,
    /// The first bytes of the ids of this pass, without the end.
    first_bytes: (u16, u16),
}

/// The entries of a table, or a part of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunk {
    pub sub_type: String,
    /// The sub_types of the events, by their place in the kinds of the entries.
    pub events: Vec<String>,
    pub entries: Vec<u8>,
}

impl<'a> Builder<'a> {
    /// Begins the pass over ids whose first byte is this one or greater.
    pub(crate) fn new(sub_type: Option<&'a str>, from: u16) -> Self {
        Self {
            sub_type,
            tables: HashMap::new(),
            events: Vec::new(),
            entries: 0,
            first_bytes: (from, 256),
        }
    }

    /// Adds an event: its sub_type, category, data and contexts. One that is malformed is left out.
    pub(crate) fn add(&mut self, event: &RawDocument) {
        let (Ok(sub_type), Ok(category), Ok(data)) = (
            event.get_str("sub_type"),
            event.get_str("category"),
            event.get_document("data"),
        ) else {
            return;
        };
        let category = category.parse().unwrap_or(Category::Unknown);
        let (malicious, benign) = (hashes(event, "_mal_ref"), hashes(event, "_ben_ref"));
        let of_event = match self.events.iter().position(|known| known == sub_type) {
            Some(place) => place,
            None => {
                self.events.push(sub_type.to_owned());
                self.events.len() - 1
            }
        };
        for (name, hash) in data::hashes(data, self.sub_type) {
            let (malicious, benign) = (malicious.contains(&hash), benign.contains(&hash));
            let kind = keys::kind(keys::Nature::Observed, malicious, benign, category);
            let kind = of_event as u32 * u32::from(keys::COMBINATIONS) + u32::from(kind);
            self.count(name, hash, kind);
        }
        if self.entries > MOST {
            self.halve();
        }
    }

    fn count(&mut self, name: &str, hash: Hash, kind: u32) {
        let mut id = ValueId::default();
        id.copy_from_slice(&hash.as_bytes()[..16]);
        let first = u16::from(id[0]);
        if first < self.first_bytes.0 || first >= self.first_bytes.1 {
            return;
        }
        if !self.tables.contains_key(name) {
            self.tables.insert(name.to_owned(), HashMap::new());
        }
        let Some(table) = self.tables.get_mut(name) else {
            return;
        };
        let counts = table.entry(id).or_default();
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => {
                counts.push((kind, 1));
                self.entries += 1;
            }
        }
    }

    /// Leaves the upper half of the ids to the next pass.
    fn halve(&mut self) {
        let (from, to) = self.first_bytes;
        if to - from < 2 {
            return;
        }
        self.first_bytes.1 = from + (to - from) / 2;
        let end = self.first_bytes.1;
        self.entries = 0;
        for table in self.tables.values_mut() {
            table.retain(|id, _| u16::from(id[0]) < end);
            self.entries += table.values().map(Vec::len).sum::<usize>();
        }
    }

    /// Returns the chunks of this pass, those of a table in the order of their ids; and where the next pass begins, if
    /// there is one.
    pub(crate) fn end(self) -> (Vec<Chunk>, Option<u16>) {
        let mut chunks = Vec::new();
        let tables: BTreeMap<String, _> = self.tables.into_iter().collect();
        for (sub_type, table) in tables {
            let mut table: Vec<(ValueId, Counts)> = table.into_iter().collect();
            table.sort_unstable_by_key(|(id, _)| *id);
            let mut text = Vec::new();
            let chunk = |entries: Vec<u8>| Chunk {
                sub_type: sub_type.clone(),
                events: self.events.clone(),
                entries,
            };
            for (id, counts) in table {
                entries::push(&mut text, &id, &counts);
                if text.len() >= CHUNK_BYTES - 1024 {
                    chunks.push(chunk(std::mem::take(&mut text)));
                }
            }
            if !text.is_empty() {
                chunks.push(chunk(text));
            }
        }
        let end = self.first_bytes.1;
        (chunks, (end < 256).then_some(end))
    }
}

fn hashes(event: &RawDocument, field: &str) -> HashSet<Hash> {
    let list = event.get_array(field).into_iter().flatten().flatten();
    list.filter_map(|hash| hash.as_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, doc};
    use tahoe_core::{Attribute, SubType};

    use super::*;
    use crate::tables::entries::Entries;

    fn name(n: usize) -> String {
        format!("user{n}")
    }

    fn event(names: &[usize]) -> RawDocumentBuf {
        let user = |n: usize| Attribute::new(SubType::from_static("username"), name(n));
        let names: Vec<String> = names.iter().map(|n| name(*n)).collect();
        let event = doc! {
            "sub_type": "ssh", "category": "malicious",
            "data": {"credential": [{"username": names}], "port": [22]},
            "_mal_ref": [user(0).hash().to_string()], "_ben_ref": [],
        };
        RawDocumentBuf::try_from(&event).unwrap()
    }

    #[test]
    fn values_are_counted_once_for_an_event() {
        let mut builder = Builder::new(None, 0);
        builder.add(&event(&[0, 0, 1]));
        builder.add(&event(&[0]));
        let (chunks, rest) = builder.end();
        assert_eq!(rest, None);
        let names: Vec<&str> = chunks.iter().map(|it| it.sub_type.as_str()).collect();
        assert_eq!(names, ["port", "username"]);
        let mut entries = Entries(&chunks[1].entries);
        let mut sums = Vec::new();
        while let Some((_, sum)) = entries.next_sum(|_| true) {
            sums.push(sum);
        }
        sums.sort_unstable();
        assert_eq!(sums, [1, 2]);
        // malicious context and category
        let mut entries = Entries(&chunks[1].entries);
        let mut malicious = 0;
        while let Some((_, sum)) = entries.next_sum(|kind| kind == 2 * 3 + 2) {
            malicious += sum;
        }
        assert_eq!(malicious, 2);
    }

    #[test]
    fn a_table_that_is_too_large_is_built_in_passes() {
        let events: Vec<_> = (0..400)
            .map(|n| event(&(n * 1000..(n + 1) * 1000).collect::<Vec<_>>()))
            .collect();
        let (mut from, mut ids, mut passes) = (Some(0), Vec::new(), 0);
        while let Some(begin) = from {
            let mut builder = Builder::new(Some("username"), begin);
            events.iter().for_each(|event| builder.add(event));
            let (chunks, next) = builder.end();
            for chunk in chunks {
                assert!(chunk.entries.len() <= CHUNK_BYTES);
                let mut entries = Entries(&chunk.entries);
                while let Some((id, _)) = entries.next_sum(|_| true) {
                    ids.push(id);
                }
            }
            from = next;
            passes += 1;
        }
        assert_eq!((ids.len(), passes), (400_000, 2));
        assert!(ids.is_sorted());
    }
}
