//! An input at work, with sources that fail.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::*;
use cybexp_spool::RecordBatch;
use tahoe_core::SubmissionTags;

/// An input at work, with a spool of its own.
struct Setting {
    _folder: tempfile::TempDir,
    spool: Spool,
    status: Arc<SharedStatus>,
    stop: CancellationToken,
    run: InputRun,
}

/// Makes an input that is not started yet. It is opened once, fetches at once and then every hour.
async fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 1 << 20).unwrap();
    let tags = SubmissionTags::default();
    let id = spool.register("input", "test", &tags).await.unwrap().id;
    let status = Arc::new(SharedStatus::new("input", "test", true));
    let stop = CancellationToken::new();
    let sink = RecordSink::new(
        "input",
        Arc::clone(&status),
        stop.clone(),
        spool.clone(),
        id,
        None,
    );
    let run = InputRun {
        id,
        not_before: 0.0,
        period: Some(Duration::from_secs(3600)),
        stop: stop.clone(),
        sink,
        spool: spool.clone(),
        status: Arc::clone(&status),
        open: Box::new(|| unreachable!("it is open")),
        backoff: Backoff::new(MAX_BACKOFF),
    };
    Setting {
        _folder: folder,
        spool,
        status,
        stop,
        run,
    }
}

/// Panics at its first fetch, fails at its second, and delivers from the third on.
struct Fickle(Arc<AtomicU32>);

#[async_trait]
impl InputSource for Fickle {
    async fn check(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("a plugin's mistake"),
            1 => anyhow::bail!("the source is away"),
            _ => {
                let mut batch = RecordBatch::new();
                batch.push("a record");
                sink.take(batch).await?;
                Ok(Next::Period)
            }
        }
    }
}

#[tokio::test]
async fn a_plugin_that_panics_is_opened_anew_and_counted() {
    let Setting {
        _folder,
        spool,
        status,
        stop,
        run,
    } = setting().await;
    let fetches = Arc::<AtomicU32>::default();
    let fickle = move || -> Box<dyn InputSource> { Box::new(Fickle(Arc::clone(&fetches))) };
    let first = fickle();
    let run = InputRun {
        open: Box::new(move || Ok(fickle())),
        // no longer than the test may take
        backoff: Backoff::new(Duration::from_millis(20)),
        ..run
    };
    let running = tokio::spawn(run.run(first));
    cybexp_testkit::eventually("a record", async || status.get().taken == 1).await;
    stop.cancel();
    running.await.unwrap();

    let seen = status.get();
    assert_eq!((seen.panics, seen.errors), (1, 2));
    assert_eq!(seen.last_error.as_deref(), Some("the source is away"));
    assert_eq!(seen.state, InputState::Running);
    let known = spool.known().await.unwrap();
    assert!(
        known[0].not_before > now() + 3000.0,
        "the next fetch is in an hour"
    );
}

#[tokio::test]
async fn a_source_whose_time_has_not_come_is_left_alone() {
    let Setting {
        _folder,
        status,
        stop,
        run,
        ..
    } = setting().await;
    let fetches: Arc<AtomicU32> = Arc::default();
    let run = InputRun {
        not_before: now() + 3600.0,
        ..run
    };
    let running = tokio::spawn(run.run(Box::new(Fickle(Arc::clone(&fetches)))));
    let waits = async || status.get().next_fetch.is_some();
    cybexp_testkit::eventually("it waits", waits).await;
    assert_eq!(status.get().state, InputState::Running);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(fetches.load(Ordering::Relaxed), 0);
}

/// Fails each time, after it was well for a while.
struct StandingSource(Arc<AtomicU32>);

#[async_trait]
impl InputSource for StandingSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        self.0.fetch_add(1, Ordering::Relaxed);
        sink.stood();
        anyhow::bail!("the server went")
    }
}

#[tokio::test]
async fn a_source_that_stood_well_is_not_waited_for_longer_each_time() {
    let Setting {
        _folder,
        status,
        stop,
        run,
        ..
    } = setting().await;
    let fetches: Arc<AtomicU32> = Arc::default();
    let run = InputRun {
        period: None,
        ..run
    };
    let running = tokio::spawn(run.run(Box::new(StandingSource(Arc::clone(&fetches)))));
    let rests = async || {
        let fetched = fetches.load(Ordering::Relaxed);
        fetched == 2 && status.get().next_fetch.is_some()
    };
    cybexp_testkit::eventually("it waits for the second time", rests).await;
    let wait = status.get().next_fetch.unwrap() - now();
    assert!(wait <= 3.0, "{wait} s, as after the first failure");
    stop.cancel();
    running.await.unwrap();
}
