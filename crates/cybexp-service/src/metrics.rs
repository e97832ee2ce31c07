//! The numbers that every daemon gives, and the recorder that keeps them.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Keeps the metrics of this process from now on. Every `…_seconds` is a histogram with the same buckets.
pub(crate) fn install(daemon: &'static str) -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("this process keeps metrics already")?;
    describe(daemon);
    cybexp_store::describe_metrics();
    gauge!("cybexp_build_info", "daemon" => daemon, "version" => env!("CARGO_PKG_VERSION"))
        .set(1.0);
    Ok(handle)
}

/// Empties the buffers of the histograms, which would grow without end where nobody scrapes.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

fn describe(daemon: &str) {
    describe_gauge!("cybexp_build_info", "1, with the daemon's name and version");
    describe_counter!(
        format!("cybexp_{daemon}_steps_total"),
        "steps that a work loop has made"
    );
    describe_counter!(
        format!("cybexp_{daemon}_failures_total"),
        "steps that failed, the back-off followed"
    );
    describe_counter!(
        format!("cybexp_{daemon}_items_total"),
        "items that the steps have worked on"
    );
    describe_histogram!(
        format!("cybexp_{daemon}_step_seconds"),
        "how long a step took"
    );
}

/// The metrics of one work loop.
pub(crate) struct LoopMeter {
    steps: Counter,
    failures: Counter,
    items: Counter,
    seconds: Histogram,
}

impl LoopMeter {
    pub(crate) fn new(daemon: &str, name: &'static str) -> Self {
        Self {
            steps: counter!(format!("cybexp_{daemon}_steps_total"), "loop" => name),
            failures: counter!(format!("cybexp_{daemon}_failures_total"), "loop" => name),
            items: counter!(format!("cybexp_{daemon}_items_total"), "loop" => name),
            seconds: histogram!(format!("cybexp_{daemon}_step_seconds"), "loop" => name),
        }
    }

    pub(crate) fn step(&self, since: Instant) {
        self.steps.increment(1);
        self.seconds.record(since.elapsed());
    }

    pub(crate) fn items(&self, count: u64) {
        self.items.increment(count);
    }

    pub(crate) fn failure(&self) {
        self.failures.increment(1);
    }
}
