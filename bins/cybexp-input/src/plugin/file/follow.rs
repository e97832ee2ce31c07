//! From one file to the next.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::position::FilePosition;
use super::reader::{FileReader, Filled, LONGEST, Line};
use super::rotated::{self, RotatedFile};
use cybexp_spool::RecordBatch;

/// How often a file is looked at when nothing tells that it has changed.
const POLL: Duration = Duration::from_secs(1);
/// A file that was rotated away is read to its end when nobody has written to it for so long: its writer may learn of the
/// rotation a little later.
const GRACE: Duration = Duration::from_secs(1);
/// A rotation may leave no file with the name for so long before that is worth a word.
const GAP: Duration = Duration::from_secs(10);
/// After so many chunks without a full batch others may go on.
const CHUNKS: usize = 16;

/// The position up to which all is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileCursor {
    place: FilePosition,
    /// The unfinished last line of the file before, in base64: what the file at `place` begins with may belong to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carry: Option<String>,
}

/// The outcome of one step.
#[derive(Debug, Default)]
pub(super) struct FollowStep {
    pub(super) batch: RecordBatch,
    /// Reasons for which something was left out.
    pub(super) complaints: Vec<String>,
    /// The error because of which there is nothing to read.
    pub(super) trouble: Option<anyhow::Error>,
    /// How long to wait if nothing changes before.
    pub(super) wait: Duration,
}

impl FollowStep {
    /// Adds a record; of a list of objects, each of them.
    fn push(&mut self, record: &[u8]) {
        match elements(record) {
            None => self.batch.push(Bytes::copy_from_slice(record)),
            Some(elements) => {
                for element in elements {
                    self.batch
                        .push(Bytes::copy_from_slice(element.get().as_bytes()));
                }
            }
        }
    }
}

/// Follows a file. Its methods block.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    from_end: bool,
    /// The position, while no `reader` is open.
    place: Option<FilePosition>,
    carry: Option<Vec<u8>>,
    reader: Option<FileReader>,
    /// Since when no file has the name.
    missing: Option<Instant>,
}

impl Follower {
    pub(super) fn new(
        path: PathBuf,
        from_end: bool,
        cursor: Option<FileCursor>,
    ) -> anyhow::Result<Self> {
        let (place, carry) = match cursor {
            Some(cursor) => (Some(cursor.place), cursor.carry),
            None => (None, None),
        };
        let carry = carry.map(|carry| BASE64_STANDARD.decode(carry)).transpose();
        Ok(Self {
            path,
            from_end,
            place,
            carry: carry.context("the cursor in the spool is damaged")?,
            reader: None,
            missing: None,
        })
    }

    /// Reads until a batch is full or there is no more for now.
    pub(super) fn step(&mut self) -> anyhow::Result<FollowStep> {
        let mut step = FollowStep::default();
        let moved = match self.advance(&mut step) {
            Ok(moved) => moved,
            Err(error) => {
                let error = anyhow!(error).context(self.path.display().to_string());
                step.trouble = Some(error);
                step.wait = POLL;
                // what was read before stays in hand: the cursor goes with it
                !step.batch.records.is_empty()
            }
        };
        if moved {
            let place = self.reader.as_ref().map(FileReader::place);
            if let Some(place) = place.or_else(|| self.place.clone()) {
                let carry = self.carry.as_ref();
                let cursor = FileCursor {
                    place,
                    carry: carry.map(|carry| BASE64_STANDARD.encode(carry)),
                };
                step.batch.cursor = Some(serde_json::to_value(cursor)?);
            }
        }
        Ok(step)
    }

    /// Whether the cursor has moved.
    fn advance(&mut self, step: &mut FollowStep) -> std::io::Result<bool> {
        let mut moved = false;
        for _ in 0..CHUNKS {
            let Some(reader) = &mut self.reader else {
                return Ok(self.resume(step)? | moved);
            };
            while !step.batch.is_full()
                && let Some(line) = reader.next_line()
            {
                moved = true;
                match line {
                    Line::Text(line) => add(step, &mut self.carry, line),
                    Line::TooLong(offset) => {
                        if let Some(carry) = self.carry.take() {
                            step.push(&carry);
                        }
                        step.complaints.push(format!(
                            "{}: the line at byte {offset} is longer than {} MiB: left out",
                            reader.path.display(),
                            LONGEST >> 20
                        ));
                    }
                }
            }
            if step.batch.is_full() {
                return Ok(true);
            }
            let filled = match reader.fill() {
                Ok(filled) => filled,
                Err(error) => {
                    // opened anew it may be read: the server of a network file system has forgotten it
                    self.place = Some(reader.place());
                    self.reader = None;
                    return Err(error);
                }
            };
            match filled {
                Filled::More => {}
                // first what is in hand
                Filled::End | Filled::Changed if moved => return Ok(true),
                Filled::End => return self.ended(step),
                Filled::Changed => return self.changed(step),
            }
        }
        Ok(moved)
    }

