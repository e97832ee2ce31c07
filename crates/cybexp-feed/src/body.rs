//! The body of a response: decompressed as it comes, in UTF-8, and bounded.

mod charset;
mod packing;
pub(crate) mod stream;
mod zip;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{anyhow, bail};
use futures::TryStreamExt;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio_util::io::StreamReader;

use self::packing::Packing;
use self::stream::{BodyReader, peeked};
use crate::cause::cause;
use crate::markup::cleaned;
use crate::url::origin;

/// The most layers of compression: a compressed file may be compressed once more on its way.
const LAYERS: usize = 2;
/// Bytes that are read of a body that only gives the reason of a refusal.
const MESSAGE_BYTES: u64 = 16 << 10;
/// The longest time to wait for such a body.
const MESSAGE: Duration = Duration::from_secs(5);

/// The body of a response, decompressed where it is gzip, bzip2, zip or deflate, and in UTF-8 where it is text in a character
/// set that is declared, or is UTF-16. How it is compressed is told by its first bytes, for what servers say of files that are
/// compressed themselves is too often wrong; deflate alone has none.
///
/// # Errors
/// When the body cannot be read; later, from the reader, when it ends early or has more than `limit` bytes, compressed or
/// not.
pub(crate) async fn open(response: Response, limit: u64) -> anyhow::Result<BodyReader> {
    let origin = origin(response.url());
    let mut deflate = false;
    for encodings in response.headers().get_all(CONTENT_ENCODING) {
        let encodings = String::from_utf8_lossy(encodings.as_bytes()).to_lowercase();
        for encoding in encodings.split(',').map(str::trim) {
            match encoding {
                "" | "identity" | "gzip" | "x-gzip" => {}
                "deflate" => deflate = true,
                other => bail!(
                    "{origin} answers with a content encoding that was not asked for ({})",
                    cleaned(other)
                ),
            }
        }
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let declared = kind.and_then(|kind| charset::declared(kind.to_str().ok()?));
    let stream = response
        .bytes_stream()
        .map_err(move |error| io::Error::other(format!("{origin}: {}", cause(&error))));
    let body = Box::new(StreamReader::new(stream));
    let body = unpacked(body, limit, deflate).await.map_err(failed)?;
    charset::in_utf8(body, declared).await.map_err(failed)
}

/// The first bytes of a body, as far as they come soon.
pub(crate) async fn head(response: Response) -> Vec<u8> {
    let mut head = Vec::new();
    let read = async {
        let body = open(response, u64::MAX).await.ok()?;
        body.take(MESSAGE_BYTES).read_to_end(&mut head).await.ok()
    };
    // what there is until then is told
    let _ = tokio::time::timeout(MESSAGE, read).await;
    head
}

/// The error of a body that cannot be read.
pub(crate) fn failed(error: io::Error) -> anyhow::Error {
    anyhow!("the answer cannot be read to its end: {error}")
}

async fn unpacked(packed: BodyReader, limit: u64, deflate: bool) -> io::Result<BodyReader> {
    let mut body: BodyReader = Box::new(Limit::new(packed, limit));
    if deflate {
        let (head, whole) = peeked(body, packing::MAGIC).await?;
        body = Box::new(Limit::new(packing::deflated(&head, whole), limit));
    }
    for _ in 0..LAYERS {
        let (head, whole) = peeked(body, packing::MAGIC).await?;
        body = match Packing::of(&head) {
            None => return Ok(whole),
            Some(packing) => Box::new(Limit::new(packing.open(whole).await?, limit)),
        };
    }
    Ok(body)
}

/// A reader that fails when there is more than was allowed.
struct Limit {
    reader: BodyReader,
    limit: u64,
    left: u64,
}

impl Limit {
    fn new(reader: BodyReader, limit: u64) -> Self {
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
    use async_compression::tokio::write::{BzEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder};
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
        read_as(packed, limit, false).await
    }

    async fn read_as(packed: &[u8], limit: u64, deflate: bool) -> io::Result<Vec<u8>> {
        let packed = Box::new(io::Cursor::new(packed.to_vec()));
        let mut body = unpacked(packed, limit, deflate).await?;
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
    async fn deflate_with_the_header_of_zlib_and_without() {
        let text = "some text\n".repeat(20_000).into_bytes();
        let mut zlib = ZlibEncoder::new(Vec::new());
        zlib.write_all(&text).await.unwrap();
        zlib.shutdown().await.unwrap();
        let mut raw = DeflateEncoder::new(Vec::new());
        raw.write_all(&text).await.unwrap();
        raw.shutdown().await.unwrap();
        for packed in [zlib.into_inner(), raw.into_inner()] {
            assert!(read_as(&packed, 1 << 20, true).await.unwrap() == text);
            let cut = &packed[..packed.len() / 2];
            assert!(read_as(cut, 1 << 20, true).await.is_err());
            assert!(read_as(&packed, 1000, true).await.is_err());
        }
        assert!(read_as(b"", 1000, true).await.unwrap().is_empty());
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
