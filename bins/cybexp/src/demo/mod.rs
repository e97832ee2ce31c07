//! `cybexp demo`: the suite of `cybexp up`, in a folder that vanishes, at work on sample data.

mod campaign;
mod correction;
mod sample;
mod show;
mod sources;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cybexp_filters::FILTERS;
use cybexp_filters::second::SECOND_FILTERS;
use cybexp_input::status::InputStatus;
use cybexp_store::{Archive, Cache, Raws, Server};
use futures::TryStreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::daemon::Daemon;
use crate::up::asked_to_stop;
use crate::up::browser;
use crate::up::ports::free_metrics;
use crate::up::setup::FirstStart;
use crate::up::suite::{Suite, SuiteHome, SuiteOptions};
use cybexp_client::Client;
use cybexp_service::api_prover;
use cybexp_term as term;
use sources::DemoSources;
use tahoe_core::SubmissionTags;

/// The time without any progress after which the demo gives up.
const STUCK: Duration = Duration::from_secs(60);
/// The longest wait for a report.
const REPORT: Duration = Duration::from_secs(60);
/// The time between two looks at the daemons' progress.
const LOOK: Duration = Duration::from_millis(50);
const ORG: &str = "demo";
/// The address of the demo's admin.
const ADMIN: &str = "analyst@demo.example";
/// The size of the demo's key, which is made faster than a longer one.
const KEY_BITS: u32 = 2048;
/// Seconds after which a session of the demo has settled: all of its records come at once.
const SETTLE_S: u64 = 1;

/// Arguments of `cybexp demo`.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Exit once everything was shown, instead of staying up until Ctrl-C
    #[arg(long)]
    exit: bool,
}

pub(crate) fn main(args: &DemoArgs) -> ExitCode {
    let outcome = Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("cybexp demo: {}", term::told(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(asked_to_stop()?);
    let sources = DemoSources::bind().await?;
    let mut suite = tokio::select! {
        suite = start(&sources) => suite?,
        () = &mut stop => return Ok(()),
    };
    let mut sources = sources.offer(&suite.folder);
    let shown = tokio::select! {
        shown = show_all(&mut suite, &mut sources) => shown,
        () = &mut stop => return suite.stop().await,
    };
    if shown.is_ok() && !args.exit {
        show::stay(&suite);
        let mut presses = browser::offer(&suite);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = browser::pressed(&mut presses) => browser::open(&suite, ADMIN).await,
            }
        }
        show::line("stopping");
    }
    let stopped = suite.stop().await;
    shown.and(stopped)
}

async fn start(sources: &DemoSources) -> anyhow::Result<Suite> {
    let since = Instant::now();
    // released at once: the API and the web pages bind them a moment later
    let (listen, pages) = {
        let api = TcpListener::bind("127.0.0.1:0").await?;
        let web = TcpListener::bind("127.0.0.1:0").await?;
        (api.local_addr()?, web.local_addr()?)
    };
    let first = FirstStart {
        orgname: ORG,
        admin: ADMIN,
        key_bits: KEY_BITS,
        more: json!({
            "api": {"url": format!("http://{listen}/"), "listen": listen.to_string()},
            "web": {"listen": pages.to_string()},
            "input": sources.config(ORG)?,
            "metrics": free_metrics()?,
            "analytics": {
                "geoip": [sample::NETWORKS.0, sample::COUNTRIES.0], "session_settle_s": SETTLE_S,
                "session_open_s": SETTLE_S,
            },
            "report": {"known_good": [sample::SEARCH_ENGINES.0]},
        }),
        files: &[sample::NETWORKS, sample::COUNTRIES, sample::SEARCH_ENGINES],
    };
    let how = SuiteOptions {
        inputs: true,
        ..SuiteOptions::default()
    };
    let suite = Suite::start(SuiteHome::Temporary, &first, &how, show::line).await?;
    let names = Daemon::ALL.map(Daemon::name).join(", ");
    show::done(
        &format!("MongoDB, keys, organisation, {names}: all up"),
        since.elapsed(),
    );
    Ok(suite)
}

async fn show_all(
    suite: &mut Suite,
    sources: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let made = suite
        .accounts
        .as_ref()
        .context("a new suite has new accounts")?;
    let token = SecretString::from(made.token.clone());
    let orgid = made.org.hash().to_string();
    let url = suite.config.api.url.clone();
    let client = Client::new(url, Some(token))?.wants_proof(api_prover(&suite.config));
    let (cache, archive) = databases(suite).await?;
    let raws = Raws::new(&archive);

    let inputs = collect(suite, sources).await?;
    let posted = submit(&client, &orgid).await?;
    let submissions = inputs.iter().map(|input| input.posted).sum::<u64>() + posted;
    follow(suite, &cache, &raws, submissions).await?;
    settle(suite, &archive).await?;

    show::title("What the inputs collected");
    show::inputs(&inputs);
    show::title("What was made of it");
    show::tally(&archive.tally().await?);
    show::title("Quarantine");
    let mut refused = cache.refused(100).await?;
    for filter in FILTERS {
        refused.extend(raws.refused(filter.typetags(), 100).await?);
    }
    show::refused(&refused);

    let url = sample::PHISHING_URL;
    show::title("How often was this URL seen?");
    let question = json!({"sub_type": "url", "data": url});
    let (count, took) = ask(&client, "count", &question).await?;
    show::count(url, &count, took);

    let host = sample::PHISHING_HOST;
    show::title("What is its host related to?");
    let question = json!({"sub_type": "hostname", "data": host, "level": 2, "summary_graph": true});
    let (related, took) = ask(&client, "related", &question).await?;
    show::tree(host, &related, took);

    campaign::origins(&client).await?;
    campaign::campaign(&client).await?;
    correction::correction(&client, &orgid).await?;
    show::where_to_go_on();
    Ok(())
}

