//! The lines of one file, a chunk at a time, for as long as it is the file that it was.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;

use super::outline::{Outline, OutlineProgress};
use super::position::{FileId, FilePosition, PRINT, mtime_ns, print};

/// The longest line that becomes a record; a raw ends there, too.
pub(super) const LONGEST: usize = 15 << 20;
const CHUNK: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Opens a regular file; waits for nothing, as one would that opens a FIFO.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let regular = |about: Metadata| {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        about.is_file().then_some(()).ok_or_else(wrong)
    };
    regular(std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// The outcome of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// There may be lines.
    More,
    /// Nothing more for now.
    End,
    /// The file no longer holds the bytes that were read: it was truncated, or written anew.
    Changed,
}

/// One line.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// A line that is not blank, without its line end.
    Text(&'a [u8]),
    /// A line that begins at this offset, is too long and is left out.
    TooLong(u64),
}

/// An open file.
#[derive(Debug)]
pub(super) struct FileReader {
    file: File,
    /// The name that it was opened by.
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    mtime_ns: i64,
    head: Vec<u8>,
    /// The bytes read last, with at least [`PRINT`] bytes (if the file has them) before the line that it ends in.
    buffer: Vec<u8>,
    /// Offset in the file at which the buffer begins.
    base: u64,
    /// Offset in the buffer at which the next line begins.
    line: usize,
    /// Offset in the buffer up to which there is no line end.
    scanned: usize,
    /// Start of a line that is too long and whose end was not seen yet.
    skipped: Option<FilePosition>,
    /// A JSON text that begins at `line` and goes on at `scanned`.
    outline: Option<Outline>,
    /// Bytes at the end of the file in which no whole record was found.
    looked: u64,
}

