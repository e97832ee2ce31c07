//! The time from a post of a single record until its event can be found.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cybexp_filters::{FILTERS, RawInput};
use cybexp_store::{GraphReader, Visible};
use serde_json::{Value, json};
use tahoe_core::question::ReturnType;
use tahoe_core::{Hash, Timestamp, json as exact};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::suite::{self, BenchSuite, TYPETAG};
use crate::commands::bench::honeypots::END_S;

/// The least time between two looks for events.
const LOOK: Duration = Duration::from_millis(2);
/// The least time between two looks, as a multiple of the time that a look takes: looks take a small share of what they
/// measure.
const REST: u32 = 10;
/// The longest wait for the last events.
const LONGEST: Duration = Duration::from_secs(60);
/// The most events that are looked for at once.
const ASKED: usize = 1000;
/// The most requests at once: the API closes further connections of one address.
const REQUESTS: usize = 128;

/// Posts single records at this rate, each in a request of its own, and looks for their events.
pub(super) async fn measure(
    bench: &mut BenchSuite,
    rate: u32,
    seconds: f64,
    set: u64,
) -> anyhow::Result<Value> {
    let wanted = (f64::from(rate) * seconds).ceil() as usize;
    let records = with_events(bench, wanted, set)?;
    let (sender, mut posted) = mpsc::unbounded_channel::<(Hash, Instant)>();
    let (client, tags) = (bench.client.clone(), bench.tags());
    let began = Instant::now();
    let poster = tokio::spawn(async move {
        let mut requests = JoinSet::new();
        let mut beats = tokio::time::interval(Duration::from_secs(1) / rate);
        let room = Arc::new(Semaphore::new(REQUESTS));
        for (event, line) in records {
            beats.tick().await;
            let permit = Arc::clone(&room).acquire_owned().await?;
            let (client, tags, sender) = (client.clone(), tags.clone(), sender.clone());
            requests.spawn(async move {
                let since = Instant::now();
                // told before the answer: the event may be there as soon as that
                let _ = sender.send((event, since));
                let _permit = permit;
                client.submit(&tags, "bench", &[line]).await
            });
        }
        while let Some(request) = requests.join_next().await {
            request??;
        }
        anyhow::Ok(began.elapsed())
    });
    let reader = GraphReader::new(&bench.archive);
    let visible = Visible(vec![bench.orgid.clone()]);
    let mut waiting: HashMap<Hash, Instant> = HashMap::new();
    let mut order: VecDeque<Hash> = VecDeque::new();
    let mut latencies = Vec::with_capacity(wanted);
    let mut ended = None;
    loop {
        loop {
            match posted.try_recv() {
                Ok((event, since)) => {
                    waiting.insert(event, since);
                    order.push_back(event);
                }
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    ended.get_or_insert_with(Instant::now);
                    break;
                }
            }
        }
        order.retain(|event| waiting.contains_key(event));
        let asked: Vec<Hash> = order.iter().take(ASKED).copied().collect();
        let looked = Instant::now();
        for row in reader
            .sizes(&asked, Some(ReturnType::Event), &visible)
            .await?
        {
            if let Some(since) = waiting.remove(&row.hash) {
                latencies.push(since.elapsed().as_secs_f64() * 1e3);
            }
        }
        match ended {
            Some(_) if waiting.is_empty() => break,
            Some(ended) if ended.elapsed() > LONGEST => {
                // a refused post is the better reason
                poster.await??;
                bail!("{} events are not there after a minute", waiting.len())
            }
            _ => tokio::time::sleep(LOOK.max(looked.elapsed() * REST)).await,
        }
    }
    let took = poster.await??;
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    anstream::eprintln!("  p50 {:.0} ms, p99 {:.0} ms", at(0.5), at(0.99));
    Ok(json!({
        "rate": rate, "posted_per_s": wanted as f64 / took.as_secs_f64(),
        "p50_ms": at(0.5), "p99_ms": at(0.99),
    }))
}

/// Returns records of which the filter makes an event, each with the hash of its event.
fn with_events(bench: &BenchSuite, wanted: usize, set: u64) -> anyhow::Result<Vec<(Hash, String)>> {
    let filter = FILTERS
        .iter()
        .find(|filter| filter.typetags().contains(&TYPETAG));
    let filter = filter.context("a filter reads the records")?;
    let timestamp = Timestamp::new(END_S)?;
    let mut records = Vec::with_capacity(wanted);
    // a record in ten makes no event
    for line in suite::lines(wanted * 2 + 100, set) {
        let data = exact::parse(&line)?;
        let made = filter.run(&RawInput {
            data: &data,
            orgid: &bench.orgid,
            timezone: "UTC",
            timestamp,
        })?;
        if let Some(event) = made.events.first() {
            records.push((event.hash(), line));
        }
        if records.len() == wanted {
            break;
        }
    }
    Ok(records)
}
