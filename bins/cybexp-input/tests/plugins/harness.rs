//! One input with a spool of its own, without a daemon around it.

#![allow(dead_code, reason = "not every plugin needs all of it")]

use std::sync::Arc;
use std::time::Duration;

use cybexp_input::plugin::{self, InputConfig, InputSource, Next};
use cybexp_input::sink::RecordSink;
use cybexp_input::status::{InputStatus, SharedStatus};
use cybexp_service::config::InputSpec;
use cybexp_service::{Config, ConfigError};
use cybexp_spool::{KnownInput, Spool};
use serde_json::{Value, json};
use tahoe_core::SubmissionTags;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Everything that lies around a source.
pub(crate) struct Input {
    pub(crate) folder: TempDir,
    pub(crate) spool: Spool,
    pub(crate) status: Arc<SharedStatus>,
    spec: InputSpec,
    config: Config,
}

/// A source on its way, as the daemon runs it.
pub(crate) struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<Next>>,
}

impl Input {
    pub(crate) fn new(plugin: &str, settings: Value) -> Self {
        Self::with(plugin, settings, 1 << 30)
    }

    /// With a spool of so many bytes.
    pub(crate) fn with(plugin: &str, settings: Value, spool_max_bytes: u64) -> Self {
        let spec = json!({"name": "test", "plugin": plugin, "typetag": "test", "orgid": "unr", "settings": settings});
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::without_file().unwrap();
        // the servers of the tests are all on this machine
        config.input.redirects_inside = true;
        Self {
            spool: Spool::open(&folder.path().join("spool"), spool_max_bytes).unwrap(),
            status: Arc::new(SharedStatus::new("test", plugin, true)),
            spec: serde_json::from_value(spec).unwrap(),
            config,
            folder,
        }
    }

    /// The same input with other settings, as after a change of the configuration.
    pub(crate) fn with_settings(mut self, settings: Value) -> Self {
        self.spec.settings = serde_json::from_value(settings).unwrap();
        self
    }

    /// With redirects as they are followed unless the operator says otherwise.
    pub(crate) fn careful(mut self) -> Self {
        self.config.input.redirects_inside = false;
        self
    }

    /// With this `period_s`.
    pub(crate) fn every(mut self, period_s: u64) -> Self {
        self.spec.period_s = period_s;
        self
    }

    /// The error of settings that are wrong.
    pub(crate) fn refused(plugin: &str, settings: Value, period_s: u64) -> String {
        let input = Self::new(plugin, settings).every(period_s);
        match input.open() {
            Ok(_) => panic!("these settings are taken"),
            Err(error) => error.to_string(),
        }
    }

    /// A new source, as after a start of the daemon.
    pub(crate) fn source(&self) -> Box<dyn InputSource> {
        self.open().unwrap_or_else(|error| panic!("{error}"))
    }

    fn open(&self) -> Result<Box<dyn InputSource>, ConfigError> {
        let given = InputConfig {
            input: &self.spec,
            config: &self.config,
        };
        plugin::find(&self.spec.plugin).unwrap().open(&given)
    }

    /// The input, as the spool knows it.
    pub(crate) async fn known(&self) -> KnownInput {
        self.spool
            .register("test", &self.spec.plugin, &SubmissionTags::default())
            .await
            .unwrap()
    }

    pub(crate) async fn sink(&self, stop: &CancellationToken) -> RecordSink {
        let known = self.known().await;
        let (status, stop) = (Arc::clone(&self.status), stop.clone());
        RecordSink::new(
            "test",
            status,
            stop,
            self.spool.clone(),
            known.id,
            known.cursor,
        )
    }

    /// One fetch of a new source, as after a start of the daemon.
    pub(crate) async fn fetch(&self) -> anyhow::Result<Next> {
        let sink = self.sink(&CancellationToken::new()).await;
        self.source().fetch(&sink).await
    }

    /// One fetch of a new source, which fails; whether it says that it stood well until then.
    pub(crate) async fn fetch_standing(&self) -> bool {
        let sink = self.sink(&CancellationToken::new()).await;
        let fetched = self.source().fetch(&sink).await;
        assert!(fetched.is_err());
        sink.has_stood()
    }

    /// Starts a source that listens.
    pub(crate) async fn start(&self) -> Running {
        let stop = CancellationToken::new();
        let sink = self.sink(&stop).await;
        let mut source = self.source();
        let task = tokio::spawn(async move { source.fetch(&sink).await });
        Running { stop, task }
    }

    /// All records in the spool, in order, as text.
    pub(crate) async fn taken(&self) -> Vec<String> {
        let id = self.known().await.id;
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let next = self.spool.next(id, after, 10_000, 64 << 20).await.unwrap();
            let Some(last) = next.last() else { return all };
            after = last.id;
            all.extend(
                next.iter()
                    .map(|record| String::from_utf8_lossy(&record.data).into_owned()),
            );
        }
    }

    /// Waits until so many records are in the spool.
    pub(crate) async fn wait_for(&self, records: usize) -> Vec<String> {
        cybexp_testkit::eventually("the records are taken", async || {
            self.status.get().taken >= records as u64
        })
        .await;
        self.taken().await
    }

    pub(crate) fn now(&self) -> InputStatus {
        self.status.get()
    }
}

impl Running {
    /// Asks it to stop, and gives what became of it.
    pub(crate) async fn stop(self) -> anyhow::Result<Next> {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.task)
            .await
            .unwrap()
            .unwrap()
    }

    /// Ends it at once, wherever it is, as a crash would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
