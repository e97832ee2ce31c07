//! `cybexp demo`: the whole suite at work on sample data.

mod ask;
mod sample;
mod show;
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use cybexp_filters::FILTERS;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use world::World;

/// How long nothing may move before the demo gives up.
const STUCK: Duration = Duration::from_secs(60);

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
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut stop = std::pin::pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    let mut world = tokio::select! {
        world = World::start() => world?,
        () = &mut stop => return Ok(()),
    };
    let shown = tokio::select! {
        shown = show_all(&mut world) => shown,
        () = &mut stop => return world.stop().await,
    };
    if shown.is_ok() && !args.exit {
        show::stay(&world);
        stop.await;
        show::line("stopping");
    }
    let stopped = world.stop().await;
    shown.and(stopped)
}

async fn show_all(world: &mut World) -> anyhow::Result<()> {
    let records = sample::records();
    submit(world, &records).await?;
    follow(world, records.len() as u64).await?;

    show::title("What was made of it");
    show::tally(&world.archive.tally().await?);
    show::title("What was set aside");
    let typetags: Vec<&str> = FILTERS
        .iter()
        .flat_map(|filter| filter.typetags())
        .copied()
        .collect();
    let mut refused = world.cache.refused(100).await?;
    refused.extend(world.archive.refused(&typetags, 100).await?);
    show::refused(&refused);

    let url = sample::PHISHING_URL;
    show::title("How often was this URL seen?");
    let question = json!({"sub_type": "url", "data": url});
    let (count, took) = ask::ask(world, "count", &question).await?;
    show::question("count", &question);
    show::count(url, &count, took);

    show::title("What is it related to?");
    let question = json!({"sub_type": "url", "data": url, "level": 2, "summary_graph": true});
    let (related, took) = ask::ask(world, "related", &question).await?;
    show::question("related", &question);
    show::tree(url, &related, took);
    show::where_to_go_on();
    Ok(())
}

async fn submit(world: &World, records: &[sample::Record]) -> anyhow::Result<()> {
    let since = Instant::now();
    let bar = bar("sealing and submitting", records.len() as u64);
    for part in records.chunks(100) {
        let submissions = part
            .iter()
            .map(|record| world.seal(record))
            .collect::<anyhow::Result<Vec<_>>>()?;
        world.cache.submit(&submissions).await?;
        bar.inc(part.len() as u64);
    }
    bar.finish_and_clear();
    show::done(
        &format!("{} records sealed and submitted", records.len()),
        since.elapsed(),
    );
    Ok(())
}

/// Watches the daemons until everything is done.
async fn follow(world: &mut World, records: u64) -> anyhow::Result<()> {
    let since = Instant::now();
    let mut moved = (Instant::now(), 0);
    let archived = bar("opening and archiving", records);
    loop {
        world.children.check()?;
        let left = world.cache.count_pending().await?;
        archived.set_position(records - left.min(records));
        let mut raws = 0;
        for filter in FILTERS {
            raws += world
                .archive
                .count_pending(&filter.id(), filter.typetags())
                .await?;
        }
        if left == 0 && raws == 0 {
            break;
        }
        archived.set_message(if left > 0 {
            "opening and archiving"
        } else {
            "making the graph"
        });
        if moved.1 != left + raws {
            moved = (Instant::now(), left + raws);
        }
        anyhow::ensure!(
            moved.0.elapsed() < STUCK,
            "nothing has moved for {} s",
            STUCK.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    archived.finish_and_clear();
    show::done("opened, archived and made into a graph", since.elapsed());
    Ok(())
}

fn bar(message: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {msg} {wide_bar} {pos}/{len}")
        .expect("the template is constant");
    ProgressBar::new(length)
        .with_style(style)
        .with_message(message)
}
