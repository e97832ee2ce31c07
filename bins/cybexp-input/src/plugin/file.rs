//! `file`: follows a text or JSON-lines file as it grows, across rotation and restarts.
//!
//! Each line that is not blank is a record, without its end, whatever its bytes are. An object or list of JSON that goes over
//! several lines is one, too, and of a list of objects each is one; the last of a file needs no line end. The cursor names the file by device, inode and a hash of what
//! was read, so that it is found again under the name that a rotation gave it: what is left of it comes first, then the
//! files that were rotated since, oldest first, then the one that has the name now. At the very first start only the file
//! with the name itself is read.
//!
//! Data written to a file after `copytruncate` copied it and before it was truncated is in no file. Files that
//! were rotated and removed or compressed while the daemon was away cannot be read: that is complained of.

mod follow;
mod outline;
mod position;
mod reader;
mod rotated;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use cybexp_service::ConfigError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::plugin::blocking::blocking;
use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::sink::RecordSink;
use cybexp_spool::RecordBatch;
use follow::{FileCursor, Follower};
use watch::FileWatch;

/// A writer that writes line by line wakes us for each: so many are waited for together.
const GATHER: Duration = Duration::from_millis(50);

/// The plugin.
pub(super) struct FilePlugin;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    path: PathBuf,
    #[serde(default)]
    from: Begin,
}

/// The place at which the very first start begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Begin {
    #[default]
    Start,
    End,
}

impl Plugin for FilePlugin {
    fn name(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> &'static str {
        "a text or JSON-lines file, or one of JSON, followed as it grows, across rotation and restart"
    }

    fn typetag(&self) -> &'static str {
        "cowrie"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "path",
                required: true,
                about: "the file; relative ones are beside the configuration file",
            },
            Setting {
                name: "from",
                required: false,
                about: "\"start\" (default), or \"end\": the first start leaves out what is already there",
            },
        ]
    }

    fn example(&self) -> Value {
        json!({"path": "/var/log/cowrie/cowrie.json"})
    }

    fn period(&self) -> Option<Duration> {
        None
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let mut settings: FileSettings = given.settings()?;
        if settings.path.file_name().is_none() {
            return Err(given.wrong("path", "names no file"));
        }
        settings.path = given.path(&settings.path);
        Ok(Box::new(FollowedFile(settings)))
    }
}

struct FollowedFile(FileSettings);

#[async_trait]
impl InputSource for FollowedFile {
    async fn check(&mut self) -> anyhow::Result<String> {
        let path = self.0.path.clone();
        blocking(move || {
            let file = reader::open(&path).with_context(|| path.display().to_string())?;
            let about = file.metadata()?;
            let changed = DateTime::<Utc>::from(about.modified()?);
            let changed = changed.to_rfc3339_opts(SecondsFormat::Secs, true);
            Ok(format!("{} bytes, last changed {changed}", about.len()))
        })
        .await
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let cursor: Option<FileCursor> = sink.cursor().await?;
        let FileSettings { path, from } = self.0.clone();
        let mut watch = FileWatch::new(&path);
        let mut follower = Follower::new(path.clone(), from == Begin::End, cursor)?;
        let mut trouble = None;
        let mut ready = RecordBatch::new();
        loop {
            // the next batch is read while the disk writes this one
            let taking = async {
                match ready.is_empty() {
                    true => Ok(()),
                    false => sink.take(ready).await,
                }
            };
            let reading = blocking(move || {
                let step = follower.step()?;
                Ok((follower, step))
            });
            let (taken, read) = tokio::join!(taking, reading);
            taken?;
            let mut step;
            (follower, step) = read?;
            for complaint in &step.complaints {
                sink.complain(complaint);
            }
            match step.trouble {
                None => {
                    if trouble.take().is_some() {
                        // the folder may be another one
                        watch = FileWatch::new(&path);
                    }
                    sink.reached();
                }
                Some(error) => {
                    // first what is in hand: to take something is a sign of health
                    if !step.batch.is_empty() {
                        sink.take(std::mem::take(&mut step.batch)).await?;
                    }
                    let text = format!("{error:#}");
                    if trouble.as_ref() != Some(&text) {
                        sink.failing(&error);
                        trouble = Some(text);
                    }
                }
            }
            ready = step.batch;
            if sink.is_stopping() {
                if !ready.is_empty() {
                    sink.take(ready).await?;
                }
                return Ok(Next::Period);
            }
            if ready.is_empty() && !step.wait.is_zero() {
                let changed = async {
                    watch.changed().await;
                    tokio::time::sleep(GATHER).await;
                };
                tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep(step.wait) => {}
                    () = sink.stopping() => {}
                }
            }
        }
    }
}
