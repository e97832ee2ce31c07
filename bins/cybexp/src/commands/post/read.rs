//! Records out of files: never more in memory than are on their way.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use cybexp_client::Part;
use reqwest::Body;
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::mpsc::Sender;
use tokio_util::io::ReaderStream;

/// The longest record that is held in memory: a line, or what comes from a pipe. A document holds less.
const LIMIT_BYTES: u64 = 64 << 20;

/// Something to submit.
pub(super) struct Record {
    /// File and line, for people.
    pub(super) place: String,
    pub(super) name: String,
    /// As many as it has where it comes from, with the end of its line.
    pub(super) bytes: u64,
    data: Data,
}

enum Data {
    Memory(Vec<u8>),
    /// A whole file, read as it is sent.
    File(PathBuf),
}

/// A record, or where something could not be read and why.
type Read = Result<Record, (String, String)>;

impl Record {
    /// What is sent, from its beginning.
    pub(super) async fn part(&self) -> std::io::Result<Part> {
        match &self.data {
            Data::Memory(data) => Ok(Part::bytes(data.clone())),
            Data::File(path) => {
                // one that grows meanwhile is sent as long as it was
                let file = File::open(path).await?.take(self.bytes);
                let body = Body::wrap_stream(ReaderStream::new(file));
                Ok(Part::stream_with_length(body, self.bytes))
            }
        }
    }
}

/// Bytes of all files, where that is known.
pub(super) fn size(files: &[PathBuf]) -> Option<u64> {
    let size = |file: &PathBuf| {
        let meta = std::fs::metadata(file).ok()?;
        meta.is_file().then_some(meta.len())
    };
    files.iter().map(size).sum()
}

/// Reads all files, one after the other, for as long as somebody takes the records.
pub(super) async fn all(files: Vec<PathBuf>, lines: bool, records: Sender<Read>) {
    for file in files {
        if let Err(error) = one(&file, lines, &records).await {
            let place = file.display().to_string();
            if records.send(Err((place, error.to_string()))).await.is_err() {
                return;
            }
        }
    }
}

async fn one(path: &Path, by_lines: bool, records: &Sender<Read>) -> std::io::Result<()> {
    let place = path.display().to_string();
    if path == Path::new("-") {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
        let stdin = File::from_std(stdin.into());
        return match by_lines {
            true => lines("stdin", BufReader::new(stdin), records).await,
            false => whole("stdin", stdin, records).await,
        };
    }
    let file = File::open(path).await?;
    let meta = file.metadata().await?;
    match (by_lines, meta.is_file()) {
        (true, _) => lines(&place, BufReader::new(file), records).await,
        (false, false) => whole(&place, file, records).await,
        (false, true) => {
            let (bytes, data) = (meta.len(), Data::File(path.to_owned()));
            let _ = records
                .send(Ok(Record {
                    name: name(&place),
                    place,
                    bytes,
                    data,
                }))
                .await;
            Ok(())
        }
    }
}

/// The file name without its folders.
fn name(place: &str) -> String {
    let name = Path::new(place).file_name().and_then(|name| name.to_str());
    name.unwrap_or(place).to_owned()
}

/// What comes from a pipe.
async fn whole(
    place: &str,
    source: impl AsyncRead + Unpin,
    records: &Sender<Read>,
) -> std::io::Result<()> {
    let mut data = Vec::new();
    source.take(LIMIT_BYTES + 1).read_to_end(&mut data).await?;
    let _ = records
        .send(record(place, place.to_owned(), data.len(), data))
        .await;
    Ok(())
}

async fn lines(
    place: &str,
    mut source: impl AsyncBufRead + Unpin,
    records: &Sender<Read>,
) -> std::io::Result<()> {
    for number in 1_u64.. {
        let mut line = Vec::new();
        let mut limited = (&mut source).take(LIMIT_BYTES + 1);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        if !line.ends_with(b"\n") {
            skip_line(&mut source).await?;
        }
        let bytes = line.len();
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        line.truncate(end.map_or(0, |last| last + 1));
        if line.is_empty() {
            continue;
        }
        let record = record(place, format!("{place}:{number}"), bytes, line);
        if records.send(record).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// What is left of a line that is too long; of the last one, nothing.
async fn skip_line(source: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<()> {
    loop {
        let buffer = source.fill_buf().await?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        let done = end.is_some() || buffer.is_empty();
        source.consume(length);
        if done {
            return Ok(());
        }
    }
}

fn record(file: &str, place: String, bytes: usize, data: Vec<u8>) -> Read {
    let bytes = bytes as u64;
    if data.len() as u64 > LIMIT_BYTES {
        return Err((place, format!("is longer than {LIMIT_BYTES} bytes")));
    }
    let data = Data::Memory(data);
    Ok(Record {
        place,
        name: name(file),
        bytes,
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn lines_become_records_with_their_places() {
        let text = b"one\r\n\n  two  \nthree".as_slice();
        let (sender, mut receiver) = mpsc::channel(8);
        lines("dir/log.json", text, &sender).await.unwrap();
        drop(sender);
        let mut seen = Vec::new();
        while let Some(Ok(Record {
            place,
            name,
            data: Data::Memory(data),
            ..
        })) = receiver.recv().await
        {
            seen.push((place, name, String::from_utf8(data).unwrap()));
        }
        let expected = [("1", "one"), ("3", "  two  "), ("4", "three")];
        let expected = expected.map(|(line, text)| {
            (
                format!("dir/log.json:{line}"),
                "log.json".to_owned(),
                text.to_owned(),
            )
        });
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_and_the_next_one_read() {
        let mut text = vec![b'x'; LIMIT_BYTES as usize + 10];
        text.extend(b"\nnext\n");
        let (sender, mut receiver) = mpsc::channel(8);
        lines("log", text.as_slice(), &sender).await.unwrap();
        drop(sender);
        let first = receiver.recv().await.unwrap();
        assert!(first.is_err_and(|(place, _)| place == "log:1"));
        let second = receiver.recv().await.unwrap();
        assert!(second.is_ok_and(|record| record.place == "log:2" && record.bytes == 5));
        assert!(receiver.recv().await.is_none());
    }
}