    /// Finds the file that the cursor names, or begins. Whether the cursor has moved.
    fn resume(&mut self, step: &mut FollowStep) -> std::io::Result<bool> {
        let Some(place) = self.place.clone() else {
            let reader = match rotated::current(&self.path)? {
                None => None,
                Some(found) if self.from_end => FileReader::open_at_end(&found.path)?,
                Some(found) => Some(FileReader::open(&found.path)?),
            };
            if reader.is_none() {
                // whatever comes from now on is read from its start; the clock of files is a little behind
                self.place = Some(FilePosition::nowhere(now_ns() - 1_000_000_000));
                self.absent(step);
            }
            self.reader = reader;
            return Ok(true);
        };
        if let Some(reader) = rotated::find(&self.path, &place)? {
            self.reader = Some(reader);
            return Ok(false);
        }
        let Some(next) = rotated::after(&self.path, place.id, place.mtime_ns)? else {
            self.absent(step);
            return Ok(false);
        };
        if !self.go(&next, step)? {
            return Ok(false);
        }
        if place.offset > 0 {
            step.complaints.push(format!(
                "{}: the file that was read up to byte {} is gone (truncated, compressed or removed): \
                 what was written to it after that is lost, if anything was",
                self.path.display(),
                place.offset
            ));
        }
        Ok(true)
    }

    /// All that the file has is read: is there another one? Whether the cursor has moved.
    fn ended(&mut self, step: &mut FollowStep) -> std::io::Result<bool> {
        step.wait = POLL;
        let current = rotated::current(&self.path)?;
        match &current {
            Some(_) => self.missing = None,
            None => self.absent(step),
        }
        let Some(reader) = &self.reader else {
            return Ok(false);
        };
        let same = current.is_some_and(|current| current.id == reader.id);
        let Some(quiet) = reader.quiet()? else {
            step.wait = Duration::ZERO;
            return Ok(false);
        };
        if quiet < GRACE {
            step.wait = GRACE - quiet;
            return Ok(false);
        }
        if same {
            // a whole file of JSON has no line end, often
            let last = self.carry.is_none().then(|| self.reader.as_mut()?.last());
            let Some(last) = last.flatten() else {
                return Ok(false);
            };
            step.push(&last);
            return Ok(true);
        }
        let last = reader.place();
        match rotated::after(&self.path, last.id, last.mtime_ns)? {
            None => Ok(false),
            // nobody writes to it yet, so the one before may still be written to
            Some(next) if next.bytes == 0 && next.path == self.path => Ok(false),
            Some(next) => self.leave_for(&next, step),
        }
    }

    /// Handles a file that no longer holds the bytes that were read from it. Returns whether the cursor has moved.
    fn changed(&mut self, step: &mut FollowStep) -> std::io::Result<bool> {
        let Some(reader) = &self.reader else {
            return Ok(false);
        };
        let (place, end) = (reader.place(), reader.end());
        if let Some(copy) = rotated::find(&self.path, &end)? {
            self.reader =
                FileReader::open_from(&copy.path, place.offset)?.filter(|r| r.id == copy.id);
            self.place = Some(place);
            return Ok(true);
        }
        match rotated::after(&self.path, end.id, end.mtime_ns)? {
            Some(next) => self.leave_for(&next, step),
            None => {
                self.absent(step);
                Ok(false)
            }
        }
    }

    /// Opens the next file; what is left in this one has no line end and will get none. Whether the cursor has moved.
    fn leave_for(&mut self, next: &RotatedFile, step: &mut FollowStep) -> std::io::Result<bool> {
        let rest = self.reader.as_ref().map(|reader| reader.rest().to_vec());
        if !self.go(next, step)? {
            return Ok(false);
        }
        let rest = rest.unwrap_or_default();
        if rest.is_empty() {
            return Ok(true);
        }
        let joined = self
            .carry
            .as_ref()
            .is_some_and(|carry| is_one(carry, &rest));
        let begins = matches!(rest.trim_ascii_start().first(), Some(b'{' | b'['));
        if begins && !joined && !is_json(&rest) {
            if let Some(carry) = self.carry.replace(rest) {
                step.push(&carry);
            }
        } else {
            add(step, &mut self.carry, &rest);
        }
        Ok(true)
    }

    /// Opens a file that was found, if it is still the one with that name.
    fn go(&mut self, found: &RotatedFile, step: &mut FollowStep) -> std::io::Result<bool> {
        let reader = match FileReader::open(&found.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            reader => Some(reader?).filter(|reader| reader.id == found.id),
        };
        step.wait = Duration::ZERO;
        let Some(reader) = reader else {
            return Ok(false);
        };
        self.reader = Some(reader);
        self.missing = None;
        Ok(true)
    }

    fn absent(&mut self, step: &mut FollowStep) {
        step.wait = POLL;
        let since = *self.missing.get_or_insert_with(Instant::now);
        if self.reader.is_none() || since.elapsed() >= GAP {
            step.trouble = Some(anyhow!("{}: there is no such file", self.path.display()));
        }
    }
}

/// The elements of a list of objects; `None` if it is anything else.
fn elements(record: &[u8]) -> Option<Vec<&RawValue>> {
    if !record.trim_ascii_start().starts_with(b"[") {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_slice(record).ok()?;
    let objects = elements
        .iter()
        .all(|element| element.get().starts_with('{'));
    (objects && !elements.is_empty()).then_some(elements)
}

/// Adds a line, which may be the rest of what was carried.
fn add(step: &mut FollowStep, carry: &mut Option<Vec<u8>>, line: &[u8]) {
    let Some(carry) = carry.take() else {
        return step.push(line);
    };
    if is_one(&carry, line) {
        return step.push(&[&carry, line].concat());
    }
    step.push(&carry);
    step.push(line);
}

/// Whether these are the two parts of one JSON text, and the second is none by itself.
fn is_one(carry: &[u8], line: &[u8]) -> bool {
    carry.len() + line.len() <= LONGEST && !is_json(line) && is_json(&[carry, line].concat())
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
