//! The head of an HTTP response, as a proxy and a websocket server give it, and the little that comes after a refusal.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{
    CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

/// The longest head.
const HEAD_BYTES: usize = 64 << 10;
/// The most that is read of the body of a refusal, and how long it is waited for.
const BODY_BYTES: usize = 16 << 10;
const BODY: Duration = Duration::from_secs(2);

/// A response up to its body.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Bytes that came behind it.
    pub(super) rest: Vec<u8>,
}

impl ResponseHead {
    /// Reads it.
    ///
    /// # Errors
    /// When it ends early, is too long, or no HTTP/1.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = find(&bytes, b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > HEAD_BYTES {
                bail!("the answer has a head of more than {HEAD_BYTES} bytes");
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                bail!("the connection ended before there was an answer");
            }
        };
        let rest = bytes.split_off(end + 4);
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| {
            let (version, rest) = line.split_once(' ')?;
            let code = rest.split(' ').next()?.parse().ok()?;
            version.starts_with("HTTP/1.").then_some(code)
        });
        let status: u16 = status.context("the answer is none of HTTP")?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name: HeaderName = name.trim().parse().ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        Ok(Self {
            status: StatusCode::from_u16(status)?,
            headers: all,
            rest,
        })
    }

    /// The first bytes of the body of a refusal, as far as they come soon.
    pub(super) async fn body(mut self, stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let length = header(CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
        let length = length.unwrap_or(BODY_BYTES).min(BODY_BYTES);
        let chunked = header(TRANSFER_ENCODING)
            .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"));
        let body = &mut self.rest;
        let read = async {
            while body.len() < length && !(chunked && body.ends_with(b"0\r\n\r\n")) {
                match stream.read_buf(body).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        };
        // what there is until then is told
        let _ = tokio::time::timeout(BODY, read).await;
        body.truncate(length);
        match chunked {
            true => whole(body),
            false => std::mem::take(body),
        }
    }

    /// Whether one of the words of a header is this one.
    pub(super) fn has(&self, name: HeaderName, word: &str) -> bool {
        let values = self.headers.get_all(name).into_iter();
        let mut words = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        words.any(|other| other.trim().eq_ignore_ascii_case(word))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A chunked body in one, as far as it came.
fn whole(mut chunked: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = find(chunked, b"\r\n") {
        let size = String::from_utf8_lossy(&chunked[..end]).into_owned();
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size @ 1..) = usize::from_str_radix(size, 16) else {
            break;
        };
        let chunk = &chunked[end + 2..];
        let (chunk, after) = chunk.split_at(size.min(chunk.len()));
        whole.extend_from_slice(chunk);
        chunked = after.strip_prefix(b"\r\n").unwrap_or_default();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> anyhow::Result<(ResponseHead, Vec<u8>)> {
        let mut stream = std::io::Cursor::new(text.as_bytes().to_vec());
        let head = ResponseHead::read(&mut stream).await?;
        let again = ResponseHead {
            status: head.status,
            headers: head.headers.clone(),
            rest: head.rest.clone(),
        };
        let body = again.body(&mut stream).await;
        Ok((head, body))
    }

    #[tokio::test]
    async fn heads_and_bodies() {
        let (head, body) = read("HTTP/1.0 200 Connection established\r\n\r\nrest")
            .await
            .unwrap();
        assert_eq!((head.status, body), (StatusCode::OK, b"rest".to_vec()));
        let text = "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        let (_, body) = read(text).await.unwrap();
        assert_eq!(body, b"abcde");
        let (head, body) = read(
            "HTTP/1.1 101 X\r\nconnection: keep-alive, Upgrade\r\ncontent-length: 2\r\n\r\nabc",
        )
        .await
        .unwrap();
        assert!(head.has(HeaderName::from_static("connection"), "upgrade"));
        assert_eq!(body, b"ab");
        for wrong in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 x\r\n\r\n",
            "HTTP/1.1 7\r\n\r\n",
        ] {
            read(wrong).await.unwrap_err();
        }
        read(&"x".repeat(100_000)).await.unwrap_err();
        let broken = "HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx";
        assert_eq!(read(broken).await.unwrap().1, b"");
    }
}
