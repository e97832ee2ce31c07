//! `misp_file`: MISP's JSON exports in a folder; also a folder that MISP publishes as a feed.
//!
//! Every file `*.json` but `manifest.json` is read, in the order of the names: one event (`{"Event": {…}}`, or bare), a
//! list of such, or `{"response": […]}`. Each event is one record `{"Event": {…}}`, with the bytes that it has in the
//! file, or several if it is too large for one. A file is first read through, and only one that is JSON to its end is taken; then it is renamed to
//! `NAME.taken`, or `NAME.taken.1` if there is one. One that is broken is left alone while it may still be written, then
//! renamed to `NAME.bad` with nothing of it taken: once it is mended, it can have its name back. So is one in which
//! nothing can be taken: no entry is an event, or each is longer than 128 MiB.

mod events;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use async_trait::async_trait;
use cybexp_service::ConfigError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::plugin::blocking::blocking;
use crate::plugin::source::{InputConfig, InputSource, Next, Plugin, Setting};
use crate::sink::RecordSink;
use cybexp_spool::RecordBatch;
use events::FoundEvent;

const PERIOD: Duration = Duration::from_secs(60);
/// A broken file that was last changed so long ago is not being written any more.
const WRITTEN: Duration = Duration::from_secs(30);

/// The plugin.
pub(super) struct MispFilePlugin;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MispFileSettings {
    path: PathBuf,
}

impl Plugin for MispFilePlugin {
    fn name(&self) -> &'static str {
        "misp_file"
    }

    fn about(&self) -> &'static str {
        "MISP JSON exports in a folder; a file is renamed once it is taken"
    }

    fn typetag(&self) -> &'static str {
        "misp_event"
    }

    fn settings(&self) -> &'static [Setting] {
        &[Setting {
            name: "path",
            required: true,
            about: "the folder; a relative one is beside the configuration file",
        }]
    }

    fn example(&self) -> Value {
        json!({"path": "/var/lib/cybexp/misp"})
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn open(&self, given: &InputConfig<'_>) -> Result<Box<dyn InputSource>, ConfigError> {
        let settings: MispFileSettings = given.settings()?;
        Ok(Box::new(Folder(given.path(&settings.path))))
    }
}

struct Folder(PathBuf);

/// The file in hand, and how many of its events are taken or left out for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MispFileCursor {
    file: FileState,
    events: usize,
}

/// A file with this content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    dev: u64,
    ino: u64,
    bytes: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl FileState {
    fn of(about: &Metadata) -> Self {
        Self {
            dev: about.dev(),
            ino: about.ino(),
            bytes: about.len(),
            mtime_s: about.mtime(),
            mtime_ns: about.mtime_nsec(),
        }
    }
}

/// Messages of the thread that reads a file.
enum FileProgress {
    Batch(RecordBatch),
    Complaint(String),
}

/// How a file is after it was read.
enum FileOutcome {
    Taken,
    /// It may still be written, or is not there any more.
    Left,
    Bad(String),
}

#[async_trait]
impl InputSource for Folder {
    async fn check(&mut self) -> anyhow::Result<String> {
        let folder = self.0.clone();
        blocking(move || {
            let files = exports(&folder)?.len();
            let bad = bad(&folder)?;
            // of no name and gone at once: files must be renamed here
            tempfile::tempfile_in(&folder)
                .with_context(|| format!("{}: is not writable", folder.display()))?;
            Ok(match bad {
                0 => format!("{files} files to take"),
                bad => format!("{files} files to take, {bad} set aside as .bad"),
            })
        })
        .await
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let folder = self.0.clone();
        let files = blocking(move || exports(&folder)).await?;
        sink.reached();
        for file in files {
            if sink.is_stopping() {
                break;
            }
            let name = file.display().to_string();
            let to = match take(&file, sink).await.with_context(|| name.clone())? {
                FileOutcome::Left => continue,
                FileOutcome::Taken => "taken",
                FileOutcome::Bad(why) => {
                    sink.complain(&format!("{name}: {why}; nothing of it was taken"));
                    "bad"
                }
            };
            if !sink.keeps() {
                continue;
            }
            // if this fails no other file is taken: the cursor remembers but one
            blocking(move || rename(&file, to)).await?;
            let mut done = RecordBatch::new();
            done.cursor = Some(Value::Null);
            sink.take(done).await?;
        }
        Ok(Next::Period)
    }
}

