//! `cybexp filter`: runs the filters of both stages on records, without a database, and those of the second stage over an
//! archive.

mod backfill;
mod show;

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use chrono_tz::Tz;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use cybexp_archive::raw_of;
use cybexp_filters::second::{Networks, SECOND_FILTERS, derive};
use cybexp_filters::{FILTERS, RawInput, Yield, known_typetags};
use cybexp_service::{Config, ConfigError};
use cybexp_store::{GraphBatch, check_fits};
use serde_json::Value;
use tahoe_core::SubmissionTags;
use tahoe_core::time::{parse_instant, parse_tzname};
use tahoe_core::{Event, Hash, Instance, OrgId, Timestamp};

use super::clock::unix_now;
use cybexp_term::{self as term, DIM, YELLOW};

#[derive(Subcommand)]
pub(crate) enum FilterCommand {
    /// Print the events and sessions that the filters make of a record, with their objects and attributes; then what the
    /// second stage derives from them
    Test(FilterTestArgs),
    /// Run a filter of the second stage over what is in the archive; once more if it has read all, else where it ended
    Backfill(backfill::BackfillArgs),
}

#[derive(clap::Args)]
pub(crate) struct FilterTestArgs {
    /// The record, as it would be submitted; `-` is the standard input
    file: PathBuf,
    /// The kind of record, which says which filters read it
    #[arg(long, short, value_parser = typetags())]
    typetag: String,
    /// Take each line for a record of its own, so that a whole session can be tried
    #[arg(long)]
    lines: bool,
    /// The organisation that the record belongs to
    #[arg(long, short, default_value = "test")]
    orgid: String,
    /// The IANA time zone of times in the record that name none
    #[arg(long, default_value = "UTC", value_name = "ZONE", value_parser = parse_zone)]
    timezone: Tz,
    /// The time when the record was taken in: Unix seconds or a date [default: now]
    #[arg(long, value_name = "TIME")]
    timestamp: Option<String>,
    /// A database of networks for the filter geoip; may be given several times [default: analytics.geoip of the
    /// configuration, if there is one]
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
    /// Print the documents that would be stored; without --lines or --derived, those of the first stage
    #[arg(long)]
    json: bool,
    /// With --json: print the derived events, too, marked `derived`
    #[arg(long)]
    derived: bool,
}

fn typetags() -> PossibleValuesParser {
    PossibleValuesParser::new(known_typetags())
}

fn parse_zone(name: &str) -> Result<Tz, String> {
    parse_tzname(name).map_err(|error| error.reason.to_string())
}

pub(super) async fn run(
    action: &FilterCommand,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    match action {
        FilterCommand::Test(args) => test(args, config),
        FilterCommand::Backfill(args) => backfill::run(args, &config()?).await,
    }
}

