//! Walks through a JSON document without holding it whole.

use std::io::BufRead;

use anyhow::{anyhow, bail, ensure};

use super::kept::KeptValue;
use crate::{body, markup};

/// The longest key that is compared; none that is asked for is longer.
const KEY_BYTES: usize = 4096;
/// Bytes of a body that is no JSON in which a reason is looked for.
const SAID_BYTES: usize = 4096;

/// A document, up to where it is read.
#[derive(Debug)]
pub(crate) struct JsonReader<R> {
    pub(crate) input: R,
    /// Bytes read.
    at: u64,
}

/// The next member of an object.
pub(crate) enum Member {
    /// A value under this key; `None` where the key is too long or cannot be read.
    Value(Option<String>),
    /// Its end.
    End,
}

impl<R: BufRead> JsonReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// Goes to the next value of the object that is being read.
    pub(crate) fn member(&mut self) -> anyhow::Result<Member> {
        loop {
            match self.next()? {
                b'}' => {
                    self.skip(1);
                    return Ok(Member::End);
                }
                b',' => self.skip(1),
                b'"' => {
                    let mut key = KeptValue::new(KEY_BYTES);
                    self.value(&mut key)?;
                    match self.next()? {
                        b':' => self.skip(1),
                        byte => bail!(self.unexpected(byte)),
                    }
                    let whole = key.is_whole();
                    let key = whole.then(|| serde_json::from_slice(&key.bytes).ok());
                    return Ok(Member::Value(key.flatten()));
                }
                byte => bail!(self.unexpected(byte)),
            }
        }
    }

    /// Goes to the next element of the list that is being read; whether there is one. `first`: it has just begun.
    pub(crate) fn element(&mut self, first: bool) -> anyhow::Result<bool> {
        match self.next()? {
            b']' => {
                self.skip(1);
                Ok(false)
            }
            _ if first => Ok(true),
            b',' => {
                self.skip(1);
                match self.next()? {
                    b']' => bail!(self.unexpected(b']')),
                    _ => Ok(true),
                }
            }
            byte => bail!(self.unexpected(byte)),
        }
    }

    /// Reads one value.
    pub(crate) fn value(&mut self, kept: &mut KeptValue) -> anyhow::Result<()> {
        let first = self.next()?;
        self.could_be_json(first)?;
        match first {
            b'"' | b'{' | b'[' => self.nested(kept, u64::MAX).map(drop),
            _ => self.scalar(kept),
        }
    }

    /// Reads the object or list that begins here, or so many bytes of it; whether it ended.
    pub(crate) fn nested(&mut self, kept: &mut KeptValue, most: u64) -> anyhow::Result<bool> {
        let (mut string, mut escaped) = (false, false);
        let (mut depth, start) = (0_u64, self.at);
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            ensure!(
                !buffer.is_empty(),
                "the answer ends early, after {} bytes",
                self.at
            );
            let end = buffer.iter().position(|&byte| {
                if escaped {
                    escaped = false;
                    return false;
                }
                match byte {
                    b'\\' if string => escaped = true,
                    b'"' => string = !string,
                    b'{' | b'[' if !string => depth += 1,
                    b'}' | b']' if !string => depth = depth.saturating_sub(1),
                    _ => return false,
                }
                depth == 0 && !string
            });
            let used = end.map_or(buffer.len(), |end| end + 1);
            kept.add(&buffer[..used]);
            self.skip(used);
            if end.is_some() || self.at - start >= most {
                return Ok(end.is_some());
            }
        }
    }

    /// Reads a number, or `true`, `false`, `null`.
    fn scalar(&mut self, kept: &mut KeptValue) -> anyhow::Result<()> {
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
            let end = buffer.iter().position(ends);
            let used = end.unwrap_or(buffer.len());
            kept.add(&buffer[..used]);
            self.skip(used);
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }

    /// Reads the rest of a line, without its end; whether there is one.
    pub(crate) fn line(&mut self, kept: &mut KeptValue) -> anyhow::Result<bool> {
        let start = self.at;
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            if buffer.is_empty() {
                return Ok(self.at > start);
            }
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let used = end.unwrap_or(buffer.len());
            kept.add(&buffer[..used]);
            self.skip(used + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn peek(&mut self) -> anyhow::Result<Option<u8>> {
        let buffer = self.input.fill_buf().map_err(body::failed)?;
        Ok(buffer.first().copied())
    }

    pub(crate) fn skip(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.at += bytes as u64;
    }

    /// The next byte that is no white space; it is not read yet.
    pub(crate) fn peek_after_space(&mut self) -> anyhow::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            // a record separator stands before each value of a JSON text sequence (RFC 7464)
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e);
            let Some(at) = buffer.iter().position(|byte| !space(byte)) else {
                let spaces = buffer.len();
                if spaces == 0 {
                    return Ok(None);
                }
                self.skip(spaces);
                continue;
            };
            let byte = buffer[at];
            self.skip(at);
            return Ok(Some(byte));
        }
    }

    pub(crate) fn next(&mut self) -> anyhow::Result<u8> {
        let next = self.peek_after_space()?;
        next.ok_or_else(|| anyhow!("the answer ends early, after {} bytes", self.at))
    }

    /// Skips a byte order mark.
    pub(crate) fn skip_mark(&mut self) -> anyhow::Result<()> {
        if self.peek()? == Some(0xef) {
            let mut mark = [0; 3];
            self.input.read_exact(&mut mark).map_err(body::failed)?;
            ensure!(mark == *b"\xef\xbb\xbf", "the answer is no JSON");
            self.at += 3;
        }
        Ok(())
    }

    pub(crate) fn could_be_json(&mut self, first: u8) -> anyhow::Result<()> {
        match first {
            b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    pub(crate) fn unexpected(&mut self, byte: u8) -> anyhow::Error {
        let told = format!(
            "the answer is no JSON: '{}' at byte {}",
            byte.escape_ascii(),
            self.at
        );
        // where it begins like this, what it says is worth more
        let html = byte == b'<';
        let begins = (html && self.at < 100) || (byte.is_ascii_alphabetic() && self.at <= 3);
        if !begins {
            return anyhow!(told);
        }
        let text = self.rest_of(SAID_BYTES);
        let text = String::from_utf8_lossy(&text);
        let says = match html {
            true => markup::cleaned(&markup::markup(&text)),
            false => markup::cleaned(text.lines().next().unwrap_or_default()),
        };
        match (html, says.as_str()) {
            (true, "") => anyhow!("{told} (it looks like HTML)"),
            (true, says) => anyhow!("{told} (it looks like HTML, and says: {says})"),
            (false, says) => anyhow!("{told} (it says: {says})"),
        }
    }

    /// Reads up to `most` of the bytes that come next, for an error that tells what they say.
    fn rest_of(&mut self, most: usize) -> Vec<u8> {
        let mut rest = Vec::new();
        while rest.len() < most {
            let buffer = self.input.fill_buf().unwrap_or_default();
            if buffer.is_empty() {
                break;
            }
            let used = buffer.len().min(most - rest.len());
            rest.extend_from_slice(&buffer[..used]);
            self.input.consume(used);
        }
        rest
    }
}