impl FileReader {
    /// From the start.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let about = file.metadata()?;
        Ok(Self {
            id: FileId::of(&about),
            mtime_ns: mtime_ns(&about),
            file,
            path: path.to_owned(),
            head: Vec::new(),
            buffer: Vec::new(),
            base: 0,
            line: 0,
            scanned: 0,
            skipped: None,
            outline: None,
            looked: 0,
        })
    }

    /// From this offset, if there are so many bytes.
    pub(super) fn open_from(path: &Path, offset: u64) -> io::Result<Option<Self>> {
        let mut reader = Self::open(path)?;
        let length = offset.min(PRINT as u64);
        let (Some(head), Some(buffer)) = (
            reader.bytes(0, length as usize)?,
            reader.bytes(offset - length, length as usize)?,
        ) else {
            return Ok(None);
        };
        reader.base = offset - length;
        (reader.line, reader.scanned) = (buffer.len(), buffer.len());
        (reader.head, reader.buffer) = (head, buffer);
        Ok(Some(reader))
    }

    /// From a place, if this is the file that the place is in, whatever its inode.
    pub(super) fn open_at(path: &Path, place: &FilePosition) -> io::Result<Option<Self>> {
        let reader = Self::open_from(path, place.offset)?;
        Ok(reader.filter(|reader| reader.place().print == place.print))
    }

    /// From the last line that is not finished, or the end.
    pub(super) fn open_at_end(path: &Path) -> io::Result<Option<Self>> {
        let mut reader = Self::open(path)?;
        let size = reader.file.metadata()?.len();
        let mut end = size;
        let begin = loop {
            let length = end.min(CHUNK as u64);
            let Some(chunk) = reader.bytes(end - length, length as usize)? else {
                return Ok(None);
            };
            end -= length;
            match chunk.iter().rposition(|byte| *byte == b'\n') {
                Some(at) => break end + at as u64 + 1,
                None if end == 0 => break 0,
                None => {}
            }
        };
        reader = match Self::open_from(path, begin)? {
            Some(reader) => reader,
            None => return Ok(None),
        };
        Ok(Some(reader))
    }

    /// The position of the next line.
    pub(super) fn place(&self) -> FilePosition {
        let begun = self.skipped.clone();
        begun.unwrap_or_else(|| self.place_at(self.line))
    }

    /// The position behind all that was read, unfinished lines included.
    pub(super) fn end(&self) -> FilePosition {
        self.place_at(self.buffer.len())
    }

    fn place_at(&self, at: usize) -> FilePosition {
        let offset = self.base + at as u64;
        let length = offset.min(PRINT as u64) as usize;
        let tail = &self.buffer[at - length.min(at)..at];
        FilePosition {
            id: self.id,
            offset,
            print: print(&self.head[..length.min(self.head.len())], tail),
            mtime_ns: self.mtime_ns,
        }
    }

    /// The next record that is complete: a line, or the lines of a JSON text that goes over several.
    pub(super) fn next_line(&mut self) -> Option<Line<'_>> {
        loop {
            if self.outline.is_none() {
                // a writer that does not append leaves a hole of zeros where its file was truncated
                let zeros = self.buffer[self.line..].iter();
                self.line += zeros.take_while(|byte| **byte == 0).count();
                self.scanned = self.scanned.max(self.line);
            }
            let new = &self.buffer[self.scanned..];
            let Some(length) = new.iter().position(|byte| *byte == b'\n') else {
                return self.unfinished();
            };
            let mut end = self.scanned + length;
            match self.progress(end) {
                OutlineProgress::Open => {
                    self.scanned = end + 1;
                    if self.skipped.is_some() {
                        self.line = self.scanned;
                    }
                    continue;
                }
                OutlineProgress::Complete => {}
                // what was read of it is left out already: the others may be lines
                OutlineProgress::Broken if self.skipped.take().is_some() => {
                    self.scanned = self.line;
                    continue;
                }
                // no text over several lines after all: the first one is a record by itself
                OutlineProgress::Broken => {
                    let lines = self.buffer[self.line..end].iter();
                    let first = lines.take_while(|byte| **byte != b'\n').count();
                    end = self.line + first;
                }
            }
            let (begin, offset) = (self.line, self.base + self.line as u64);
            (self.line, self.scanned) = (end + 1, end + 1);
            if self.skipped.take().is_some() {
                continue;
            }
            if end - begin > LONGEST {
                return Some(Line::TooLong(offset));
            }
            if !trimmed(&self.buffer[begin..end], offset).is_empty() {
                return Some(Line::Text(trimmed(&self.buffer[begin..end], offset)));
            }
        }
    }

    /// How far the record is with the line that ends here.
    fn progress(&mut self, end: usize) -> OutlineProgress {
        if let Some(outline) = &mut self.outline {
            let progress = outline.read(&self.buffer[self.scanned..end]);
            if progress != OutlineProgress::Open {
                self.outline = None;
            }
            return progress;
        }
        let line = trimmed(&self.buffer[self.line..end], self.base + self.line as u64);
        if self.skipped.is_some() || line.len() > LONGEST {
            return OutlineProgress::Complete;
        }
        let Some(mut outline) = Outline::begin(line) else {
            return OutlineProgress::Complete;
        };
        if outline.read(line) == OutlineProgress::Open {
            self.outline = Some(outline);
            return OutlineProgress::Open;
        }
        OutlineProgress::Complete
    }

    /// There is no line end after `scanned`. What is too long by then is left out.
    fn unfinished(&mut self) -> Option<Line<'_>> {
        let end = self.buffer.len();
        if self.outline.is_none() || end - self.scanned > LONGEST {
            self.outline = None;
            self.scanned = end;
        }
        if self.skipped.is_some() {
            self.line = self.scanned;
        } else if end - self.line > LONGEST {
            return Some(Line::TooLong(self.skip()));
        }
        None
    }

    fn skip(&mut self) -> u64 {
        let place = self.place();
        let offset = place.offset;
        self.skipped = Some(place);
        self.line = self.scanned;
        offset
    }

    /// The bytes of the last line, which has no line end yet.
    pub(super) fn rest(&self) -> &[u8] {
        let offset = self.base + self.line as u64;
        trimmed(&self.buffer[self.line..], offset)
    }

    /// The object or list that the file ends with, if it is complete: it needs no line end to be one. It counts as read.
    pub(super) fn last(&mut self) -> Option<Vec<u8>> {
        let end = self.base + self.buffer.len() as u64;
        if self.skipped.is_some() || self.looked == end {
            return None;
        }
        self.looked = end;
        let rest = self.rest();
        let begins = matches!(rest.trim_ascii_start().first(), Some(b'{' | b'['));
        if !begins || serde_json::from_slice::<IgnoredAny>(rest).is_err() {
            return None;
        }
        let record = rest.to_vec();
        self.outline = None;
        (self.line, self.scanned) = (self.buffer.len(), self.buffer.len());
        Some(record)
    }

    /// Reads on.
    pub(super) fn fill(&mut self) -> io::Result<Filled> {
        let done = self.line.saturating_sub(PRINT);
        self.buffer.drain(..done);
        self.base += done as u64;
        self.line -= done;
        self.scanned -= done;
        let (at, end) = (self.buffer.len(), self.base + self.buffer.len() as u64);
        let size = self.file.metadata()?.len();
        if size > end {
            let room = (size - end).min(CHUNK as u64) as usize;
            self.buffer.resize(at + room, 0);
            let read = read_at(&self.file, &mut self.buffer[at..], end);
            self.buffer
                .truncate(at + read.as_ref().copied().unwrap_or_default());
            read?;
        } else {
            self.buffer.shrink_to(at + PRINT);
        }
        // checked after reading: if what came before is still there, then what was read came after it
        if !self.is_same(at)? {
            self.buffer.truncate(at);
            return Ok(Filled::Changed);
        }
        if self.base == 0 && self.head.len() < PRINT {
            self.head = self.buffer[..self.buffer.len().min(PRINT)].to_vec();
        }
        Ok(match self.buffer.len() > at {
            true => Filled::More,
            false => Filled::End,
        })
    }

    /// Whether the file still has what was read of it, up to this place in the buffer.
    fn is_same(&mut self, at: usize) -> io::Result<bool> {
        let about = self.file.metadata()?;
        let tail = &self.buffer[at.saturating_sub(PRINT)..at];
        let end = self.base + at as u64;
        let same = about.len() >= end
            && self.bytes(0, self.head.len())?.as_deref() == Some(&self.head)
            && self.bytes(end - tail.len() as u64, tail.len())?.as_deref() == Some(tail);
        if same {
            self.mtime_ns = mtime_ns(&about);
        }
        Ok(same)
    }

    /// The time since the last write; `None` if there is something to read.
    pub(super) fn quiet(&self) -> io::Result<Option<Duration>> {
        let about = self.file.metadata()?;
        if about.len() != self.base + self.buffer.len() as u64 {
            return Ok(None);
        }
        let since = SystemTime::now().duration_since(about.modified()?);
        // it was written in the future: one of the clocks is wrong, and tells nothing
        Ok(Some(since.unwrap_or(Duration::MAX)))
    }

    fn bytes(&self, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A line that begins at `offset`, without its end; nothing if it is blank.
fn trimmed(line: &[u8], offset: u64) -> &[u8] {
    let line = match offset {
        0 => line.strip_prefix(BOM).unwrap_or(line),
        _ => line,
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.trim_ascii().is_empty() {
        true => &[],
        false => line,
    }
}
