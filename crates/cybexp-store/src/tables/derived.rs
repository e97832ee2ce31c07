//! The most frequent values that filters of the second stage derived from others, such as the countries of addresses: the
//! tables tell the events of each address, and its derived events name the country.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use bson::{Bson, doc};
use futures::future::try_join_all;
use tahoe_core::Hash;
use tokio::task::block_in_place;

use crate::archive::data;
use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::{EVENT_KEYS, ID};
use crate::tables::by_source::{Derived, FamilyParts, SourceValues, beginning};
use crate::tables::entries::ValueId;
use crate::tables::families::Family;
use crate::tables::known_derived::DerivedValues;
use crate::tables::merge::Part;
use crate::tables::ranges::{READERS, RangeTables};
use crate::tables::top::{TopPage, TopValues, parts};

/// The most values of an organisation and sub_type of which it is read what was derived from them, for one answer.
const SOURCES: usize = 20_000;
/// The time after which an answer uses what was known before of values, although a filter has gone through a part of the
/// archive since; and the number of values that are read anew however long it takes.
const PATIENCE: Duration = Duration::from_millis(500);
const FEW: usize = 2_000;

impl GraphReader {
    /// Returns the values of a sub_type that the most events of these organisations have, or from whose values they were
    /// derived. An organisation's events count by what was derived in that organisation.
    pub(crate) async fn top_derived(
        &self,
        of: TopValues<'_>,
        family: &'static Family,
        orgs: &[OrgTag],
    ) -> Result<TopPage, StoreError> {
        let mut names = vec![of.sub_type, family.groups];
        names.extend(family.sources.iter().map(|source| source.sub_type));
        let tables = self.tables_in(of.range, orgs, &names).await?;
        let mut page = TopPage {
            exact: tables.exact,
            ..TopPage::default()
        };
        let mut counts: HashMap<ValueId, u64> = HashMap::new();
        let mut hashes: HashMap<ValueId, Hash> = HashMap::new();
        let until = Instant::now() + PATIENCE;
        for (place, org) in orgs.iter().enumerate() {
            let of_org = family_parts(&of, family, &tables, place);
            let sources = block_in_place(|| of_org.source_values(SOURCES));
            page.left_out += sources.left_out;
            let (derived, is_whole) = self
                .derived_from(org, family, of.sub_type, &sources, until)
                .await?;
            page.exact &= is_whole;
            let known = derived.values().flatten();
            hashes.extend(known.map(|hash| (beginning(hash), *hash)));
            let found = block_in_place(|| of_org.count(&sources, &derived));
            for (id, count) in found {
                *counts.entry(id).or_default() += count;
            }
        }
        page.distinct = counts.len() as u64;
        page.sum = counts.values().sum();
        page.exact &= page.left_out == 0;
        let mut most: Vec<(ValueId, u64)> = counts.into_iter().collect();
        most.sort_unstable_by(|(one, n), (other, m)| m.cmp(n).then(one.cmp(other)));
        most.truncate(of.limit);
        let unknown = most.iter().map(|(id, _)| *id);
        let unknown: Vec<ValueId> = unknown.filter(|id| !hashes.contains_key(id)).collect();
        hashes.extend(self.hashes(&unknown).await?);
        let values = most.iter();
        page.values = values
            .filter_map(|(id, count)| Some((*hashes.get(id)?, *count)))
            .collect();
        Ok(page)
    }

