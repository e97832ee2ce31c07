//! Keeps track of how far files are submitted, and saves it for `--resume`.
//!
//! Records are acknowledged in any order, for many are sent at once. A file counts as submitted up to the first record that
//! is not acknowledged: records behind it are submitted once more, which makes the same raws.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cybexp_service::site::state_folder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tahoe_core::{SubmissionTags, Tlp};

use super::source::{Position, PostSource};

/// The number of bytes, at the beginning and before the saved position, by which a file is recognised.
const KNOWN_BYTES: u64 = 4096;

/// The progress of one source.
#[derive(Debug, Default)]
pub(super) struct PostProgress {
    /// The position before which everything is acknowledged.
    upto: Position,
    /// The number of the first record that is not acknowledged.
    next: u64,
    /// The ends of later records that are acknowledged, by number.
    ahead: BTreeMap<u64, Position>,
}

impl PostProgress {
    pub(super) fn from(upto: Position) -> Self {
        Self {
            upto,
            ..Self::default()
        }
    }

    /// Notes that a record is acknowledged: its number in its source, and its end.
    pub(super) fn acknowledge(&mut self, number: u64, end: Position) {
        self.ahead.insert(number, end);
        while let Some(end) = self.ahead.remove(&self.next) {
            self.upto = end;
            self.next += 1;
        }
    }

    pub(super) fn upto(&self) -> Position {
        self.upto
    }
}

/// The file in which the progress of one submitted file is saved.
#[derive(Debug)]
pub(super) struct ProgressFile {
    /// The file that is submitted.
    path: PathBuf,
    /// The file that holds the progress.
    state: PathBuf,
}

impl ProgressFile {
    /// Returns `None` for a pipe, and if there is no home folder.
    pub(super) fn of(source: &PostSource, tags: &SubmissionTags, url: &str) -> Option<Self> {
        if source.pipe.is_some() {
            return None;
        }
        let path = source.path.canonicalize().ok()?;
        let manner = if source.by_lines { "lines" } else { "whole" };
        let mut key = Sha256::new();
        for part in [
            path.as_os_str().as_encoded_bytes(),
            url.as_bytes(),
            tags.orgid.as_bytes(),
            tags.typetag.as_bytes(),
            tags.timezone.as_bytes(),
            manner.as_bytes(),
            tags.tlp.map_or("", Tlp::as_str).as_bytes(),
        ] {
            key.update(part);
            key.update([0]);
        }
        let name = format!("{}.json", hex::encode(key.finalize()));
        let state = state_folder()?.join("post").join(name);
        Some(Self { path, state })
    }

    /// Returns the position that an earlier post reached; `None` if none was interrupted.
    ///
    /// # Errors
    /// Fails if the content of the file is no longer the one that was posted.
    pub(super) fn recall(&self) -> anyhow::Result<Option<Position>> {
        let Ok(text) = std::fs::read_to_string(&self.state) else {
            return Ok(None);
        };
        let state: Value = serde_json::from_str(&text).unwrap_or_default();
        let number = |field| state[field].as_u64();
        let (Some(offset), Some(line)) = (number("offset"), number("line")) else {
            return Ok(None);
        };
        let known = self.fingerprint(offset).ok().flatten();
        if known.is_none() || known.as_deref() != state["sha256"].as_str() {
            bail!(
                "{} is not the file any more of which an earlier post submitted {offset} bytes: post it without --resume",
                self.path.display()
            );
        }
        Ok(Some(Position { offset, line }))
    }

    /// Saves how far the file is submitted.
    pub(super) fn keep(&self, upto: Position) -> anyhow::Result<()> {
        let sha256 = self.fingerprint(upto.offset)?;
        let Position { offset, line } = upto;
        let state = json!({"file": self.path, "offset": offset, "line": line, "sha256": sha256});
        let folder = self.state.parent().unwrap_or(Path::new("."));
        let part = self.state.with_extension("part");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&part, state.to_string()))
            .and_then(|()| std::fs::rename(&part, &self.state))
            .with_context(|| self.state.display().to_string())
    }

    /// Removes the saved progress.
    pub(super) fn forget(&self) {
        // a file that cannot be removed is told of, and replaced by the next post
        let _ = std::fs::remove_file(&self.state);
    }

    /// Hashes the first bytes of the file and those before `upto`; `None` for a file that is shorter.
    fn fingerprint(&self, upto: u64) -> std::io::Result<Option<String>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < upto {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        (&mut file)
            .take(KNOWN_BYTES.min(upto))
            .read_to_end(&mut bytes)?;
        let tail = upto.saturating_sub(KNOWN_BYTES);
        file.seek(SeekFrom::Start(tail))?;
        file.take(upto - tail).read_to_end(&mut bytes)?;
        Ok(Some(hex::encode(Sha256::digest(&bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u64) -> Position {
        Position {
            offset: line * 10,
            line,
        }
    }

    #[test]
    fn what_is_acknowledged_out_of_order_counts_when_the_gap_is_closed() {
        let mut progress = PostProgress::from(at(4));
        progress.acknowledge(1, at(6));
        progress.acknowledge(2, at(7));
        assert_eq!(progress.upto(), at(4));
        progress.acknowledge(0, at(5));
        assert_eq!(progress.upto(), at(7));
        progress.acknowledge(3, at(9));
        assert_eq!(progress.upto(), at(9));
    }

    #[test]
    fn a_file_is_known_again_until_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let memory = ProgressFile {
            path: path.clone(),
            state: folder.path().join("state/x.json"),
        };
        std::fs::write(&path, "0123456789".repeat(1000)).unwrap();
        assert_eq!(memory.recall().unwrap(), None);
        memory.keep(at(900)).unwrap();
        assert_eq!(memory.recall().unwrap(), Some(at(900)));

        // the file may grow, and change behind the saved position
        std::fs::write(&path, "0123456789".repeat(900) + "and more").unwrap();
        assert_eq!(memory.recall().unwrap(), Some(at(900)));
        for other in ["0123456789".repeat(800), "x123456789".repeat(900)] {
            std::fs::write(&path, other).unwrap();
            let told = memory.recall().unwrap_err().to_string();
            assert!(told.contains("without --resume"), "{told}");
        }
        memory.forget();
        assert_eq!(memory.recall().unwrap(), None);
    }
}
