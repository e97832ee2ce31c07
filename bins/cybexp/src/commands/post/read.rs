//! Reads records from files, with no more of them in memory than are being sent.

use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, BufReader};
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::shape::is_blank;
use super::source::{Position, PostSource};

/// The longest record that is read. The archive stores less.
const LIMIT_BYTES: u64 = 64 << 20;
/// The most bytes of records in memory, unless a single one is longer.
const AHEAD_BYTES: usize = 32 << 20;
/// The reason why an empty source is refused.
const EMPTY: &str = "is empty: there is nothing to submit";

/// A record to submit.
pub(super) struct OutgoingRecord {
    /// The file and line of the record, for people.
    pub(super) place: String,
    pub(super) name: String,
    /// The length of the record in its source, with the end of its line.
    pub(super) bytes: u64,
    pub(super) data: Vec<u8>,
    /// The record's share of the bytes in memory.
    _share: OwnedSemaphorePermit,
}

/// A record, or the failure to read one.
pub(super) struct ReadOutcome {
    /// The number of the source.
    pub(super) source: usize,
    /// The number of this outcome within its source.
    pub(super) number: u64,
    /// The end of the record in its source.
    pub(super) end: Position,
    /// The record; or the place that could not be read, and the reason.
    pub(super) read: Result<OutgoingRecord, (String, String)>,
}

/// Reads all sources, one after the other, until the receiver of `items` is gone.
pub(super) async fn all(sources: Vec<PostSource>, items: Sender<ReadOutcome>) {
    let room = Arc::new(Semaphore::new(AHEAD_BYTES));
    for (source, from) in sources.into_iter().enumerate() {
        let mut out = Out {
            room: &room,
            place: from.place.clone(),
            source,
            number: 0,
            position: from.from,
            items: &items,
        };
        if let Err(error) = one(from, &mut out).await {
            let place = out.place.clone();
            out.put(0, Err((place, error.to_string()))).await;
        }
        if items.is_closed() {
            return;
        }
    }
}

/// The receiver of a source's outcomes, with the position reached.
struct Out<'a> {
    room: &'a Arc<Semaphore>,
    place: String,
    source: usize,
    number: u64,
    position: Position,
    items: &'a Sender<ReadOutcome>,
}

impl Out<'_> {
    /// Hands on the outcome of the next `bytes`. Returns false if the receiver is gone.
    async fn put(&mut self, bytes: u64, read: Result<OutgoingRecord, (String, String)>) -> bool {
        self.position.offset += bytes;
        let item = ReadOutcome {
            source: self.source,
            number: self.number,
            end: self.position,
            read,
        };
        self.number += 1;
        self.items.send(item).await.is_ok()
    }

    async fn put_data(&mut self, place: String, bytes: u64, data: Vec<u8>) -> bool {
        if data.len() as u64 > LIMIT_BYTES {
            let reason = format!("is longer than {LIMIT_BYTES} bytes");
            return self.put(bytes, Err((place, reason))).await;
        }
        let share = data.len().clamp(1, AHEAD_BYTES) as u32;
        let Ok(share) = Arc::clone(self.room).acquire_many_owned(share).await else {
            return false;
        };
        let record = OutgoingRecord {
            place,
            name: name(&self.place),
            bytes,
            data,
            _share: share,
        };
        self.put(bytes, Ok(record)).await
    }
}

async fn one(source: PostSource, out: &mut Out<'_>) -> std::io::Result<()> {
    if let Some(pipe) = source.pipe {
        let bytes = std::io::Cursor::new(pipe.head).chain(File::from_std(pipe.rest));
        return match source.by_lines {
            true => lines(BufReader::new(bytes), out).await,
            false => whole(bytes, out).await,
        };
    }
    let mut file = File::open(&source.path).await?;
    if source.by_lines {
        file.seek(SeekFrom::Start(source.from.offset)).await?;
        return lines(BufReader::new(file), out).await;
    }
    let bytes = file.metadata().await?.len();
    if source.from.offset >= bytes && bytes > 0 {
        // an earlier post has submitted this line
        return Ok(());
    }
    // a file that grows meanwhile is sent up to its former length
    whole(file.take(bytes), out).await
}