/// Opens the databases in which the demo sees the daemons' progress and their results.
async fn databases(suite: &Suite) -> anyhow::Result<(Cache, Archive)> {
    let (cache, archive) = (suite.config.cache_db()?, suite.config.tahoe_db()?);
    let server = Server::connect(cache.url.expose(), "cybexp-demo").await?;
    Ok((
        Cache::open(&server, &cache.db, &cache.coll).await?,
        Archive::open(&server, &archive.db, &archive.coll).await?,
    ))
}

/// Waits until the input daemon has posted all records of the sources, and returns the state of its inputs.
async fn collect(
    suite: &mut Suite,
    sources: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<Vec<InputStatus>> {
    let since = Instant::now();
    let offered = (sample::logged().len() + sample::sent().len() + 1) as u64;
    let bar = bar("collecting and posting to the API", offered);
    let mut moved = Moved::new();
    loop {
        suite.children.check()?;
        if let Some(ended) = sources.try_join_next() {
            ended??;
        }
        // the daemon may not have started yet
        let status = cybexp_input::status(&suite.config.input.run_dir).await.ok();
        let inputs = status.map(|status| status.inputs).unwrap_or_default();
        let posted = inputs.iter().map(|input| input.posted).sum();
        bar.set_position(posted);
        if posted >= offered {
            bar.finish_and_clear();
            show::done(
                &format!("{posted} records collected by the inputs, and posted to the API"),
                since.elapsed(),
            );
            return Ok(inputs);
        }
        moved.look(posted)?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Posts an analyst's records through the API, as a program would, and returns their number.
async fn submit(client: &Client, orgid: &str) -> anyhow::Result<u64> {
    let since = Instant::now();
    let posts = sample::posted().into_iter().map(|record| async move {
        let tags = SubmissionTags {
            typetag: record.typetag.to_owned(),
            orgid: orgid.to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        };
        client.submit(&tags, record.file, &[record.text]).await
    });
    let posts = posts.collect::<FuturesUnordered<_>>();
    let posted = posts.try_collect::<Vec<()>>().await?.len();
    show::done(
        &format!(
            "{posted} records of an analyst posted: sightings, a mail, an event of a partner's MISP"
        ),
        since.elapsed(),
    );
    Ok(posted as u64)
}

/// Waits until archive and analytics have processed everything.
async fn follow(suite: &mut Suite, cache: &Cache, raws: &Raws, records: u64) -> anyhow::Result<()> {
    let since = Instant::now();
    let mut moved = Moved::new();
    let bar = bar("opening and archiving", records);
    loop {
        suite.children.check()?;
        let entries = cache.count_pending().await?;
        let mut unseen = 0;
        for filter in FILTERS {
            unseen += raws.count_pending(&filter.id()).await?;
        }
        if entries == 0 && unseen == 0 {
            break;
        }
        let (message, left) = match entries {
            0 => ("making the graph", unseen),
            _ => ("opening and archiving", entries),
        };
        bar.set_message(message);
        bar.set_position(records - left.min(records));
        moved.look(entries + unseen)?;
        tokio::time::sleep(LOOK).await;
    }
    bar.finish_and_clear();
    show::done("opened, archived and made into a graph", since.elapsed());
    Ok(())
}

/// Waits until the second stage has read all sessions.
async fn settle(suite: &mut Suite, archive: &Archive) -> anyhow::Result<()> {
    let since = Instant::now();
    let mut moved = Moved::new();
    loop {
        suite.children.check()?;
        let mut waiting = 0;
        for filter in SECOND_FILTERS {
            waiting += archive.count_waiting_sessions(filter.name()).await?;
        }
        if waiting == 0 {
            show::done(
                "sessions settled, and told apart by behaviour",
                since.elapsed(),
            );
            return Ok(());
        }
        moved.look(waiting)?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Watches a number, and fails once it has not changed for [`STUCK`].
struct Moved {
    at: Instant,
    last: u64,
}

impl Moved {
    fn new() -> Self {
        Self {
            at: Instant::now(),
            last: 0,
        }
    }

    fn look(&mut self, number: u64) -> anyhow::Result<()> {
        if self.last != number {
            *self = Self {
                at: Instant::now(),
                last: number,
            };
        }
        ensure!(
            self.at.elapsed() < STUCK,
            "nothing has moved for {} s",
            STUCK.as_secs()
        );
        Ok(())
    }
}

async fn ask(client: &Client, qtype: &str, data: &Value) -> anyhow::Result<(Value, Duration)> {
    show::line(&format!(
        "POST /query {}",
        json!({"type": qtype, "data": data})
    ));
    let since = Instant::now();
    let mut report = client.ask(qtype, data, false, REPORT).await?;
    Ok((report["data"].take(), since.elapsed()))
}

fn bar(message: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {msg} {wide_bar} {pos}/{len}")
        .expect("the template is constant");
    ProgressBar::new(length)
        .with_style(style)
        .with_message(message)
}