/// Takes all of a file that is not taken yet.
async fn take(path: &Path, sink: &RecordSink) -> anyhow::Result<FileOutcome> {
    let cursor: Option<MispFileCursor> = sink.cursor::<Option<MispFileCursor>>().await?.flatten();
    let (news, mut told) = mpsc::channel(1);
    let path = path.to_owned();
    let reading = blocking(move || read(&path, cursor.as_ref(), &news));
    let taking = async move {
        while let Some(news) = told.recv().await {
            match news {
                FileProgress::Batch(batch) => sink.take(batch).await?,
                FileProgress::Complaint(what) => sink.complain(&what),
            }
            if sink.is_stopping() {
                // whoever reads ends, because nobody hears it
                return Ok(false);
            }
        }
        anyhow::Ok(true)
    };
    let (outcome, all) = tokio::join!(reading, taking);
    Ok(match all? {
        true => outcome?,
        false => FileOutcome::Left,
    })
}

/// Reads a file and hands on what is in it. Blocks.
fn read(
    path: &Path,
    cursor: Option<&MispFileCursor>,
    news: &mpsc::Sender<FileProgress>,
) -> anyhow::Result<FileOutcome> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileOutcome::Left),
        file => file?,
    };
    let about = file.metadata()?;
    let identity = FileState::of(&about);
    let survey = match events::survey(&mut file) {
        Ok(survey) => survey,
        Err(error) => {
            let age = SystemTime::now().duration_since(about.modified()?);
            // one that is of the future is of a clock that was wrong
            let written = age.is_ok_and(|age| age < WRITTEN);
            return Ok(match written {
                true => FileOutcome::Left,
                false => FileOutcome::Bad(error.to_string()),
            });
        }
    };
    let done = cursor.filter(|cursor| cursor.file == identity);
    let done = done.map_or(0, |cursor| cursor.events);
    let mut batch = RecordBatch::new();
    // of those before, some may be left out, too: it is known no more
    let (mut any, mut bad) = (done > 0, None);
    let send = |batch: &mut RecordBatch, events: usize| -> anyhow::Result<()> {
        let file = identity.clone();
        batch.cursor = Some(serde_json::to_value(MispFileCursor { file, events })?);
        let full = std::mem::take(batch);
        news.blocking_send(FileProgress::Batch(full))
            .context("is stopping")
    };
    let result = events::extract(&mut file, &survey, done, |index, found| {
        match found {
            FoundEvent::Event(records) => {
                any = true;
                for record in records {
                    // records of an event that are taken before a crash are taken again, and become the same raws
                    if batch.is_full() {
                        send(&mut batch, index)?;
                    }
                    batch.push(record);
                }
            }
            FoundEvent::Not(why) => {
                let why = format!("entry {index} {why}");
                if survey.entries > 1 {
                    let what = format!("{}: {why}: left out", path.display());
                    news.blocking_send(FileProgress::Complaint(what))
                        .context("is stopping")?;
                }
                bad = Some(why);
            }
        }
        match batch.is_full() {
            true => send(&mut batch, index + 1),
            false => Ok(()),
        }
    });
    result?;
    if !batch.is_empty() {
        send(&mut batch, survey.entries)?;
    }
    if FileState::of(&file.metadata()?) != identity {
        bail!("was written while it was read");
    }
    Ok(match bad {
        Some(why) if !any => FileOutcome::Bad(why),
        _ => FileOutcome::Taken,
    })
}

/// The files to take, by name. Links are not followed: what they point to is somebody else's.
fn exports(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_export =
            name.ends_with(".json") && !name.starts_with('.') && name != "manifest.json";
        if is_export && entry.file_type()?.is_file() {
            all.push(entry.path());
        }
    }
    all.sort();
    Ok(all)
}

/// Files that were set aside.
fn bad(folder: &Path) -> anyhow::Result<usize> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let is_bad = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.contains(".json.bad")
    };
    Ok(names.filter(is_bad).count())
}

/// Renames `NAME` to the first that is free of `NAME.to`, `NAME.to.1` …
fn rename(path: &Path, to: &str) -> anyhow::Result<()> {
    let numbered = (1..).map(|number| format!(".{to}.{number}"));
    for suffix in std::iter::once(format!(".{to}")).chain(numbered) {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // a dangling link is something, too
        if std::fs::symlink_metadata(&name).is_err() {
            return std::fs::rename(path, &name)
                .with_context(|| format!("{}: cannot be renamed", path.display()));
        }
    }
    Ok(())
}
