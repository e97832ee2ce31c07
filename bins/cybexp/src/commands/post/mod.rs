//! `cybexp post`: submits files through the API.

mod read;
mod resume;
mod send;
mod shape;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use cybexp_filters::known_typetags;
use cybexp_service::Config;
use indicatif::{ProgressBar, ProgressStyle};
use tahoe_core::time::parse_tzname;
use tahoe_core::{Org, SubType, SubmissionTags, Tlp};

use super::api::ApiArgs;
use super::named::SuggestedNames;
use super::typetag;
use super::usage::Usage;
use cybexp_term::{self as term, DIM, GREEN, RED, YELLOW};
use resume::{PostProgress, ProgressFile};
use send::{Ended, PostTally, Track};
use source::{Manner, Position, PostSource};

/// The exit status after Ctrl-C, as shells give it.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(clap::Args)]
pub(crate) struct PostArgs {
    /// The files to submit; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The kind of data, which says which filter reads it
    #[arg(long, short, value_parser = SuggestedNames(known_typetags))]
    typetag: String,
    /// Accept a typetag that no filter reads: nothing is made of the data until there is one
    #[arg(long)]
    any_typetag: bool,
    /// The organisation that the data belongs to: its name or hash
    #[arg(long, short)]
    org: String,
    /// The IANA time zone of times in the data that name none
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    timezone: String,
    /// The label of the data in the Traffic Light Protocol: clear, green, amber, amber+strict or red
    #[arg(long, value_name = "LABEL")]
    tlp: Option<Tlp>,
    /// Submit each line as a record of its own, as in a log
    #[arg(long, short)]
    lines: bool,
    /// Submit each file as one record, even if it looks like a log with a record on each line
    #[arg(long, conflicts_with = "lines")]
    whole: bool,
    /// Continue where an earlier post of the same files was stopped
    #[arg(long)]
    resume: bool,
    /// Print refused records only
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: PostArgs, config: &Config) -> anyhow::Result<ExitCode> {
    SubType::new(&args.typetag).with_context(|| format!("--typetag {}", args.typetag))?;
    typetag::check_free(&args.typetag)?;
    if !args.any_typetag {
        typetag::check(&args.typetag)?;
    }
    parse_tzname(&args.timezone)
        .map_err(|error| anyhow!("--timezone {}: {}", args.timezone, error.reason))?;
    let tags = SubmissionTags {
        typetag: args.typetag,
        orgid: Org::hash_named(&args.org).to_string(),
        timezone: args.timezone,
        tlp: args.tlp,
    };
    let manner = Manner {
        lines: args.lines,
        whole: args.whole,
        typetag: &tags.typetag,
    };
    let sources = args.files.iter().map(|file| PostSource::new(file, &manner));
    let mut sources = sources.collect::<anyhow::Result<Vec<PostSource>>>()?;
    let client = args.api.client(config).await?;
    let mut tracks = Vec::with_capacity(sources.len());
    for source in &mut sources {
        let memory = ProgressFile::of(source, &tags, client.base().as_str());
        source.from = begin(source, memory.as_ref(), args.resume, args.quiet)?;
        tracks.push(Track {
            progress: PostProgress::from(source.from),
            memory,
        });
    }
    // an API that is away or refuses the token is found out once, and not for every record with retries
    ensure!(
        client.admin_of().await?.contains(&tags.orgid),
        "the token's user is no admin of {org}, as posting needs: `cybexp org list` shows what there is, `cybexp org \
         add-user {org} EMAIL --as admin` makes a user one",
        org = args.org
    );

    let since = Instant::now();
    let bar = match args.quiet {
        true => ProgressBar::hidden(),
        false => bar(source::size(&sources)),
    };
    let places: Vec<String> = sources.iter().map(|source| source.place.clone()).collect();
    let mut tally = PostTally::default();
    let ended = send::send(&client, &tags, sources, &mut tracks, &bar, &mut tally).await;
    bar.finish_and_clear();
    let ended = ended?;
    if !args.quiet || !matches!(ended, Ended::Done) {
        summary(&tally, since.elapsed());
    }
    match ended {
        Ended::Done => {
            let memories = tracks.iter().filter_map(|track| track.memory.as_ref());
            memories.for_each(ProgressFile::forget);
            Ok(ExitCode::from(u8::from(tally.refused > 0)))
        }
        Ended::Stopped => {
            let can = how_far(&places, &tracks);
            let on = if can { resuming() } else { AGAIN };
            anstream::eprintln!(
                "{YELLOW}!{YELLOW:#} {}",
                term::wrapped(&format!("stopped; {on}"), 2, 2)
            );
            Ok(ExitCode::from(EXIT_INTERRUPTED))
        }
        Ended::Failed(place, error) => {
            let can = how_far(&places, &tracks);
            let on = if can { resuming() } else { AGAIN };
            Err(error).with_context(|| format!("gave up at {place}; {on}"))
        }
    }
}