fn test(
    args: &FilterTestArgs,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    let made = make(args)?;
    for made in &made {
        for (why, parts) in &made.left_out {
            anstream::eprintln!("{YELLOW}!{YELLOW:#} left out: {parts} × {why}");
        }
        if let Some(kind) = made.unknown {
            anstream::eprintln!("{DIM}a record of the kind {kind} makes no event{DIM:#}");
        }
    }
    let networks = match args.geoip.is_empty() {
        true => Networks::load(&config()?.analytics.geoip)?,
        false => Networks::load(&args.geoip)?,
    };
    let derived = derive(&made, &OrgId::new(&args.orgid)?, &networks);
    if args.json {
        let with_derived = args.lines || args.derived;
        let shown = derived.into_iter().filter(|_| with_derived);
        let events = shown.map(|(_, event)| event).collect();
        anstream::println!(
            "{}",
            term::json(&documents(made, events, &OrgId::new(&args.orgid)?)?)
        );
        return Ok(ExitCode::SUCCESS);
    }
    for line in made.iter().flat_map(show::lines) {
        anstream::println!("{line}");
    }
    for (filter, event) in &derived {
        anstream::println!(
            "{DIM}derived by {}{DIM:#}",
            filter.id(&networks).unwrap_or_default()
        );
        for line in show::event(event) {
            anstream::println!("{line}");
        }
    }
    for filter in SECOND_FILTERS
        .iter()
        .filter(|filter| filter.id(&networks).is_none())
    {
        anstream::eprintln!(
            "{DIM}the filter {} rests: no database of networks is given (cybexp geoip fetch){DIM:#}",
            filter.name()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the filters on the records of the file. Of several records, those that are refused are told and left out.
fn make(args: &FilterTestArgs) -> anyhow::Result<Vec<Yield>> {
    let bytes = read(&args.file)?;
    if !args.lines {
        return of_record(args, bytes);
    }
    let mut made = Vec::new();
    let mut refused = None;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match of_record(args, line.to_vec()) {
            Ok(of_line) => made.extend(of_line),
            Err(error) => {
                anstream::eprintln!("{YELLOW}!{YELLOW:#} line {}: {error:#}", at + 1);
                refused.get_or_insert(error);
            }
        }
    }
    match refused {
        Some(error) if made.is_empty() => Err(error),
        _ => Ok(made),
    }
}

/// Makes a raw and runs the filters of its typetag, as archive and analytics do. It is refused if all refuse it.
fn of_record(args: &FilterTestArgs, record: Vec<u8>) -> anyhow::Result<Vec<Yield>> {
    let timestamp = match &args.timestamp {
        Some(text) => parse_instant(text, args.timezone)
            .map_err(|error| anyhow!("--timestamp {text}: {}", error.reason))?,
        None => unix_now() as f64,
    };
    let tags = SubmissionTags {
        typetag: args.typetag.clone(),
        orgid: args.orgid.clone(),
        timezone: args.timezone.name().to_owned(),
        tlp: None,
    };
    let refused = |by: &str, reason: String| anyhow!("refused by {by}: {reason}");
    let raw = raw_of(&tags, timestamp, record).map_err(|reason| refused("the archive", reason))?;
    check_fits(&raw).map_err(|reason| refused("the archive", reason))?;
    let input = RawInput {
        data: raw.data(),
        orgid: &OrgId::new(&args.orgid)?,
        timezone: &tags.timezone,
        timestamp: Timestamp::new(timestamp)?,
    };
    let mut made = Vec::new();
    let mut reason = None;
    let readers = FILTERS
        .iter()
        .filter(|filter| filter.typetags().contains(&args.typetag.as_str()));
    for filter in readers {
        match filter.run(&input) {
            Ok(of_filter) => made.push(of_filter),
            Err(refusal) => {
                let by = format!("the filter {}", filter.id());
                reason.get_or_insert(refused(&by, refusal.to_string()));
            }
        }
    }
    match (made.is_empty(), reason) {
        (false, _) => Ok(made),
        (true, Some(reason)) => Err(reason),
        (true, None) => bail!("no filter reads {}", args.typetag),
    }
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

/// Returns the documents that would be stored, each instance once: events, sessions, objects, attributes. Derived events
/// are marked.
fn documents(made: Vec<Yield>, derived: Vec<Event>, orgid: &OrgId) -> anyhow::Result<Value> {
    let mut graph = GraphBatch::default();
    for made in made {
        for event in made.events {
            graph.add_event(event);
        }
        for session in made.sessions {
            graph.add_session(session, orgid);
        }
    }
    let marked: HashSet<Hash> = derived.iter().map(Event::hash).collect();
    for event in derived {
        graph.add_event(event);
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
    let mut documents = Vec::with_capacity(instances.len());
    for instance in &instances {
        let told = |reason| anyhow!("{} cannot be stored: {reason}", instance.hash());
        check_fits(instance).map_err(told)?;
        let mut document = serde_json::to_value(instance)?;
        if marked.contains(&instance.hash()) {
            document["derived"] = true.into();
        }
        documents.push(document);
    }
    Ok(documents.into())
}
