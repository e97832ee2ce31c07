//! How a body is compressed.

use std::io;

use async_compression::tokio::bufread::{BzDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder};
use tokio::io::BufReader;

use super::stream::BodyReader;
use super::zip;

/// Bytes that are needed to recognise bzip2: its magic, the size of its blocks, the magic of the first block.
pub(crate) const MAGIC: usize = 10;
const BUFFER: usize = 64 << 10;

/// A format that is recognised by its first bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    Gzip,
    Bzip2,
    Zip,
}

impl Packing {
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        const BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";
        const END: &[u8] = b"\x17\x72\x45\x38\x50\x90";
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] if block == BLOCK || block == END => {
                Some(Self::Bzip2)
            }
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ => None,
        }
    }

    pub(crate) async fn open(self, packed: BodyReader) -> io::Result<BodyReader> {
        let packed = BufReader::with_capacity(BUFFER, packed);
        // a file may be several, one after the other
        Ok(match self {
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
            Self::Zip => Box::new(zip::open(packed).await?),
        })
    }
}

/// A body of the content encoding deflate, with the header of zlib (RFC 9110, 8.4.1.2) or, from some servers, without.
pub(crate) fn deflated(head: &[u8], packed: BodyReader) -> BodyReader {
    let packed = BufReader::with_capacity(BUFFER, packed);
    match head {
        [] => Box::new(packed),
        &[first, second, ..]
            if first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31) =>
        {
            Box::new(ZlibDecoder::new(packed))
        }
        _ => Box::new(DeflateDecoder::new(packed)),
    }
}
