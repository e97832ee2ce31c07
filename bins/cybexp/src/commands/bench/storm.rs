//! Asks the same question again and again, by many clients at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

/// Percentiles of the time to an answer, in milliseconds, and the number of answers a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) p50: f64,
    p95: f64,
    p99: f64,
    per_s: f64,
    answers: usize,
}

impl Figures {
    pub(super) fn json(&self) -> Value {
        json!({"p50_ms": self.p50, "p95_ms": self.p95, "p99_ms": self.p99, "per_s": self.per_s, "answers": self.answers})
    }
}

/// Runs the given number of clients for the given time; each asks at least once. `ask` is given the number of the question.
pub(super) async fn run<F>(
    at_once: usize,
    time: Duration,
    ask: impl Fn(usize) -> F + Send + Sync + 'static,
) -> anyhow::Result<Figures>
where
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let (ask, turn) = (Arc::new(ask), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let askers = (0..at_once).map(|_| {
        let (ask, turn) = (Arc::clone(&ask), Arc::clone(&turn));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while times.is_empty() || began.elapsed() < time {
                let since = Instant::now();
                ask(turn.fetch_add(1, Ordering::Relaxed)).await?;
                times.push(since.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(times)
        })
    });
    let mut times = Vec::new();
    for asker in askers.collect::<Vec<_>>() {
        times.extend(asker.await??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    ensure!(!times.is_empty(), "nobody asked");
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    Ok(Figures {
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        per_s: times.len() as f64 / elapsed,
        answers: times.len(),
    })
}
