//! The quarantine, as one: entries of the cache that the archive refused, and raws that a filter refused.

use anyhow::Context;
use cybexp_filters::all_typetags;
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, EntryRecordId, Raws, Refused, Selection, Unread};
use cybexp_term::{self as term, DIM, RED};
use serde_json::Value;

use super::groups::ReasonGroups;
use super::record_id::RecordId;
use super::show::{self, OrgNames};
use crate::commands::databases;

/// The two collections in which records are in quarantine.
pub(super) struct Quarantine {
    cache: Cache,
    raws: Raws,
}

impl Quarantine {
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let (at, tahoe) = (config.cache_db()?, config.analytics_db()?);
        let server = databases::server(&at, "cache.mongo_url").await?;
        let cache = Cache::open(&server, &at.db, &at.coll).await?;
        let server = databases::server(&tahoe, "tahoe.mongo_url").await?;
        let archive = Archive::open(&server, &tahoe.db, &tahoe.coll).await?;
        Ok(Self {
            cache,
            raws: Raws::new(&archive),
        })
    }

    /// Prints each record by itself.
    pub(super) async fn list(
        &self,
        selection: &Selection,
        limit: i64,
        json: bool,
        names: &OrgNames,
    ) -> anyhow::Result<()> {
        let known = all_typetags();
        let entries = self.cache.refused_of(selection, limit).await?;
        let raws = self.raws.refused_of(&known, selection, limit).await?;
        if json {
            let documents = show::documents(&entries, &raws, names);
            anstream::println!("{}", term::json(&documents));
            return Ok(());
        }
        let shown = (entries.len() + raws.len()) as u64;
        for refused in entries.iter().chain(&raws) {
            show::record(refused, names);
        }
        rest(shown, self.count(selection).await?, "records");
        Ok(())
    }

    /// Prints the reasons, each with its number of records.
    pub(super) async fn groups(
        &self,
        selection: &Selection,
        limit: i64,
        names: &OrgNames,
    ) -> anyhow::Result<()> {
        let groups = self.grouped(selection).await?;
        match groups.records() {
            0 => {}
            1 => anstream::println!("1 record is set aside"),
            many => anstream::println!("{many} records are set aside"),
        }
        let mut groups = groups.sorted();
        let all = groups.len() as u64;
        groups.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for group in &mut groups {
            let newest = &mut group.newest;
            if let Some(hash) = &newest.hash {
                newest.name = self.cache.name_of(hash, newest.timestamp).await?;
            }
            show::group(group, names);
        }
        rest(groups.len() as u64, all, "reasons");
        Ok(())
    }

    async fn grouped(&self, selection: &Selection) -> anyhow::Result<ReasonGroups> {
        let mut groups = ReasonGroups::default();
        self.every(selection, |refused| groups.add(refused)).await?;
        Ok(groups)
    }

    pub(super) async fn count(&self, selection: &Selection) -> anyhow::Result<u64> {
        let mut count = 0;
        self.every(selection, |_| count += 1).await?;
        Ok(count)
    }

    /// Calls a function with each record of the selection.
    async fn every(
        &self,
        selection: &Selection,
        mut take: impl FnMut(Refused),
    ) -> anyhow::Result<()> {
        self.cache.each_refused(selection, &mut take).await?;
        let known = all_typetags();
        self.raws.each_refused(&known, selection, &mut take).await?;
        Ok(())
    }

    pub(super) async fn retry_all(&self, selection: &Selection) -> anyhow::Result<u64> {
        let entries = self.cache.retry_all(selection).await?;
        let known = all_typetags();
        let raws = self.raws.retry_all(&known, selection).await?;
        Ok(entries + raws)
    }

    pub(super) async fn delete_all(&self, selection: &Selection) -> anyhow::Result<u64> {
        let entries = self.cache.delete_all_refused(selection).await?;
        let known = all_typetags();
        let raws = self.raws.delete_all_refused(&known, selection).await?;
        Ok(entries + raws)
    }

    /// Returns the document of a quarantined record, or the documents where several organisations submitted it.
    pub(super) async fn document(&self, id: &RecordId) -> anyhow::Result<Value> {
        let mut found = match id {
            RecordId::Entry(EntryRecordId { id, n: None }) => {
                self.cache.refused_entry(*id).await?.into_iter().collect()
            }
            RecordId::Entry(EntryRecordId { id, n: Some(n) }) => {
                let record = self.cache.refused_record(*id, *n).await?;
                record.into_iter().collect()
            }
            RecordId::Raw(hash) => self.raws.refused_raw(hash).await?,
        };
        match found.len() {
            0 | 1 => found.pop().with_context(|| missing(id)),
            _ => Ok(Value::Array(found)),
        }
    }

    /// Has these records tried again. Returns how many of them are quarantined, and tells of the others.
    pub(super) async fn retry(&self, ids: &[RecordId]) -> anyhow::Result<u64> {
        let mut again = 0;
        for id in ids {
            let done = match id {
                RecordId::Entry(EntryRecordId { id, n: None }) => self.cache.retry(*id).await?,
                RecordId::Entry(EntryRecordId { id, n: Some(n) }) => {
                    self.cache.retry_record(*id, *n).await?
                }
                RecordId::Raw(hash) => self.raws.retry(hash).await?,
            };
            again += counted(done, id);
        }
        Ok(again)
    }

    /// Deletes these records. Returns how many of them were quarantined, and tells of the others.
    pub(super) async fn delete(&self, ids: &[RecordId]) -> anyhow::Result<u64> {
        let mut gone = 0;
        for id in ids {
            let done = match id {
                RecordId::Entry(EntryRecordId { id, n: None }) => {
                    self.cache.delete_refused(*id).await?
                }
                RecordId::Entry(EntryRecordId { id, n: Some(n) }) => {
                    self.cache.delete_refused_record(*id, *n).await?
                }
                RecordId::Raw(hash) => self.raws.delete_refused(hash).await?,
            };
            gone += counted(done, id);
        }
        Ok(gone)
    }

    /// Returns the raws that no filter reads, by typetag.
    pub(super) async fn unread(&self) -> anyhow::Result<Vec<Unread>> {
        Ok(self.raws.unread(&all_typetags()).await?)
    }
}

fn counted(done: bool, id: &RecordId) -> u64 {
    if !done {
        anstream::eprintln!("{RED}✗{RED:#} {}", missing(id));
    }
    u64::from(done)
}

/// Returns the names of the organisations; none if their database fails, and then records are listed with hashes.
pub(super) async fn names(config: &Config) -> OrgNames {
    let orgs = async { anyhow::Ok(databases::identity(config).await?.orgs().await?) };
    let orgs = orgs.await.unwrap_or_default();
    let names = orgs
        .iter()
        .map(|org| (org.hash().to_string(), org.orgname().to_owned()));
    names.collect()
}

/// Prints how many records or reasons are not shown.
fn rest(shown: u64, all: u64, what: &str) {
    if all == 0 {
        anstream::println!("nothing is set aside");
    } else if all > shown {
        anstream::println!("{DIM}{shown} of {all} {what}; --limit shows more{DIM:#}");
    }
}

fn missing(id: &RecordId) -> String {
    format!("{id} is not set aside: `cybexp quarantine list` shows what is")
}
