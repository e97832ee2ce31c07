//! Finds its way in a JSON document without reading it whole.

use std::io::BufRead;

use anyhow::{anyhow, bail, ensure};

use super::super::body;
use super::{Kept, Where};

/// A longer key is none that anybody asks for.
const KEY_BYTES: usize = 4096;

/// A document, up to where it is read.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    /// Bytes read.
    at: u64,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// Goes into the list, past its bracket; how many keys lead there.
    pub(super) fn enter(&mut self, place: &Where) -> anyhow::Result<usize> {
        for (depth, key) in place.keys.iter().enumerate() {
            match self.next()? {
                b'{' => self.skip(1),
                b'[' if place.or_top && depth == 0 => {
                    self.skip(1);
                    return Ok(0);
                }
                byte => {
                    self.could_be_json(byte)?;
                    bail!(
                        "{} is no object, so there is no {}",
                        place.name(depth),
                        place.name(depth + 1)
                    );
                }
            }
            if !self.find(key)? {
                bail!("there is no {} in the answer", place.name(depth + 1));
            }
        }
        let depth = place.keys.len();
        let byte = self.next()?;
        self.could_be_json(byte)?;
        ensure!(byte == b'[', "{} is no list", place.name(depth));
        self.skip(1);
        Ok(depth)
    }

    /// Goes to the value of this key of the object that has just begun; whether it is there.
    fn find(&mut self, wanted: &str) -> anyhow::Result<bool> {
        loop {
            match self.next()? {
                b'}' => return Ok(false),
                b',' => self.skip(1),
                b'"' => {
                    let mut key = Kept::new(KEY_BYTES);
                    self.value(&mut key)?;
                    match self.next()? {
                        b':' => self.skip(1),
                        byte => bail!(self.unexpected(byte)),
                    }
                    let key = key
                        .is_whole()
                        .then(|| serde_json::from_slice::<String>(&key.bytes));
                    if key.is_some_and(|key| key.is_ok_and(|key| key == wanted)) {
                        return Ok(true);
                    }
                    self.value(&mut Kept::new(0))?;
                }
                byte => bail!(self.unexpected(byte)),
            }
        }
    }

    /// Reads one value.
    pub(super) fn value(&mut self, kept: &mut Kept) -> anyhow::Result<()> {
        let first = self.next()?;
        self.could_be_json(first)?;
        match first {
            b'"' | b'{' | b'[' => self.nested(0, kept),
            _ => self.scalar(kept),
        }
    }

    /// Reads to the end of what begins here, or of the objects and lists of this depth that it is in.
    pub(super) fn nested(&mut self, mut depth: u64, kept: &mut Kept) -> anyhow::Result<()> {
        let (mut string, mut escaped) = (false, false);
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
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads a number, or `true`, `false`, `null`.
    fn scalar(&mut self, kept: &mut Kept) -> anyhow::Result<()> {
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

    fn peek(&mut self) -> anyhow::Result<Option<u8>> {
        let buffer = self.input.fill_buf().map_err(body::failed)?;
        Ok(buffer.first().copied())
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.at += bytes as u64;
    }

    /// The next byte that is no white space; it is not read yet.
    pub(super) fn peek_after_space(&mut self) -> anyhow::Result<Option<u8>> {
        loop {
            let buffer = self.input.fill_buf().map_err(body::failed)?;
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
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

    pub(super) fn next(&mut self) -> anyhow::Result<u8> {
        let next = self.peek_after_space()?;
        next.ok_or_else(|| anyhow!("the answer ends early, after {} bytes", self.at))
    }

    /// Skips a byte order mark.
    pub(super) fn skip_mark(&mut self) -> anyhow::Result<()> {
        if self.peek()? == Some(0xef) {
            let mut mark = [0; 3];
            self.input.read_exact(&mut mark).map_err(body::failed)?;
            ensure!(mark == *b"\xef\xbb\xbf", "the answer is no JSON");
            self.at += 3;
        }
        Ok(())
    }

    fn could_be_json(&self, first: u8) -> anyhow::Result<()> {
        match first {
            b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    pub(super) fn unexpected(&self, byte: u8) -> anyhow::Error {
        let html = if byte == b'<' && self.at < 100 {
            " (it looks like HTML)"
        } else {
            ""
        };
        anyhow!(
            "the answer is no JSON: '{}' at byte {}{html}",
            byte.escape_ascii(),
            self.at
        )
    }
}
