//! The body of a response: decompressed as it comes, and bounded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhow::{anyhow, bail};
use async_compression::tokio::bufread::{BzDecoder, GzipDecoder};
use futures::TryStreamExt;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf};
use tokio_util::io::StreamReader;

use super::request::cause;
use super::url::origin;

/// A body that is read.
pub(super) type Body = Box<dyn AsyncRead + Send + Unpin>;

/// What was compressed may have been compressed once more on its way.
const LAYERS: usize = 2;
/// With so many bytes, bzip2 is recognised: its magic, the size of its blocks, the magic of the first block.
const MAGIC: usize = 10;
const BUFFER: usize = 64 << 10;

/// The body of a response, decompressed where it is gzip or bzip2. That is told by its first bytes, for what servers say of
/// files that are compressed themselves is too often wrong.
///
/// # Errors
/// When the body cannot be read; later, from the reader, when it ends early or has more than `limit` bytes, compressed or
/// not.
pub(super) async fn open(response: Response, limit: u64) -> anyhow::Result<Body> {
    let origin = origin(response.url());
    for encodings in response.headers().get_all(CONTENT_ENCODING) {
        let encodings = String::from_utf8_lossy(encodings.as_bytes()).to_lowercase();
        for encoding in encodings.split(',').map(str::trim) {
            if !["", "identity", "gzip", "x-gzip"].contains(&encoding) {
                bail!("{origin} answers with a content encoding that was not asked for");
            }
        }
    }
    let stream = response
        .bytes_stream()
        .map_err(move |error| io::Error::other(format!("{origin}: {}", cause(&error))));
    let body = Box::new(StreamReader::new(stream));
    unpacked(body, limit).await.map_err(failed)
}

/// What is told of a body that cannot be read.
pub(super) fn failed(error: io::Error) -> anyhow::Error {
    anyhow!("the answer cannot be read to its end: {error}")
}

async fn unpacked(packed: Body, limit: u64) -> io::Result<Body> {
    let mut body: Body = Box::new(Limit::new(packed, limit));
    for _ in 0..LAYERS {
        let mut head = Vec::with_capacity(MAGIC);
        (&mut body)
            .take(MAGIC as u64)
            .read_to_end(&mut head)
            .await?;
        let packing = Packing::of(&head);
        let whole = io::Cursor::new(head).chain(body);
        body = match packing {
            None => return Ok(Box::new(whole)),
            Some(packing) => Box::new(Limit::new(packing.open(whole), limit)),
        };
    }
    Ok(body)
}

#[derive(Debug, Clone, Copy)]
enum Packing {
    Gzip,
    Bzip2,
}

impl Packing {
    fn of(head: &[u8]) -> Option<Self> {
        const BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";
        const END: &[u8] = b"\x17\x72\x45\x38\x50\x90";
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] if block == BLOCK || block == END => {
                Some(Self::Bzip2)
            }
            _ => None,
        }
    }

    fn open(self, packed: impl AsyncRead + Send + Unpin + 'static) -> Body {
        let packed = BufReader::with_capacity(BUFFER, packed);
        // a file may be several, one after the other
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(packed);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            Self::Bzip2 => {
                let mut decoder = BzDecoder::new(packed);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        }
    }
}

/// A reader that fails when there is more than was allowed.
struct Limit {
    reader: Body,
    limit: u64,
    left: u64,
}

impl Limit {
    fn new(reader: Body, limit: u64) -> Self {
        Self {
            reader,
            limit,
            left: limit,
        }
    }
}

impl AsyncRead for Limit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
        let read = (buffer.filled().len() - before) as u64;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => {
                // an error delivers nothing
                buffer.set_filled(before);
                let message = format!("it is longer than {} bytes", self.limit);
                Poll::Ready(Err(io::Error::other(message)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::{BzEncoder, GzipEncoder};
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(data).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    async fn bzip2(data: &[u8]) -> Vec<u8> {
        let mut encoder = BzEncoder::new(Vec::new());
        encoder.write_all(data).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }

    async fn read(packed: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut body = unpacked(Box::new(io::Cursor::new(packed.to_vec())), limit).await?;
        let mut data = Vec::new();
        body.read_to_end(&mut data).await?;
        Ok(data)
    }

    #[tokio::test]
    async fn unpacked_by_what_it_is_in_several_members_and_twice() {
        let text = "some text\n".repeat(20_000).into_bytes();
        let (gz, bz) = (gzip(&text).await, bzip2(&text).await);
        let twice = [text.clone(), text.clone()].concat();
        for (packed, plain) in [
            (text.clone(), &text),
            (gz.clone(), &text),
            (bz.clone(), &text),
            ([gz.clone(), gz.clone()].concat(), &twice),
            ([bz.clone(), bz.clone()].concat(), &twice),
            (gzip(&bz).await, &text),
            (gzip(&gz).await, &text),
            (Vec::new(), &Vec::new()),
            (gzip(b"").await, &Vec::new()),
            (bzip2(b"").await, &Vec::new()),
            (b"BZh9 is no bzip2".to_vec(), &b"BZh9 is no bzip2".to_vec()),
        ] {
            assert!(read(&packed, 1 << 20).await.unwrap() == *plain);
        }
    }

    #[tokio::test]
    async fn cut_off_or_broken_it_is_an_error() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for packed in [gzip(&text).await, bzip2(&text).await] {
            for cut in [11, packed.len() / 2, packed.len() - 1] {
                assert!(read(&packed[..cut], 1 << 20).await.is_err(), "{cut}");
            }
            let mut broken = packed.clone();
            let middle = packed.len() / 2;
            broken[middle] ^= 0x55;
            assert!(read(&broken, 1 << 20).await.is_err());
            let garbage = [&packed[..], b"garbage"].concat();
            assert!(read(&garbage, 1 << 20).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_bomb_ends_at_the_limit() {
        let zeros = vec![0; 1 << 20];
        let member = gzip(&zeros).await;
        for (bomb, limit) in [
            (member.repeat(4), 3 << 20),
            (bzip2(&zeros).await.repeat(4), 3 << 20),
            (gzip(&gzip(&zeros).await.repeat(100)).await, 1000),
            // nothing comes of it, for ever
            (gzip(b"").await.repeat(1000), 1000),
        ] {
            let error = read(&bomb, limit).await.unwrap_err().to_string();
            assert_eq!(error, format!("it is longer than {limit} bytes"));
        }
    }
}