    /// Returns the values of a sub_type that were derived in an organisation from these, and whether all of that was
    /// read since the filters stand as they do.
    async fn derived_from(
        &self,
        org: &OrgTag,
        family: &'static Family,
        sub_type: &str,
        sources: &SourceValues,
        until: Instant,
    ) -> Result<(Derived, bool), StoreError> {
        let ids: Vec<ValueId> = sources.values.iter().map(|(id, _)| *id).collect();
        let standing = standing(family).all(&self.filters).await?;
        let known = self.derived.get(&standing, org, &ids);
        let mut found: HashMap<ValueId, DerivedValues> = HashMap::new();
        let mut unknown: Vec<ValueId> = Vec::new();
        for (id, known) in ids.into_iter().zip(known) {
            match known {
                Some(values) => drop(found.insert(id, values)),
                None => unknown.push(id),
            }
        }
        // the values are in order, the most frequent first
        let at_once = (ASK / family.filters.len()).max(1);
        let (mut read, mut is_late, mut is_whole) = (0, false, true);
        while !unknown.is_empty() {
            if !is_late && read >= FEW && Instant::now() >= until {
                is_late = true;
                unknown.retain(|id| {
                    let outdated = self.derived.outdated(org, id);
                    let is_new = outdated.is_none();
                    found.extend(outdated.map(|values| (*id, values)));
                    is_whole &= is_new;
                    is_new
                });
            }
            let next = unknown.len().min(READERS * at_once);
            let next: Vec<ValueId> = unknown.drain(..next).collect();
            let reads = next.chunks(at_once).map(|part| async move {
                let hashes: Vec<Hash> = self.hashes(part).await?.into_values().collect();
                self.read_derived(org, family, &hashes).await
            });
            let parts: Vec<Vec<(ValueId, DerivedValues)>> = try_join_all(reads).await?;
            read += next.len();
            let parts: Vec<(ValueId, DerivedValues)> = parts.into_iter().flatten().collect();
            self.derived.put(
                &standing,
                org,
                parts.iter().map(|(id, values)| (id, values)),
            );
            found.extend(parts);
        }
        let place = family.place(sub_type);
        let wanted = |values: DerivedValues| {
            let wanted = values.iter().filter(|(of, _)| Some(*of) == place);
            wanted.map(|(_, hash)| *hash).collect()
        };
        let derived = found.into_iter().map(|(id, values)| (id, wanted(values)));
        Ok((derived.collect(), is_whole))
    }

    /// Reads what was derived from these values.
    async fn read_derived(
        &self,
        org: &OrgTag,
        family: &Family,
        values: &[Hash],
    ) -> Result<Vec<(ValueId, DerivedValues)>, StoreError> {
        let mut elements: HashMap<Vec<u8>, ValueId> = HashMap::new();
        for filter in family.filters {
            let of_filter = values.iter().map(|hash| {
                let element = keys::of_source(org, *hash, filter);
                (element, beginning(hash))
            });
            elements.extend(of_filter);
        }
        let asked: Vec<Bson> = elements.keys().cloned().map(binary).collect();
        // two filters may derive the same from a value
        let mut all: HashMap<ValueId, BTreeSet<(u8, Hash)>> = HashMap::new();
        let mut rows = derived_data(&asked).rows(&self.coll).await?;
        while let Some(row) = rows.next().await? {
            let Ok(data) = row.get_document("data") else {
                continue;
            };
            let keys = row.get_array("_keys").ok().into_iter().flatten().flatten();
            let sources = keys.filter_map(|key| elements.get(key.as_binary()?.bytes).copied());
            let derived = data::hashes(data, |name| family.derived.contains(&name));
            let derived = derived
                .iter()
                .filter_map(|(name, hash)| Some((family.place(name)?, *hash)));
            let derived: Vec<(u8, Hash)> = derived.collect();
            for source in sources {
                all.entry(source).or_default().extend(&derived);
            }
        }
        let all = all.into_iter();
        Ok(all
            .map(|(id, values)| (id, values.into_iter().collect()))
            .collect())
    }
}

fn family_parts(
    of: &TopValues<'_>,
    family: &'static Family,
    tables: &RangeTables,
    org: usize,
) -> FamilyParts {
    let parts = |name: usize| -> Vec<Part> {
        let tables = tables.of(org, name).iter();
        tables.flat_map(|table| parts(of, table)).collect()
    };
    FamilyParts {
        family,
        wanted: family.place(of.sub_type).unwrap_or(u8::MAX),
        own: parts(0),
        groups: parts(1),
        sources: (0..family.sources.len()).map(|n| parts(n + 2)).collect(),
    }
}

/// Finds how far the filters of a family are.
pub(crate) fn standing(family: &Family) -> Find {
    let names = doc! {"_id": {"$in": family.filters}};
    Find::new("reading how far filters are", ID, names)
        .project(doc! {"id": 1, "walked": 1, "place": 1})
        .sort(doc! {"_id": 1})
}

/// Finds the events that have one of these source elements, with their data.
pub(crate) fn derived_data(elements: &[Bson]) -> Find {
    let filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    Find::new("reading what was derived from values", EVENT_KEYS, filter)
        .project(doc! {"_id": 0, "data": 1, "_keys": 1})
}
