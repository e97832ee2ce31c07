//! A zip archive with one file in it, as some feeds are offered: read as it comes, without its directory, which stands at the
//! end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::DeflateDecoder;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf, Take};

use super::stream::BodyReader;

type Packed = BufReader<BodyReader>;

const FILE: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// The rest of a file's header.
const HEADER: usize = 26;
/// Folders before the file, at most.
const FOLDERS: usize = 100;
/// Bytes behind a file's data that tell what follows: a descriptor with 64-bit sizes, and a signature.
const AFTER: usize = 28;

/// The content of the one file.
pub(crate) struct Unzipped {
    part: ZipStage,
    /// The checksum of the header; `None` where it stands in the descriptor behind the data.
    crc: Option<u32>,
    hasher: crc32fast::Hasher,
}

enum ZipStage {
    Deflated(DeflateDecoder<Packed>),
    Stored(Take<Packed>),
    After(Packed, Vec<u8>),
    Ended,
}

/// Goes to the first file.
///
/// # Errors
/// When there is none, or it is packed in a way that is not known.
pub(crate) async fn open(mut packed: Packed) -> io::Result<Unzipped> {
    for _ in 0..FOLDERS {
        let mut signature = [0; 4];
        packed.read_exact(&mut signature).await?;
        if signature != FILE {
            break;
        }
        let mut header = [0; HEADER];
        packed.read_exact(&mut header).await?;
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let long = |at: usize| u32::from(short(at)) | (u32::from(short(at + 2)) << 16);
        let (flags, method, crc, size) = (short(2), short(4), long(10), long(14));
        let mut name = vec![0; short(22).into()];
        packed.read_exact(&mut name).await?;
        let mut extra = vec![0; short(24).into()];
        packed.read_exact(&mut extra).await?;
        if flags & 1 != 0 {
            return Err(wrong("is encrypted"));
        }
        let described = flags & 8 != 0;
        if name.ends_with(b"/") && size == 0 {
            continue;
        }
        let part = match method {
            8 => ZipStage::Deflated(DeflateDecoder::new(packed)),
            0 if !described && size != u32::MAX => ZipStage::Stored(packed.take(size.into())),
            _ => return Err(wrong("is packed in a way that is not known here")),
        };
        return Ok(Unzipped {
            part,
            crc: (!described).then_some(crc),
            hasher: crc32fast::Hasher::new(),
        });
    }
    Err(wrong("has no file in it"))
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("it is a zip archive that {what}"))
}

impl Unzipped {
    /// Checks what follows the data: nothing but the directory.
    fn check(&mut self, after: &[u8]) -> io::Result<()> {
        let crc = self.hasher.clone().finalize();
        let next_is = |at: usize, what: [u8; 4]| after.get(at..at + 4) == Some(&what);
        let begin = match self.crc {
            Some(told) if told != crc => return Err(wrong("is broken")),
            Some(_) => 0,
            None => {
                let signed = if next_is(0, DESCRIPTOR) { 4 } else { 0 };
                if after.get(signed..signed + 4) != Some(&crc.to_le_bytes()) {
                    return Err(wrong("is broken"));
                }
                // the two sizes have 32 bits, or 64
                let short = signed + 12;
                match next_is(short, DIRECTORY) || next_is(short, FILE) {
                    true => short,
                    false => signed + 20,
                }
            }
        };
        if next_is(begin, FILE) {
            return Err(wrong("has several files in it"));
        }
        match next_is(begin, DIRECTORY) {
            true => Ok(()),
            false => Err(wrong("is cut off or broken")),
        }
    }
}

