//! `cybexp post`: submits files through the API.

mod read;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cybexp_service::{Backoff, Config};
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tahoe_core::time::parse_tzname;
use tahoe_core::{Org, SubType};
use tokio::sync::mpsc;

use super::ApiArgs;
use cybexp_client::{About, Client, ClientError};
use cybexp_term::{self as term, DIM, GREEN, RED};
use read::Record;

/// Requests under way at once.
const IN_FLIGHT: usize = 16;
/// How often a record is sent that the API was too troubled to take: for about half a minute.
const TRIES: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to submit; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the data is, such as cowrie: says which filter reads it
    #[arg(long, short)]
    typetag: String,
    /// The organisation whose data it is: its name or hash
    #[arg(long, short)]
    org: String,
    /// The IANA zone of times in the data that name none
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    timezone: String,
    /// Each line is a record of its own, as in a log
    #[arg(long, short)]
    lines: bool,
    /// Print nothing but what is refused
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    taken: u64,
    bytes: u64,
    refused: u64,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    SubType::new(&args.typetag).with_context(|| format!("--typetag {}", args.typetag))?;
    parse_tzname(&args.timezone)
        .map_err(|error| anyhow::anyhow!("--timezone {}: {}", args.timezone, error.reason))?;
    let about = About {
        typetag: args.typetag,
        orgid: Org::hash_named(&args.org).to_string(),
        timezone: args.timezone,
    };
    let client = args.api.client(config)?;
    // whether it is there and lets us is found out once, and not by every record and with retries
    ensure!(
        client.admin_of().await?.contains(&about.orgid),
        "the token's user is no admin of {org}, as posting needs: `cybexp org list` shows what there is, `cybexp org \
         add-user {org} EMAIL --as admin` makes a user one",
        org = args.org
    );

    let since = Instant::now();
    let bar = if args.quiet {
        ProgressBar::hidden()
    } else {
        bar(read::size(&args.files))
    };
    let mut tally = Tally::default();
    let sent = send(&client, &about, args.files, args.lines, &bar, &mut tally).await;
    bar.finish_and_clear();
    if !args.quiet || sent.is_err() {
        summary(&tally, since.elapsed());
    }
    sent?;
    Ok(ExitCode::from(u8::from(tally.refused > 0)))
}

/// Sends all records; an error is one that all other records would meet, too.
async fn send(
    client: &Client,
    about: &About,
    files: Vec<PathBuf>,
    lines: bool,
    bar: &ProgressBar,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let (sender, mut receiver) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(read::all(files, lines, sender));
    let records = stream::poll_fn(move |context| receiver.poll_recv(context));
    let mut outcomes = records
        .map(async |record| match record {
            Ok(record) => {
                let outcome = submit(client, about, &record).await;
                (record.place, record.bytes, outcome.map_err(Trouble::Api))
            }
            Err((place, reason)) => (place, 0, Err(Trouble::Unreadable(reason))),
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some((place, bytes, outcome)) = outcomes.next().await {
        bar.inc(bytes);
        let reason = match outcome {
            Ok(()) => {
                tally.taken += 1;
                tally.bytes += bytes;
                continue;
            }
            Err(Trouble::Api(error @ ClientError::Refused { .. })) => error.to_string(),
            Err(Trouble::Unreadable(reason)) => reason,
            Err(Trouble::Api(error)) => {
                return Err(error).with_context(|| {
                    format!("gave up at {place}; to submit the same again later does no harm")
                });
            }
        };
        tally.refused += 1;
        bar.suspend(|| {
            anstream::eprintln!(
                "{RED}✗{RED:#} {}: {}",
                term::line(&place),
                term::line(&reason)
            );
        });
    }
    Ok(())
}

enum Trouble {
    Unreadable(String),
    Api(ClientError),
}

async fn submit(client: &Client, about: &About, record: &Record) -> Result<(), ClientError> {
    let mut backoff = Backoff::new(MAX_WAIT);
    loop {
        let part = match record.part().await {
            Ok(part) => part,
            Err(error) => {
                // it was there a moment ago
                let (status, message) = (reqwest::StatusCode::BAD_REQUEST, error.to_string());
                return Err(ClientError::Refused { status, message });
            }
        };
        match client.submit(about, record.name.clone(), part).await {
            Err(error) if error.is_passing() && backoff.failures() + 1 < TRIES => {
                tokio::time::sleep(backoff.failure()).await;
            }
            outcome => return outcome,
        }
    }
}

fn summary(tally: &Tally, took: Duration) {
    let Tally {
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

/// Draws nothing where the standard error is no terminal.
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
