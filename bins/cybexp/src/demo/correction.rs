//! An analyst's correction: a visitor that is no attacker, whose score changes once somebody says so.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cybexp_client::Client;
use cybexp_term::{BOLD, CYAN, DIM};
use serde_json::{Value, json};

use super::{sample, show};

/// The longest wait until answers show a judgement.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Judges the events of a search engine benign, and shows its score before and after.
pub(super) async fn correction(client: &Client, orgid: &str) -> anyhow::Result<()> {
    let address = sample::SEARCH_ENGINE;
    show::title("What an analyst knows");
    let subject = json!({"sub_type": "ip", "data": address});
    let before = score(client, &subject).await?;

    let mut question = subject.clone();
    question["return_type"] = "event".into();
    question["summary"] = false.into();
    let events = client
        .ask("related", &question, false, super::REPORT)
        .await?;
    let events = events["data"].as_array().context("events are listed")?;
    ensure!(!events.is_empty(), "{address} has events");
    for event in events {
        let judgement = json!({
            "orgid": orgid, "_hash": event["_hash"], "category": "benign", "context": [],
            "reason": "the crawler of a search engine",
        });
        client.post("event/category", &judgement).await?;
    }
    let since = Instant::now();
    let mut malicious = subject.clone();
    malicious["category"] = "malicious".into();
    loop {
        let count = client
            .ask("count", &malicious, false, super::REPORT)
            .await?;
        if count["data"] == 0 {
            break;
        }
        ensure!(
            since.elapsed() < PATIENCE,
            "the judgements do not show: {count}"
        );
        tokio::time::sleep(PAUSE).await;
    }
    let took = since.elapsed();
    let after = score(client, &subject).await?;
    anstream::println!(
        "{CYAN}{address}{CYAN:#} is a search engine: its {} events are benign now {DIM}({} ms){DIM:#}",
        events.len(),
        took.as_millis()
    );
    anstream::println!(
        "  threatrank {before:.4} → {BOLD}{after:.4}{BOLD:#} {DIM}(0 is harmless){DIM:#}"
    );
    Ok(())
}

async fn score(client: &Client, subject: &Value) -> anyhow::Result<f64> {
    let report = client
        .ask("threatrank", subject, false, super::REPORT)
        .await?;
    let score = report["data"]["score"].as_f64();
    score.with_context(|| format!("a threatrank has a score: {report}"))
}
