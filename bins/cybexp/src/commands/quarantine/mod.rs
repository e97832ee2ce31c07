//! `cybexp quarantine`: records that were set aside.

mod groups;
mod select;
mod show;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, EntryId, Raws, Refused, Selection};

use super::typetag;
use super::usage::Usage;
use cybexp_term::{self as term, DIM, GREEN, RED};
use groups::Groups;
use select::Which;
use show::Names;

#[derive(Subcommand)]
pub(crate) enum Action {
    /// List what was set aside, and why; records with the same reason together
    List {
        #[command(flatten)]
        which: Which,
        /// Each record by itself, newest first
        #[arg(long)]
        each: bool,
        /// Each record by itself, as JSON
        #[arg(long)]
        json: bool,
        /// The most reasons; with --each or --json the most records of each kind
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Show the document of a record; what is sealed stays sealed
    Show {
        /// Its id, as the list shows it
        id: EntryId,
    },
    /// Have the daemons try records again
    Retry(Records),
    /// Delete records for good: sealed submissions that cannot be opened, raws that a filter refused
    Delete {
        #[command(flatten)]
        records: Records,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Records that something is done with.
#[derive(clap::Args)]
pub(crate) struct Records {
    /// Their ids, as the list shows them
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<EntryId>,
    /// All that was set aside, or of that what the following options say
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    which: Which,
}

impl Records {
    /// The selection, where no ids are given.
    fn selection(&self) -> anyhow::Result<Option<Selection>> {
        if !self.all && self.which.is_some() {
            bail!(Usage(
                "--typetag, --org, --since and --reason go with --all, not with ids".to_owned()
            ));
        }
        self.all.then(|| self.which.selection()).transpose()
    }
}

pub(super) async fn run(action: Action, config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::open(config).await?;
    match action {
        Action::List {
            which,
            each,
            json,
            limit,
        } => {
            let selection = which.selection()?;
            let names = names(config).await;
            match each || json {
                true => store.list(&selection, limit, json, &names).await?,
                false => store.groups(&selection, limit, &names).await?,
            }
            let unread = store.raws.unread(&typetag::known()).await?;
            if let Some(told) = show::unread(&unread) {
                show::note(&told);
            }
        }
        Action::Show { id } => {
            let found = match store.cache.refused_entry(id).await? {
                Some(entry) => Some(entry),
                None => store.raws.refused_raw(id).await?,
            };
            let document = found.with_context(|| missing(id))?;
            anstream::println!("{}", term::json(&document));
        }
        Action::Retry(records) => {
            let (again, all) = match records.selection()? {
                Some(selection) => (store.retry_all(&selection).await?, true),
                None => {
                    let again = store.each(&records.ids, async |id| {
                        Ok(store.cache.retry(id).await? || store.raws.retry(id).await?)
                    });
                    let again = again.await?;
                    (again, again == records.ids.len() as u64)
                }
            };
            anstream::eprintln!(
                "{GREEN}✓{GREEN:#} {again} to be tried again; what is still wrong will be set aside anew"
            );
            return Ok(ExitCode::from(u8::from(!all)));
        }
        Action::Delete { records, yes } => {
            let selection = records.selection()?;
            let many = match &selection {
                Some(selection) => store.count(selection).await?,
                None => records.ids.len() as u64,
            };
            if many == 0 {
                anstream::eprintln!("nothing of that is set aside");
                return Ok(ExitCode::SUCCESS);
            }
            super::agreed(
                &format!("Delete {many} records that are set aside, for good?"),
                yes,
            )?;
            let (gone, all) = match selection {
                Some(selection) => (store.delete_all(&selection).await?, true),
                None => {
                    let gone = store.each(&records.ids, async |id| {
                        let entry = store.cache.delete_refused(id).await?;
                        Ok(entry || store.raws.delete_refused(id).await?)
                    });
                    let gone = gone.await?;
                    (gone, gone == records.ids.len() as u64)
                }
            };
            anstream::eprintln!("{GREEN}✓{GREEN:#} {gone} deleted");
            return Ok(ExitCode::from(u8::from(!all)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where records are set aside.
struct Store {
    cache: Cache,
    raws: Raws,
}

impl Store {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let (at, tahoe) = (config.cache_db()?, config.analytics_db()?);
        let server = super::server(&at, "cache.mongo_url").await?;
        let cache = Cache::open(&server, &at.db, &at.coll).await?;
        let server = super::server(&tahoe, "tahoe.mongo_url").await?;
        let archive = Archive::open(&server, &tahoe.db, &tahoe.coll).await?;
        Ok(Self {
            cache,
            raws: Raws::new(&archive),
        })
    }

    /// Prints each record by itself.
    async fn list(
        &self,
        selection: &Selection,
        limit: i64,
        json: bool,
        names: &Names,
    ) -> anyhow::Result<()> {
        let known = typetag::known();
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

    /// Prints the reasons, each with how many records were set aside for it.
    async fn groups(&self, selection: &Selection, limit: i64, names: &Names) -> anyhow::Result<()> {
        let groups = self.grouped(selection).await?;
        if groups.records() > 0 {
            anstream::println!("{} records are set aside", groups.records());
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

    async fn grouped(&self, selection: &Selection) -> anyhow::Result<Groups> {
        let mut groups = Groups::default();
        self.every(selection, |refused| groups.add(refused)).await?;
        Ok(groups)
    }

    async fn count(&self, selection: &Selection) -> anyhow::Result<u64> {
        let mut count = 0;
        self.every(selection, |_| count += 1).await?;
        Ok(count)
    }

    /// All records of the selection, one after the other.
    async fn every(
        &self,
        selection: &Selection,
        mut take: impl FnMut(Refused),
    ) -> anyhow::Result<()> {
        self.cache.each_refused(selection, &mut take).await?;
        let known = typetag::known();
        self.raws.each_refused(&known, selection, &mut take).await?;
        Ok(())
    }

    async fn retry_all(&self, selection: &Selection) -> anyhow::Result<u64> {
        let entries = self.cache.retry_all(selection).await?;
        let known = typetag::known();
        let raws = self.raws.retry_all(&known, selection).await?;
        Ok(entries + raws)
    }

    async fn delete_all(&self, selection: &Selection) -> anyhow::Result<u64> {
        let entries = self.cache.delete_all_refused(selection).await?;
        let known = typetag::known();
        let raws = self.raws.delete_all_refused(&known, selection).await?;
        Ok(entries + raws)
    }

    /// Does something with each of these records; tells which are not set aside, and gives how many are.
    async fn each(
        &self,
        ids: &[EntryId],
        with: impl AsyncFn(EntryId) -> anyhow::Result<bool>,
    ) -> anyhow::Result<u64> {
        let mut done = 0;
        for id in ids {
            match with(*id).await? {
                true => done += 1,
                false => anstream::eprintln!("{RED}✗{RED:#} {}", missing(*id)),
            }
        }
        Ok(done)
    }
}

/// The names of the organisations. Without them, records are listed with their hashes.
async fn names(config: &Config) -> Names {
    let orgs = async { anyhow::Ok(super::identity(config).await?.orgs().await?) };
    let orgs = orgs.await.unwrap_or_default();
    let names = orgs
        .iter()
        .map(|org| (org.hash().to_string(), org.orgname().to_owned()));
    names.collect()
}

/// Says how many are not shown.
fn rest(shown: u64, all: u64, what: &str) {
    if all == 0 {
        anstream::println!("nothing is set aside");
    } else if all > shown {
        anstream::println!("{DIM}{shown} of {all} {what}; --limit shows more{DIM:#}");
    }
}

fn missing(id: EntryId) -> String {
    format!("{id} is not set aside: `cybexp quarantine list` shows what is")
}