/// Returns the file name without its folders.
fn name(place: &str) -> String {
    let name = Path::new(place).file_name().and_then(|name| name.to_str());
    name.unwrap_or(place).to_owned()
}

/// Reads all of a file or pipe as one record.
async fn whole(source: impl AsyncRead + Unpin, out: &mut Out<'_>) -> std::io::Result<()> {
    let mut data = Vec::new();
    source.take(LIMIT_BYTES + 1).read_to_end(&mut data).await?;
    let (place, bytes) = (out.place.clone(), data.len() as u64);
    match is_blank(&data) {
        true => out.put(bytes, Err((place, EMPTY.to_owned()))).await,
        false => out.put_data(place, bytes, data).await,
    };
    Ok(())
}

async fn lines(mut source: impl AsyncBufRead + Unpin, out: &mut Out<'_>) -> std::io::Result<()> {
    let begins = out.position;
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut source).take(LIMIT_BYTES + 1);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        let mut bytes = line.len() as u64;
        if !line.ends_with(b"\n") {
            bytes += skip_line(&mut source).await?;
        }
        out.position.line += 1;
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        line.truncate(end.map_or(0, |last| last + 1));
        if is_blank(&line) {
            out.position.offset += bytes;
            continue;
        }
        let place = format!("{}:{}", out.place, out.position.line);
        if !out.put_data(place, bytes, line).await {
            break;
        }
    }
    // a source that an earlier post has submitted has nothing new, but is not empty
    if out.number == 0 && begins == Position::default() {
        let place = out.place.clone();
        out.put(0, Err((place, EMPTY.to_owned()))).await;
    }
    Ok(())
}

/// Skips the rest of a line that is too long, and returns its length in bytes: 0 at the end of the file.
async fn skip_line(source: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = source.fill_buf().await?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        let done = end.is_some() || buffer.is_empty();
        source.consume(length);
        skipped += length as u64;
        if done {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    async fn items(text: &[u8], position: Position) -> Vec<ReadOutcome> {
        let (sender, mut receiver) = mpsc::channel(8);
        let room = Arc::new(Semaphore::new(AHEAD_BYTES));
        let mut out = Out {
            room: &room,
            place: "dir/log.json".to_owned(),
            source: 0,
            number: 0,
            position,
            items: &sender,
        };
        lines(text, &mut out).await.unwrap();
        drop(sender);
        let mut items = Vec::new();
        while let Some(item) = receiver.recv().await {
            items.push(item);
        }
        items
    }

    #[tokio::test]
    async fn lines_become_records_with_their_places() {
        let text = b"one\r\n\n  two  \nthree".as_slice();
        let from = Position {
            offset: 100,
            line: 7,
        };
        for (start, from) in [(0, Position::default()), (7, from)] {
            let mut seen = Vec::new();
            for item in items(text, from).await {
                let Ok(OutgoingRecord {
                    place, name, data, ..
                }) = item.read
                else {
                    panic!("all can be read");
                };
                let data = String::from_utf8(data).unwrap();
                seen.push((place, name, data, item.end.offset - from.offset));
            }
            let expected = [(1, "one", 5), (3, "  two  ", 14), (4, "three", 19)];
            let expected = expected.map(|(line, text, end)| {
                let place = format!("dir/log.json:{}", start + line);
                (place, "log.json".to_owned(), text.to_owned(), end)
            });
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_and_the_next_one_read() {
        let mut text = vec![b'x'; LIMIT_BYTES as usize + 10];
        text.extend(b"\nnext\n");
        let items = items(&text, Position::default()).await;
        let [first, second] = &items[..] else {
            panic!("{} items", items.len());
        };
        assert_eq!(first.end.offset, LIMIT_BYTES + 11);
        let place = first.read.as_ref().err().map(|(place, _)| &**place);
        assert_eq!(place, Some("dir/log.json:1"));
        let record = second.read.as_ref().ok().unwrap();
        assert_eq!((&*record.place, record.bytes), ("dir/log.json:2", 5));
    }

    #[tokio::test]
    async fn nothing_but_line_ends_is_empty() {
        let items = items(b"\n\r\n\n", Position::default()).await;
        let reason = items[0].read.as_ref().err().map(|(_, reason)| &**reason);
        assert_eq!((items.len(), reason), (1, Some(EMPTY)));
    }
}
