//! `cybexp quarantine`: records that were set aside.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use cybexp_filters::FILTERS;
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, EntryId, Raws, Refused};
use serde_json::{Value, json};

use cybexp_term::{self as term, DIM, GREEN, RED};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// List what was set aside, and why
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The most records of each kind
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Show the document of a record; what is sealed stays sealed
    Show {
        /// Its id, as the list shows it
        id: EntryId,
    },
    /// Have the daemons try records again
    Retry {
        /// Their ids, as the list shows them
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<EntryId>,
        /// All that was set aside
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// With --all: of this typetag only
        #[arg(long, requires = "all")]
        typetag: Option<String>,
    },
}

pub(super) async fn run(action: Action, config: &Config) -> anyhow::Result<ExitCode> {
    let (cache, raws) = open(config).await?;
    match action {
        Action::List { json, limit } => {
            let entries = cache.refused(limit).await?;
            let refused = raws.refused(&typetags(), limit).await?;
            let total = cache.count_refused().await? + raws.count_refused(&typetags()).await?;
            match json {
                true => anstream::println!("{}", term::json(&documents(&entries, &refused))),
                false => table(&[entries, refused].concat(), total),
            }
        }
        Action::Show { id } => {
            let found = match cache.refused_entry(id).await? {
                Some(entry) => Some(entry),
                None => raws.refused_raw(id).await?,
            };
            let document = found.with_context(|| missing(id))?;
            anstream::println!("{}", term::json(&document));
        }
        Action::Retry {
            all: true, typetag, ..
        } => {
            let entries = cache.retry_all(typetag.as_deref()).await?;
            let again = match &typetag {
                Some(typetag) => raws.retry_all(&[typetag]).await?,
                None => raws.retry_all(&typetags()).await?,
            };
            done(entries + again);
        }
        Action::Retry { ids, .. } => {
            let mut again = 0;
            for id in &ids {
                if cache.retry(*id).await? || raws.retry(*id).await? {
                    again += 1;
                } else {
                    anstream::eprintln!("{RED}✗{RED:#} {}", missing(*id));
                }
            }
            done(again);
            return Ok(ExitCode::from(u8::from(again < ids.len() as u64)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(config: &Config) -> anyhow::Result<(Cache, Raws)> {
    let (at, tahoe) = (config.cache_db()?, config.analytics_db()?);
    let server = super::server(&at, "cache.mongo_url").await?;
    let cache = Cache::open(&server, &at.db, &at.coll).await?;
    let server = super::server(&tahoe, "tahoe.mongo_url").await?;
    let archive = Archive::open(&server, &tahoe.db, &tahoe.coll).await?;
    Ok((cache, Raws::new(&archive)))
}

/// Those that any filter reads; no other raw can be refused.
fn typetags() -> Vec<&'static str> {
    FILTERS
        .iter()
        .flat_map(|filter| filter.typetags())
        .copied()
        .collect()
}

fn documents(entries: &[Refused], raws: &[Refused]) -> Value {
    let kinds = [("entry", entries), ("raw", raws)].into_iter();
    let all = kinds.flat_map(|(kind, refused)| refused.iter().map(move |row| (kind, row)));
    all.map(|(kind, row)| {
        let Refused {
            typetag,
            id,
            by,
            reason,
        } = row;
        json!({"id": id, "kind": kind, "typetag": typetag, "by": by, "reason": reason})
    })
    .collect()
}

fn table(refused: &[Refused], total: u64) {
    if refused.is_empty() {
        return anstream::println!("nothing is set aside");
    }
    let mut table = term::table(&["typetag", "by", "reason", "id"]);
    for Refused {
        typetag,
        id,
        by,
        reason,
    } in refused
    {
        table.add_row([
            term::short(typetag),
            term::short(by),
            term::line(reason),
            id.clone(),
        ]);
    }
    anstream::println!("{table}");
    if total > refused.len() as u64 {
        anstream::println!(
            "{DIM}{} of {total}; --limit shows more{DIM:#}",
            refused.len()
        );
    }
}

fn missing(id: EntryId) -> String {
    format!("{id} is not set aside: `cybexp quarantine list` shows what is")
}

fn done(again: u64) {
    anstream::eprintln!(
        "{GREEN}✓{GREEN:#} {again} to be tried again; what is still wrong will be set aside anew"
    );
}
