//! `cybexp filter`: runs a filter on a record, without a database.

mod show;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use chrono_tz::Tz;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use cybexp_archive::raw_of;
use cybexp_filters::{FILTERS, RawInput, Yield, known_typetags};
use cybexp_store::{GraphBatch, check_fits};
use serde_json::Value;
use tahoe_core::SubmissionTags;
use tahoe_core::time::{parse_instant, parse_tzname};
use tahoe_core::{Instance, OrgId, Timestamp};

use super::clock::unix_now;
use cybexp_term::{self as term, DIM, YELLOW};

#[derive(Subcommand)]
pub(crate) enum FilterCommand {
    /// Print the events and sessions that a filter makes of a record, with their objects and attributes
    Test(FilterTestArgs),
}

#[derive(clap::Args)]
pub(crate) struct FilterTestArgs {
    /// The record, as it would be submitted; `-` is the standard input
    file: PathBuf,
    /// The kind of record, which says which filter reads it
    #[arg(long, short, value_parser = typetags())]
    typetag: String,
    /// The organisation that the record belongs to
    #[arg(long, short, default_value = "test")]
    orgid: String,
    /// The IANA time zone of times in the record that name none
    #[arg(long, default_value = "UTC", value_name = "ZONE", value_parser = parse_zone)]
    timezone: Tz,
    /// The time when the record was taken in: Unix seconds or a date [default: now]
    #[arg(long, value_name = "TIME")]
    timestamp: Option<String>,
    /// Print the documents that would be stored
    #[arg(long)]
    json: bool,
}

fn typetags() -> PossibleValuesParser {
    PossibleValuesParser::new(known_typetags())
}

fn parse_zone(name: &str) -> Result<Tz, String> {
    parse_tzname(name).map_err(|error| error.reason.to_string())
}

pub(super) fn run(action: &FilterCommand) -> anyhow::Result<ExitCode> {
    let FilterCommand::Test(args) = action;
    let made = make(args)?;
    for (why, parts) in &made.left_out {
        anstream::eprintln!("{YELLOW}!{YELLOW:#} left out: {parts} × {why}");
    }
    if let Some(kind) = made.unknown {
        anstream::eprintln!("{DIM}a record of the kind {kind} makes no event{DIM:#}");
    }
    let lines = show::lines(&made);
    let documents = documents(made, &OrgId::new(&args.orgid)?)?;
    if args.json {
        anstream::println!("{}", term::json(&documents));
    } else {
        for line in lines {
            anstream::println!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a raw and runs its filter, as archive and analytics do.
fn make(args: &FilterTestArgs) -> anyhow::Result<Yield> {
    let timestamp = match &args.timestamp {
        Some(text) => parse_instant(text, args.timezone)
            .map_err(|error| anyhow!("--timestamp {text}: {}", error.reason))?,
        None => unix_now() as f64,
    };
    let tags = SubmissionTags {
        typetag: args.typetag.clone(),
        orgid: args.orgid.clone(),
        timezone: args.timezone.name().to_owned(),
    };
    let refused = |by: &str, reason: String| anyhow!("refused by {by}: {reason}");
    let raw = raw_of(&tags, timestamp, read(&args.file)?)
        .map_err(|reason| refused("the archive", reason))?;
    check_fits(&raw).map_err(|reason| refused("the archive", reason))?;
    let Some(filter) = FILTERS
        .iter()
        .find(|filter| filter.typetags().contains(&args.typetag.as_str()))
    else {
        bail!("no filter reads {}", args.typetag);
    };
    let input = RawInput {
        data: raw.data(),
        orgid: &OrgId::new(&args.orgid)?,
        timezone: &tags.timezone,
        timestamp: Timestamp::new(timestamp)?,
    };
    filter
        .run(&input)
        .map_err(|refusal| refused(&format!("the filter {}", filter.id()), refusal.to_string()))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file).with_context(|| file.display().to_string());
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("standard input")?;
    Ok(bytes)
}

/// Returns the documents that would be stored, each instance once: events, sessions, objects, attributes.
fn documents(made: Yield, orgid: &OrgId) -> anyhow::Result<Value> {
    let mut graph = GraphBatch::default();
    for event in made.events {
        graph.add_event(event);
    }
    for session in made.sessions {
        graph.add_session(session, orgid);
    }
    let order = |instance: &Instance| match instance {
        Instance::Event(_) => 0,
        Instance::Session(_) => 1,
        Instance::Object(_) => 2,
        Instance::Attribute(_) => 3,
        Instance::Raw(_) => 4,
    };
    let mut instances: Vec<Instance> = graph.instances().collect();
    instances.sort_by_cached_key(|instance| (order(instance), instance.hash()));
    for instance in &instances {
        let told = |reason| anyhow!("{} cannot be stored: {reason}", instance.hash());
        check_fits(instance).map_err(told)?;
    }
    Ok(serde_json::to_value(instances)?)
}
