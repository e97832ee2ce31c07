//! Builds tables from events, without input or output.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::RawDocument;
use tahoe_core::{Category, Hash};

use crate::archive::data;
use crate::archive::keys;
use crate::archive::stored::DERIVED;
use crate::tables::entries::{self, Counts, ValueId};
use crate::tables::families::{FAMILIES, Family};
use crate::tables::groups::{self, Group, Member};

/// The most entries that are held. Beyond that a table is built in several passes over the events.
const MOST: usize = 300_000;
/// The most bytes of the entries of one chunk.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// Tables of one organisation, by sub_type.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    /// The names of the tables that are wanted; `None` for all.
    wanted: Option<&'a [&'a str]>,
    tables: HashMap<String, HashMap<ValueId, Counts>>,
    /// The groups of values of each family that events have together, in the order of [`FAMILIES`].
    groups: [HashMap<Group, u64>; FAMILIES.len()],
    /// The sub_types of the events.
    events: Vec<String>,
    entries: usize,
    /// The first bytes of the ids of this pass, without the end.
    first_bytes: (u16, u16),
}

/// The entries of a table, or a part of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunk {
    /// The sub_type of the values, or the name of the groups of a family.
    pub name: String,
    /// The sub_types of the events, by their place in the kinds of the entries.
    pub events: Vec<String>,
    pub entries: Vec<u8>,
}

impl<'a> Builder<'a> {
    /// Begins the pass over ids whose first byte is this one or greater.
    pub(crate) fn new(wanted: Option<&'a [&'a str]>, from: u16) -> Self {
        Self {
            wanted,
            tables: HashMap::new(),
            groups: Default::default(),
            events: Vec::new(),
            entries: 0,
            first_bytes: (from, 256),
        }
    }

    /// Adds an event: its sub_type, category, data and contexts. One that is malformed is left out. Of a derived event
    /// count only the values that it was made for, which have its own sub_type: it repeats others of observed events.
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
        let is_derived = event.get_bool(DERIVED).unwrap_or(false);
        let mut groups: [Group; FAMILIES.len()] = Default::default();
        let counts = |name: &str| match is_derived {
            true => name == sub_type && self.wants(name),
            false => self.reads(name),
        };
        for (name, hash) in data::hashes(data, counts) {
            let (malicious, benign) = (malicious.contains(&hash), benign.contains(&hash));
            let kind = keys::kind(keys::Nature::Observed, malicious, benign, category);
            let kind = of_event as u32 * u32::from(keys::COMBINATIONS) + u32::from(kind);
            let mut id = ValueId::default();
            id.copy_from_slice(&hash.as_bytes()[..16]);
            if self.wants(name) {
                self.count(name, id, kind);
            }
            for (family, group) in FAMILIES.iter().zip(&mut groups) {
                if let Some(place) = family.place(name) {
                    group.push(Member { id, place, kind });
                }
            }
        }
        for (n, group) in groups.into_iter().enumerate() {
            if group.len() > 1 && self.wants(FAMILIES[n].groups) {
                self.count_group(n, group);
            }
        }
        if self.entries > MOST {
            self.halve();
        }
    }

    /// Whether the table of this name is wanted.
    fn wants(&self, name: &str) -> bool {
        self.wanted.is_none_or(|wanted| wanted.contains(&name))
    }

    /// Whether values of this sub_type are needed for a table that is wanted.
    fn reads(&self, sub_type: &str) -> bool {
        let is_grouped =
            |family: &Family| family.place(sub_type).is_some() && self.wants(family.groups);
        self.wants(sub_type) || FAMILIES.iter().any(is_grouped)
    }

    /// Whether an id belongs to this pass.
    fn takes(&self, id: &ValueId) -> bool {
        let (from, to) = self.first_bytes;
        (from..to).contains(&u16::from(id[0]))
    }

    fn count_group(&mut self, family: usize, mut group: Group) {
        group.sort_unstable();
        if self.takes(&group[0].id) {
            let members = group.len();
            let count = self.groups[family].entry(group).or_default();
            self.entries += members * usize::from(*count == 0);
            *count += 1;
        }
    }

    fn count(&mut self, name: &str, id: ValueId, kind: u32) {
        if !self.takes(&id) {
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
        for groups in &mut self.groups {
            groups.retain(|group, _| u16::from(group[0].id[0]) < end);
            self.entries += groups.keys().map(Vec::len).sum::<usize>();
        }
    }

    /// Returns the chunks of this pass, those of a table in the order of their ids, then those of groups; and where the
    /// next pass begins, if there is one.
    pub(crate) fn end(self) -> (Vec<Chunk>, Option<u16>) {
        let mut chunks = Vec::new();
        let events = self.events;
        let mut add = |name: &str, entries: &mut dyn Iterator<Item = Vec<u8>>| {
            let mut text = Vec::new();
            let chunk = |entries: Vec<u8>| Chunk {
                name: name.to_owned(),
                events: events.clone(),
                entries,
            };
            for entry in entries {
                if text.len() + entry.len() > CHUNK_BYTES && !text.is_empty() {
                    chunks.push(chunk(std::mem::take(&mut text)));
                }
                text.extend(entry);
            }
            if !text.is_empty() {
                chunks.push(chunk(text));
            }
        };
        let tables: BTreeMap<String, _> = self.tables.into_iter().collect();
        for (sub_type, table) in tables {
            let mut table: Vec<(ValueId, Counts)> = table.into_iter().collect();
            table.sort_unstable_by_key(|(id, _)| *id);
            let mut entries = table.iter().map(|(id, counts)| entries::entry(id, counts));
            add(&sub_type, &mut entries);
        }
        for (family, groups) in FAMILIES.iter().zip(self.groups) {
            let mut groups: Vec<(Group, u64)> = groups.into_iter().collect();
            groups.sort_unstable();
            let mut entries = groups
                .iter()
                .map(|(group, count)| groups::entry(group, *count));
            add(family.groups, &mut entries);
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
        let names: Vec<&str> = chunks.iter().map(|it| it.name.as_str()).collect();
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
            let mut builder = Builder::new(Some(&["username"]), begin);
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
