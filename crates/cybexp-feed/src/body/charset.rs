//! Text in other character sets than UTF-8.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use tokio::io::{AsyncRead, ReadBuf};

use super::stream::{BodyReader, peeked};

const CHUNK: usize = 8 << 10;

/// The character set that a `Content-Type` declares, if it is one of the web's and not UTF-8.
pub(crate) fn declared(kind: &str) -> Option<&'static Encoding> {
    let parameters = kind.split(';').skip(1).map(str::trim);
    let charset = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    let label = charset.1.trim().trim_matches(['"', '\'']);
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != UTF_8)
}

/// The body in UTF-8. What is declared is believed where it must be: many servers declare Latin-1 of what is UTF-8, so that
/// is what it is taken for up to the first byte that it cannot be.
pub(crate) async fn in_utf8(
    body: BodyReader,
    declared: Option<&'static Encoding>,
) -> io::Result<BodyReader> {
    let (head, body) = peeked(body, 4).await?;
    let wide = match head[..] {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        // JSON without a mark begins with two ASCII characters
        [first, 0, second, 0] if is_text(first) && is_text(second) => Some(UTF_16LE),
        [0, first, 0, second] if is_text(first) && is_text(second) => Some(UTF_16BE),
        _ => None,
    };
    let state = match (wide, declared) {
        (Some(wide), _) => Conversion::Decoding(wide.new_decoder_with_bom_removal()),
        // declared of what has no zero in its first bytes
        (None, Some(declared)) if declared == UTF_16LE || declared == UTF_16BE => return Ok(body),
        (None, Some(declared)) if declared.is_single_byte() => Conversion::Utf8Yet(declared),
        (None, Some(declared)) => Conversion::Decoding(declared.new_decoder()),
        (None, None) => return Ok(body),
    };
    Ok(Box::new(Decoded {
        body,
        state,
        pending: Vec::new(),
        ready: Vec::new(),
        given: 0,
    }))
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

enum Conversion {
    /// All was UTF-8 up to now.
    Utf8Yet(&'static Encoding),
    Decoding(Decoder),
    Ended,
}

/// A reader of UTF-8.
struct Decoded {
    body: BodyReader,
    state: Conversion,
    /// Bytes of a character that is not complete.
    pending: Vec<u8>,
    ready: Vec<u8>,
    /// Bytes of `ready` that are read.
    given: usize,
}

impl Decoded {
    /// Decodes a chunk; the last one is empty.
    fn decode(&mut self, chunk: &[u8]) {
        let last = chunk.is_empty();
        self.ready.clear();
        self.given = 0;
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(chunk);
        if let Conversion::Utf8Yet(encoding) = self.state {
            let valid = match std::str::from_utf8(&bytes) {
                Ok(_) => bytes.len(),
                Err(error) => {
                    if last || error.error_len().is_some() {
                        self.state =
                            Conversion::Decoding(encoding.new_decoder_without_bom_handling());
                    }
                    error.valid_up_to()
                }
            };
            self.ready.extend(bytes.drain(..valid));
            if matches!(self.state, Conversion::Utf8Yet(_)) {
                self.pending = bytes;
                bytes = Vec::new();
            }
        }
        if let Conversion::Decoding(decoder) = &mut self.state {
            let room = decoder.max_utf8_buffer_length(bytes.len());
            let mut text = String::with_capacity(room.unwrap_or(4 * bytes.len() + 16));
            let _ = decoder.decode_to_string(&bytes, &mut text, last);
            self.ready.extend(text.into_bytes());
        }
        if last {
            self.state = Conversion::Ended;
        }
    }
}

impl AsyncRead for Decoded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let ready = &this.ready[this.given..];
            if !ready.is_empty() || matches!(this.state, Conversion::Ended) {
                let given = ready.len().min(buffer.remaining());
                buffer.put_slice(&ready[..given]);
                this.given += given;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.body).poll_read(context, &mut chunk))?;
            this.decode(chunk.filled());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(bytes: &[u8], kind: &str) -> String {
        // a byte at a time, so that no character comes whole
        let body = tokio_util::io::StreamReader::new(futures::stream::iter(
            bytes
                .iter()
                .map(|&byte| io::Result::Ok(bytes::Bytes::from(vec![byte])))
                .collect::<Vec<_>>(),
        ));
        let mut body = in_utf8(Box::new(body), declared(kind)).await.unwrap();
        let mut text = Vec::new();
        body.read_to_end(&mut text).await.unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn wide(text: &str, to: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to).collect()
    }

    #[tokio::test]
    async fn what_is_declared_and_what_it_is() {
        let latin = "text/plain; charset=\"ISO-8859-1\"";
        assert_eq!(read(b"[\"caf\xe9\", 1]", latin).await, "[\"café\", 1]");
        assert_eq!(read("[\"café\"]".as_bytes(), latin).await, "[\"café\"]");
        assert_eq!(read(b"caf\xc3", latin).await, "cafÃ");
        assert_eq!(read(b"\x93\xfa", "a/b; Charset=shift_jis").await, "日");
        assert_eq!(
            read(b"caf\xe9", "text/plain; charset=utf-8").await,
            "caf\u{fffd}"
        );
        assert_eq!(read(b"caf\xe9", "application/json").await, "caf\u{fffd}");
        assert_eq!(read(b"", latin).await, "");
        let text = "{\"a\": \"ä日😀\"}";
        for kind in ["application/json", "application/json; charset=utf-16"] {
            assert_eq!(read(&wide(text, u16::to_le_bytes), kind).await, text);
            assert_eq!(read(&wide(text, u16::to_be_bytes), kind).await, text);
            let marked = format!("\u{feff}{text}");
            assert_eq!(read(&wide(&marked, u16::to_le_bytes), kind).await, text);
            assert_eq!(read(&wide(&marked, u16::to_be_bytes), kind).await, text);
            assert_eq!(read(text.as_bytes(), kind).await, text);
        }
    }
}
