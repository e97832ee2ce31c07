//! Tables of hours: each holds the numbers of the events that the hour has.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, RawDocument, RawDocumentBuf, doc};
use sha2::{Digest, Sha256};

use crate::archive::ids::binary;
use crate::archive::keys;
use crate::error::StoreError;
use crate::graph::hours::times;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;
use crate::tables::builder::{Builder, Chunk};
use crate::tables::entries::Entries;
use crate::tables::families::FAMILIES;
use crate::tables::headers::{self, Header};
use crate::tables::{groups, scan, stored};
use crate::verify::content::id_of;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};

const READING: &str = "reading the tables of hours";

/// Kinds of one event's sub_type.
const COMBINATIONS: u32 = keys::COMBINATIONS as u32;

/// The sum of the entries of an organisation's tables, in any order: equal tables have equal sums.
type Sum = (u64, u128);

/// Checks the headers of a page, and the tables that they say are right.
pub(super) async fn check_headers(
    context: &Context,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    for document in page {
        let key = id_of(document);
        let Some(header) = headers::read_row(document) else {
            found.add(FaultKind::Hour, key, "it is no header of an hour");
            continue;
        };
        if header.made.is_none() {
            continue;
        }
        let expected = expected(context, header.hour).await?;
        let kept = kept(context, &header).await?;
        // whoever changes events of the hour says so in the header before
        let again = Find::new(READING, ID, doc! {"_id": &key})
            .all(&context.archive().hours)
            .await?;
        let again = again.first().and_then(|row| headers::read_row(row));
        let unchanged = again.is_some_and(|again| again.n == header.n && again.made == header.made);
        if unchanged && expected != kept {
            let count = |sums: &BTreeMap<Vec<u8>, Sum>| sums.values().map(|sum| sum.0).sum::<u64>();
            let words = format!(
                "the tables of the hour {} have {} entries that do not agree with the {} of its events: `top` is wrong",
                header.hour,
                count(&kept),
                count(&expected)
            );
            found.add(FaultKind::Hour, key, words);
        }
    }
    Ok(found)
}

/// Builds the tables of an hour anew, and returns their sums by organisation.
async fn expected(context: &Context, hour: i64) -> Result<BTreeMap<Vec<u8>, Sum>, StoreError> {
    let coll = &context.archive().coll;
    let mut sums = BTreeMap::new();
    for org in &context.orgs {
        let tag = org.bytes()[..16].to_vec();
        let (mut from, mut sum) = (Some(0), Sum::default());
        while let Some(begin) = from {
            let mut builder = Builder::new(None, begin);
            let mut rows = scan::events(org, times(hour, hour)).rows(coll).await?;
            while let Some(event) = rows.next().await? {
                builder.add(&event);
            }
            let (chunks, next) = builder.end();
            from = next;
            for chunk in chunks {
                add(&mut sum, &chunk);
            }
        }
        if sum.0 > 0 {
            sums.insert(tag, sum);
        }
    }
    Ok(sums)
}

/// Returns the sums of the stored tables of an hour, by organisation.
async fn kept(context: &Context, header: &Header) -> Result<BTreeMap<Vec<u8>, Sum>, StoreError> {
    let mut sums: BTreeMap<Vec<u8>, Sum> = BTreeMap::new();
    for part in header.written.chunks(ASK) {
        let find = Find::new(READING, ID, doc! {"_id": {"$in": part}});
        let mut rows = find.rows(&context.archive().hours).await?;
        while let Some(row) = rows.next().await? {
            let Some(chunk) = stored::read(&row) else {
                continue;
            };
            if Some(chunk.made) != header.made {
                continue;
            }
            let org = row.get_binary("_id").ok().and_then(|id| id.bytes.get(..16));
            let sum = sums.entry(org.unwrap_or_default().to_vec()).or_default();
            let name = row.get_str("sub_type").unwrap_or_default().to_owned();
            let (events, entries) = (chunk.events, chunk.entries);
            add(
                sum,
                &Chunk {
                    name,
                    events,
                    entries,
                },
            );
        }
    }
    Ok(sums)
}

/// Adds the entries of a chunk. The kinds of its events are named by the chunk's own list.
fn add(sum: &mut Sum, chunk: &Chunk) {
    let event = |kind: u32| {
        let (event, kind) = (kind / COMBINATIONS, kind % COMBINATIONS);
        let event = chunk.events.get(event as usize).map_or("", String::as_str);
        (event, kind)
    };
    if FAMILIES.iter().any(|family| family.groups == chunk.name) {
        groups::each(&chunk.entries, |group, count| {
            let mut members: Vec<_> = group
                .iter()
                .map(|member| (member.place, member.id, event(member.kind)))
                .collect();
            members.sort_unstable();
            let mut sha = begun(&chunk.name, count);
            for (place, id, (event, kind)) in members {
                sha.update([place]);
                sha.update(id);
                sha.update((event.len() as u64).to_be_bytes());
                sha.update(event);
                sha.update(kind.to_be_bytes());
            }
            end(sum, sha);
        });
        return;
    }
    let mut entries = Entries(&chunk.entries);
    while let Some((id, counts)) = entries.next_counts() {
        for (kind, count) in counts {
            let (event, kind) = event(kind);
            let mut sha = begun(&chunk.name, count);
            sha.update(id);
            sha.update(event);
            sha.update(kind.to_be_bytes());
            end(sum, sha);
        }
    }
}

fn begun(name: &str, count: u64) -> Sha256 {
    let mut sha = Sha256::new();
    sha.update((name.len() as u64).to_be_bytes());
    sha.update(name);
    sha.update(count.to_be_bytes());
    sha
}

fn end(sum: &mut Sum, sha: Sha256) {
    let mut digest = [0; 16];
    digest.copy_from_slice(&sha.finalize()[..16]);
    sum.0 += 1;
    sum.1 = sum.1.wrapping_add(u128::from_be_bytes(digest));
}

/// Checks that the chunks of a page belong to hours.
pub(super) async fn check_chunks(
    context: &Context,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let hours: BTreeSet<u32> = page.iter().filter_map(|row| hour(row)).collect();
    let ids: Vec<Bson> = hours.into_iter().map(headers::id).collect();
    let mut written: BTreeSet<Vec<u8>> = BTreeSet::new();
    for part in ids.chunks(ASK) {
        let find = Find::new(READING, ID, doc! {"_id": {"$in": part}})
            .project(doc! {"written": 1, "old": 1});
        for header in find.all(&context.archive().hours).await? {
            for field in ["written", "old"] {
                let ids = header.get_array(field).ok().into_iter().flatten();
                written.extend(
                    ids.flatten()
                        .filter_map(|id| Some(id.as_binary()?.bytes.to_vec())),
                );
            }
        }
    }
    for document in page {
        let key = id_of(document);
        if !matches!(&key, Bson::Binary(id) if written.contains(&id.bytes)) {
            let words = "it is a part of tables that no hour has: it only takes room";
            found.add(FaultKind::HourAlone, key, words);
        }
    }
    Ok(found)
}

fn hour(row: &RawDocument) -> Option<u32> {
    let id = row.get_binary("_id").ok()?;
    stored::hour_of(id.bytes)
}

/// Returns the bounds of the ids of chunks.
pub(super) fn chunk_ids() -> (Bson, Bson) {
    let bound = |byte: u8| binary(vec![byte; stored::ID_BYTES]);
    (bound(0), bound(0xff))
}
