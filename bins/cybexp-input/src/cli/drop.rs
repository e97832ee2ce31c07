//! `cybexp-input drop`: forgets inputs that the configuration has no more.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use cybexp_service::Config;

use super::out::say;
use crate::control::client::Control;
use crate::gone::left;
use crate::running::{self, RunPlace};
use cybexp_spool::Spool;

#[derive(Args)]
pub(super) struct DropArgs {
    /// Inputs that the configuration has no more, as `status` shows them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(super) async fn run(config: &Config, args: DropArgs) -> anyhow::Result<ExitCode> {
    let run_dir = &config.input.run_dir;
    let dropped = match running::find(run_dir)? {
        Some(_) => Control::open(run_dir).await?.drop(args.names).await?,
        None => alone(config, &args.names).await?,
    };
    for (name, records) in dropped {
        say(format!("{name}: {records} records are dropped"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Does it without a daemon, in its place: so no other one can begin.
async fn alone(config: &Config, names: &[String]) -> anyhow::Result<BTreeMap<String, u64>> {
    let _place = RunPlace::take(&config.input.run_dir)?;
    let spool = Spool::open(&config.input.spool_dir, config.input.spool_max_bytes)?;
    let mut dropped = BTreeMap::new();
    for (name, id) in left(&spool, config, names).await? {
        dropped.insert(name, spool.forget(id).await?);
    }
    Ok(dropped)
}
