//! `cybexp quarantine`: records that cannot be opened, read or understood.

mod groups;
mod record_id;
mod select;
mod show;
mod store;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use cybexp_service::Config;
use cybexp_store::Selection;

use super::agree::agreed;
use super::usage::Usage;
use cybexp_term::{self as term, GREEN};
use record_id::RecordId;
use select::SelectionArgs;
use store::Quarantine;

#[derive(Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the records in quarantine, grouped by reason
    List {
        #[command(flatten)]
        which: SelectionArgs,
        /// List each record by itself, newest first
        #[arg(long)]
        each: bool,
        /// List each record by itself, as JSON
        #[arg(long)]
        json: bool,
        /// The most reasons to list; with --each or --json the most records of each kind
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Show the document of a record; sealed data stays sealed
    Show {
        /// The record's id, as the list shows it
        id: RecordId,
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

/// Options that say which records to retry or delete.
#[derive(clap::Args)]
pub(crate) struct Records {
    /// The records' ids, as the list shows them
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<RecordId>,
    /// All records in quarantine, or those of them that the following options select
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    which: SelectionArgs,
}

impl Records {
    /// Returns the selection; `None` if ids are given.
    fn selection(&self) -> anyhow::Result<Option<Selection>> {
        if !self.all && self.which.is_some() {
            bail!(Usage(
                "--typetag, --org, --since and --reason go with --all, not with ids".to_owned()
            ));
        }
        self.all.then(|| self.which.selection()).transpose()
    }
}

pub(super) async fn run(action: QuarantineCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let store = Quarantine::open(config).await?;
    match action {
        QuarantineCommand::List {
            which,
            each,
            json,
            limit,
        } => {
            let selection = which.selection()?;
            let names = store::names(config).await;
            match each || json {
                true => store.list(&selection, limit, json, &names).await?,
                false => store.groups(&selection, limit, &names).await?,
            }
            let unread = store.unread().await?;
            if let Some(told) = show::unread(&unread) {
                show::note(&told);
            }
        }
        QuarantineCommand::Show { id } => {
            let document = store.document(&id).await?;
            anstream::println!("{}", term::json(&document));
        }
        QuarantineCommand::Retry(records) => {
            let (again, all) = match records.selection()? {
                Some(selection) => (store.retry_all(&selection).await?, true),
                None => {
                    let again = store.retry(&records.ids).await?;
                    (again, again == records.ids.len() as u64)
                }
            };
            anstream::eprintln!(
                "{GREEN}✓{GREEN:#} {again} to be tried again; what is still wrong comes into quarantine anew"
            );
            return Ok(ExitCode::from(u8::from(!all)));
        }
        QuarantineCommand::Delete { records, yes } => {
            let selection = records.selection()?;
            let many = match &selection {
                Some(selection) => store.count(selection).await?,
                None => records.ids.len() as u64,
            };
            if many == 0 {
                anstream::eprintln!("nothing of that is set aside");
                return Ok(ExitCode::SUCCESS);
            }
            let question = format!("Delete {many} records from quarantine for good?");
            agreed(&question, yes)?;
            let (gone, all) = match selection {
                Some(selection) => (store.delete_all(&selection).await?, true),
                None => {
                    let gone = store.delete(&records.ids).await?;
                    (gone, gone == records.ids.len() as u64)
                }
            };
            anstream::eprintln!("{GREEN}✓{GREEN:#} {gone} deleted");
            return Ok(ExitCode::from(u8::from(!all)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