const AGAIN: &str = "to submit the same again later does no harm";

fn resuming() -> &'static str {
    "the same command with --resume goes on from there; to submit the same again does no harm"
}

/// Returns the position from which a source is read, and tells of an earlier post that was stopped.
fn begin(
    source: &PostSource,
    memory: Option<&ProgressFile>,
    resume: bool,
    quiet: bool,
) -> anyhow::Result<Position> {
    let start = Position::default();
    if resume && source.path == Path::new("-") {
        bail!(Usage(
            "--resume: the standard input cannot be read again".to_owned()
        ));
    }
    let place = term::line(&source.place);
    let recalled = match (memory, resume) {
        (Some(memory), true) => memory.recall()?,
        // an error means another file under this name, which is posted from its beginning anyway
        (Some(memory), false) => memory.recall().unwrap_or_default(),
        (None, _) => None,
    };
    let told = |what: &str| {
        if !quiet {
            anstream::eprintln!(
                "{DIM}{}{DIM:#}",
                term::wrapped(&format!("{place}: {what}"), 0, 2)
            );
        }
    };
    match (recalled, resume) {
        (Some(upto), true) => {
            told(&format!("goes on after {}", spoken(upto)));
            Ok(upto)
        }
        (Some(upto), false) => {
            told(&format!(
                "an earlier post of it stopped after {}; --resume would go on from there",
                spoken(upto)
            ));
            Ok(start)
        }
        (None, true) => {
            told("no post of it was stopped: it is posted from its beginning");
            Ok(start)
        }
        (None, false) => Ok(start),
    }
}

fn spoken(upto: Position) -> String {
    match upto.line {
        0 => format!("{} bytes", upto.offset),
        line => format!("line {line}"),
    }
}

/// Saves and prints how far each file is submitted. Returns true if something can be resumed.
fn how_far(places: &[String], tracks: &[Track]) -> bool {
    let mut can = false;
    for (place, Track { progress, memory }) in places.iter().zip(tracks) {
        let upto = progress.upto();
        if upto.offset == 0 {
            continue;
        }
        anstream::eprintln!("  {}: submitted up to {}", term::line(place), spoken(upto));
        match memory.as_ref().map(|memory| memory.keep(upto)) {
            Some(Ok(())) => can = true,
            Some(Err(error)) => anstream::eprintln!("  it is not remembered: {error:#}"),
            None => {}
        }
    }
    can
}

fn summary(tally: &PostTally, took: Duration) {
    let PostTally {
        taken,
        bytes,
        refused,
    } = tally;
    let size = indicatif::HumanBytes(*bytes);
    let seconds = took.as_secs_f64();
    let mark = match refused {
        0 => format!("{GREEN}✓{GREEN:#}"),
        _ => format!("{RED}✗{RED:#}"),
    };
    let refused = match refused {
        0 => String::new(),
        _ => format!(", {refused} refused"),
    };
    anstream::eprintln!("{mark} {taken} submitted{refused} {DIM}({size} in {seconds:.1} s){DIM:#}");
}

/// Makes the progress bar, which draws nothing unless the standard error is a terminal.
fn bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => {
            let template =
                "{spinner} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
            (ProgressBar::new(bytes), template)
        }
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes} {binary_bytes_per_sec}",
        ),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is constant"))
}
