//! Frames of text as frames of bytes.
//!
//! tungstenite ends a connection at the first text that is not UTF-8, as RFC 6455 wants it; what comes behind it would be
//! lost, and again each time. So it is shown bytes only, and which of them were text is remembered beside it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const OPCODE: u8 = 0x0f;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const MASKED: u8 = 0x80;

/// A stream of a server's frames.
#[derive(Debug)]
pub(super) struct Lenient<S> {
    inner: S,
    /// Bytes that came with the handshake.
    first: Vec<u8>,
    at: FramePosition,
    /// For each message that is not given out yet, whether it is text. At most one for each two bytes that tungstenite has
    /// read ahead.
    texts: VecDeque<bool>,
}

/// The byte of a frame that comes next.
#[derive(Debug, Clone, Copy)]
enum FramePosition {
    Opcode,
    Length,
    /// A longer length: the bytes of it that are missing, and its value up to now.
    LongLength(u8, u64, bool),
    Content(u64),
}

impl<S> Lenient<S> {
    pub(super) fn new(inner: S, first: Vec<u8>) -> Self {
        Self {
            inner,
            first,
            at: FramePosition::Opcode,
            texts: VecDeque::new(),
        }
    }

    /// Whether the message that has just been read is text.
    pub(super) fn was_text(&mut self) -> bool {
        self.texts.pop_front().unwrap_or(false)
    }

    fn pass(&mut self, bytes: &mut [u8]) {
        let mask = |masked| if masked { 4 } else { 0 };
        let mut read = 0;
        while let Some(byte) = bytes.get_mut(read) {
            let at = match self.at {
                FramePosition::Opcode => {
                    let kind = *byte & OPCODE;
                    if matches!(kind, TEXT | BINARY) {
                        self.texts.push_back(kind == TEXT);
                        *byte = (*byte & !OPCODE) | BINARY;
                    }
                    FramePosition::Length
                }
                FramePosition::Length => {
                    let masked = *byte & MASKED != 0;
                    match *byte & !MASKED {
                        126 => FramePosition::LongLength(2, 0, masked),
                        127 => FramePosition::LongLength(8, 0, masked),
                        short => FramePosition::Content(u64::from(short) + mask(masked)),
                    }
                }
                FramePosition::LongLength(left, length, masked) => {
                    let length = (length << 8) | u64::from(*byte);
                    match left {
                        1 => FramePosition::Content(length.saturating_add(mask(masked))),
                        left => FramePosition::LongLength(left - 1, length, masked),
                    }
                }
                FramePosition::Content(left) => {
                    let here = (bytes.len() - read) as u64;
                    let here = here.min(left);
                    // the last one is counted below
                    read += here as usize - 1;
                    FramePosition::Content(left - here)
                }
            };
            self.at = at.or_next();
            read += 1;
        }
    }
}

impl FramePosition {
    /// After the last byte of a frame, the next one begins.
    fn or_next(self) -> Self {
        match self {
            Self::Content(0) => Self::Opcode,
            other => other,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.first.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        } else {
            let given = self.first.len().min(buffer.remaining());
            let first: Vec<u8> = self.first.drain(..given).collect();
            buffer.put_slice(&first);
        }
        self.pass(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kind_changes_wherever_reads_end() {
        let frame = |kind: u8, length: usize| {
            let mut frame = vec![kind];
            match length {
                0..126 => frame.push(length as u8),
                126..0x1_0000 => {
                    frame.push(126);
                    frame.extend((length as u16).to_be_bytes());
                }
                _ => {
                    frame.push(127);
                    frame.extend((length as u64).to_be_bytes());
                }
            }
            // content that looks like a frame of text
            frame.extend(vec![0x81; length]);
            frame
        };
        // text; a ping; a fragment of text and its end; bytes; nothing; long and very long text
        let kinds = [
            (0x81, 5),
            (0x89, 3),
            (0x01, 2),
            (0x80, 1),
            (0x82, 4),
            (0x81, 0),
            (0x81, 300),
            (0x81, 70_000),
        ];
        let sent: Vec<u8> = kinds
            .iter()
            .flat_map(|&(kind, length)| frame(kind, length))
            .collect();
        let as_bytes = kinds
            .iter()
            .flat_map(|&(kind, length)| match kind & OPCODE {
                TEXT => frame((kind & !OPCODE) | BINARY, length),
                _ => frame(kind, length),
            });
        let expected: Vec<u8> = as_bytes.collect();
        for chunk in [1, 2, 3, 1000, sent.len()] {
            let mut bytes = sent.clone();
            let mut lenient = Lenient::new((), Vec::new());
            bytes
                .chunks_mut(chunk)
                .for_each(|chunk| lenient.pass(chunk));
            assert!(bytes == expected, "{chunk}");
            assert_eq!(lenient.texts, [true, true, false, true, true, true]);
        }
    }
}
