//! `cybexp demo`: the suite of `cybexp up`, in a folder that vanishes, at work on sample data.

mod sample;
mod show;

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cybexp_client::Part;
use cybexp_filters::FILTERS;
use cybexp_store::{Archive, Cache, Server};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::{Daemon, DemoArgs};
use crate::up::asked_to_stop;
use crate::up::setup::First;
use crate::up::suite::{Place, Suite};
use cybexp_client::{About, Client};

/// How long nothing may move before the demo gives up.
const STUCK: Duration = Duration::from_secs(60);
/// How long a report may take.
const REPORT: Duration = Duration::from_secs(60);
/// Submissions on their way at once.
const AT_ONCE: usize = 16;
/// Enough for a demo.
const KEY_BITS: u32 = 2048;

pub(crate) fn main(args: &DemoArgs) -> ExitCode {
    let outcome = Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("cybexp demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(asked_to_stop()?);
    let mut suite = tokio::select! {
        suite = start() => suite?,
        () = &mut stop => return Ok(()),
    };
    let shown = tokio::select! {
        shown = show_all(&mut suite) => shown,
        () = &mut stop => return suite.stop().await,
    };
    if shown.is_ok() && !args.exit {
        show::stay(&suite);
        stop.await;
        show::line("stopping");
    }
    let stopped = suite.stop().await;
    shown.and(stopped)
}

async fn start() -> anyhow::Result<Suite> {
    let since = Instant::now();
    // let go again at once: the API takes it a moment later
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let listen = format!("127.0.0.1:{port}");
    let first = First {
        orgname: "demo",
        admin: "analyst@demo.example",
        key_bits: KEY_BITS,
        more: json!({"api": {"url": format!("http://{listen}/"), "listen": listen}}),
    };
    let suite = Suite::start(Place::Nowhere, &first, show::line).await?;
    let names = Daemon::ALL.map(Daemon::name).join(", ");
    show::done(
        &format!("MongoDB, keys, organisation, {names}: all up"),
        since.elapsed(),
    );
    Ok(suite)
}

async fn show_all(suite: &mut Suite) -> anyhow::Result<()> {
    let made = suite
        .accounts
        .as_ref()
        .context("a new suite has new accounts")?;
    let token = SecretString::from(made.token.clone());
    let orgid = made.org.hash().to_string();
    let client = Client::new(suite.config.api.url.clone(), Some(token))?;
    let (cache, archive) = databases(suite).await?;

    let records = sample::records();
    submit(&client, &orgid, &records).await?;
    follow(suite, &cache, &archive, records.len() as u64).await?;

    show::title("What was made of it");
    show::tally(&archive.tally().await?);
    show::title("What was set aside");
    let mut refused = cache.refused(100).await?;
    for filter in FILTERS {
        refused.extend(archive.refused(filter.typetags(), 100).await?);
    }
    show::refused(&refused);

    let url = sample::PHISHING_URL;
    show::title("How often was this URL seen?");
    let question = json!({"sub_type": "url", "data": url});
    let (count, took) = ask(&client, "count", &question).await?;
    show::count(url, &count, took);

    show::title("What is it related to?");
    let question = json!({"sub_type": "url", "data": url, "level": 2, "summary_graph": true});
    let (related, took) = ask(&client, "related", &question).await?;
    show::tree(url, &related, took);
    show::where_to_go_on();
    Ok(())
}

/// Where the demo looks how far the daemons are, and what they made.
async fn databases(suite: &Suite) -> anyhow::Result<(Cache, Archive)> {
    let (cache, archive) = (suite.config.cache_db()?, suite.config.tahoe_db()?);
    let server = Server::connect(cache.url.expose(), "cybexp-demo").await?;
    Ok((
        Cache::open(&server, &cache.db, &cache.coll).await?,
        Archive::open(&server, &archive.db, &archive.coll).await?,
    ))
}

async fn submit(client: &Client, orgid: &str, records: &[sample::Record]) -> anyhow::Result<()> {
    let since = Instant::now();
    let bar = bar("posting to the API", records.len() as u64);
    let posts = records.iter().map(|record| {
        let about = About {
            typetag: record.typetag.to_owned(),
            orgid: orgid.to_owned(),
            timezone: "UTC".to_owned(),
        };
        let bar = bar.clone();
        async move {
            let file = Part::text(record.text);
            client.submit(&about, record.file.to_owned(), file).await?;
            bar.inc(1);
            anyhow::Ok(())
        }
    });
    let posts = posts.collect::<Vec<_>>();
    stream::iter(posts)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    bar.finish_and_clear();
    show::done(
        &format!("{} records posted to the API", records.len()),
        since.elapsed(),
    );
    Ok(())
}

/// Watches the daemons until everything is done.
async fn follow(
    suite: &mut Suite,
    cache: &Cache,
    archive: &Archive,
    records: u64,
) -> anyhow::Result<()> {
    let since = Instant::now();
    let mut moved = (Instant::now(), 0);
    let bar = bar("opening and archiving", records);
    loop {
        suite.children.check()?;
        let entries = cache.count_pending().await?;
        let mut raws = 0;
        for filter in FILTERS {
            raws += archive
                .count_pending(&filter.id(), filter.typetags())
                .await?;
        }
        if entries == 0 && raws == 0 {
            break;
        }
        let (message, left) = match entries {
            0 => ("making the graph", raws),
            _ => ("opening and archiving", entries),
        };
        bar.set_message(message);
        bar.set_position(records - left.min(records));
        if moved.1 != entries + raws {
            moved = (Instant::now(), entries + raws);
        }
        ensure!(
            moved.0.elapsed() < STUCK,
            "nothing has moved for {} s",
            STUCK.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bar.finish_and_clear();
    show::done("opened, archived and made into a graph", since.elapsed());
    Ok(())
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