impl AsyncRead for Unzipped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let before = buffer.filled().len();
            match &mut this.part {
                ZipStage::Deflated(data) => ready!(Pin::new(data).poll_read(context, buffer))?,
                ZipStage::Stored(data) => ready!(Pin::new(data).poll_read(context, buffer))?,
                ZipStage::After(rest, after) => {
                    let mut read = [0; 4096];
                    let mut read = ReadBuf::new(&mut read);
                    ready!(Pin::new(rest).poll_read(context, &mut read))?;
                    let room = AFTER.saturating_sub(after.len()).min(read.filled().len());
                    after.extend_from_slice(&read.filled()[..room]);
                    if read.filled().is_empty() {
                        let after = std::mem::take(after);
                        this.part = ZipStage::Ended;
                        this.check(&after)?;
                    }
                    continue;
                }
                ZipStage::Ended => return Poll::Ready(Ok(())),
            }
            let read = &buffer.filled()[before..];
            if !read.is_empty() {
                this.hasher.update(read);
                return Poll::Ready(Ok(()));
            }
            this.part = match std::mem::replace(&mut this.part, ZipStage::Ended) {
                ZipStage::Deflated(data) => ZipStage::After(data.into_inner(), Vec::new()),
                ZipStage::Stored(data) => ZipStage::After(data.into_inner(), Vec::new()),
                other => other,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of files that are all named `a.txt`; those with a descriptor are as a stream is zipped.
    async fn archive(files: &[&str], stored: bool, described: bool) -> Vec<u8> {
        use async_compression::tokio::write::DeflateEncoder;
        use tokio::io::AsyncWriteExt;

        let mut all = Vec::new();
        for text in files {
            let data = match stored {
                true => text.as_bytes().to_vec(),
                false => {
                    let mut encoder = DeflateEncoder::new(Vec::new());
                    encoder.write_all(text.as_bytes()).await.unwrap();
                    encoder.shutdown().await.unwrap();
                    encoder.into_inner()
                }
            };
            let crc = crc32fast::hash(text.as_bytes()).to_le_bytes();
            let sizes = [data.len() as u32, text.len() as u32].map(u32::to_le_bytes);
            let described_here = match described {
                true => [0; 12],
                false => [crc, sizes[0], sizes[1]].concat().try_into().unwrap(),
            };
            all.extend(FILE);
            all.extend([20, 0, if described { 8 } else { 0 }, 0]);
            all.extend([if stored { 0 } else { 8 }, 0, 0, 0, 0, 0]);
            all.extend(described_here);
            all.extend([5, 0, 0, 0]);
            all.extend(b"a.txt");
            all.extend(data);
            if described {
                all.extend(DESCRIPTOR);
                all.extend([crc, sizes[0], sizes[1]].concat());
            }
        }
        all.extend(DIRECTORY);
        all.extend([0; 64]);
        all
    }

    async fn read(archive: Vec<u8>) -> io::Result<String> {
        let body: BodyReader = Box::new(io::Cursor::new(archive));
        let mut unzipped = open(BufReader::new(body)).await?;
        let mut text = String::new();
        unzipped.read_to_string(&mut text).await?;
        Ok(text)
    }

    #[tokio::test]
    async fn one_file_in_every_form() {
        let text = "some text\n".repeat(10_000);
        for (stored, described) in [(false, false), (false, true), (true, false)] {
            let whole = archive(&[&text], stored, described).await;
            assert!(read(whole.clone()).await.unwrap() == text);
            for cut in [3, 20, 40, whole.len() / 2, whole.len() - 68] {
                read(whole[..cut].to_vec()).await.unwrap_err();
            }
            let mut broken = whole.clone();
            let middle = whole.len() / 2;
            broken[middle] ^= 0x55;
            read(broken).await.unwrap_err();
            let two = archive(&[&text, "b"], stored, described).await;
            let error = read(two).await.unwrap_err().to_string();
            assert!(error.ends_with("has several files in it"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told() {
        let mut encrypted = archive(&["x"], false, false).await;
        encrypted[6] |= 1;
        let mut unknown = archive(&["x"], false, false).await;
        unknown[8] = 14;
        let empty = b"PK\x05\x06\0\0\0\0".to_vec();
        for (archive, expected) in [
            (encrypted, "is encrypted"),
            (unknown, "is packed in a way that is not known here"),
            (empty, "has no file in it"),
        ] {
            let error = read(archive).await.unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }
}
