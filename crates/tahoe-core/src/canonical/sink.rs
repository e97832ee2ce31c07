//! Receivers of a canonical form, which is given piece by piece.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// Takes a form in order, as runs of backslashes, which nesting makes long, and the text between them.
pub(super) trait Sink {
    /// Takes printable ASCII without a backslash.
    fn text(&mut self, text: &str);

    /// Takes this many backslashes; more may follow.
    fn backslashes(&mut self, count: u64);
}

/// A sink that holds the form as text.
pub(super) struct Text(pub(super) String);

impl Sink for Text {
    fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn backslashes(&mut self, count: u64) {
        self.0.extend((0..count).map(|_| '\\'));
    }
}

/// A sink that hashes the form.
pub(super) struct Digest(Sha256);

const RUN: [u8; 1024] = [b'\\'; 1024];

impl Digest {
    /// Starts a hash with these texts.
    pub(super) fn of(prefix: &[&str]) -> Self {
        let mut sha = Sha256::new();
        for part in prefix {
            sha.update(part.as_bytes());
        }
        Self(sha)
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Sink for Digest {
    fn text(&mut self, text: &str) {
        self.0.update(text.as_bytes());
    }

    fn backslashes(&mut self, mut count: u64) {
        while count > 0 {
            let step = count.min(RUN.len() as u64);
            self.0.update(&RUN[..step as usize]);
            count -= step;
        }
    }
}

/// Keys that sort as the forms do, but in which a run of backslashes takes six bytes, however long it is.
///
/// Two forms may be equal up to a run. Where the longer run still has a backslash, the form with the shorter run has
/// another character. So if that character sorts before the backslash, the form with the shorter run sorts first, else
/// the other one.
#[derive(Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    run: u64,
}

impl Keys {
    /// Ends a form, and returns the position of its end.
    pub(super) fn end(&mut self) -> usize {
        debug_assert_eq!(
            self.run, 0,
            "a form ends with a quote, bracket, digit or letter"
        );
        self.bytes.len()
    }

    /// Returns the key of the form at this place.
    pub(super) fn of(&self, place: &Range<usize>) -> &[u8] {
        &self.bytes[place.clone()]
    }

    /// Writes the form at this place, escaped `level` times.
    pub(super) fn write(&self, place: &Range<usize>, level: u32, sink: &mut impl Sink) {
        let mut rest = self.of(place);
        let mut run = 0;
        while let Some(next) = rest.first() {
            if *next == b'\\' {
                let (coded, after) = rest.split_at(RUN_BYTES);
                run = run_of(coded);
                rest = after;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let quotes = u64::from(end == Some(0));
            sink.backslashes((run << level) + quotes * ((1 << level) - 1));
            run = 0;
            let (text, after) = rest.split_at(end.unwrap_or(rest.len()).max(1));
            sink.text(std::str::from_utf8(text).expect("a form is ASCII"));
            rest = after;
        }
    }
}

/// The bytes of a run of backslashes in a key: a backslash, the side on which it sorts, and its length.
const RUN_BYTES: usize = 6;

/// Returns the length of a run of backslashes.
fn run_of(coded: &[u8]) -> u64 {
    let mut length = [0; 4];
    length.copy_from_slice(&coded[2..]);
    let length = u32::from_be_bytes(length);
    u64::from(match coded[1] {
        0 => length,
        _ => !length,
    })
}

impl Sink for Keys {
    fn text(&mut self, text: &str) {
        let Some(next) = text.as_bytes().first() else {
            return;
        };
        if self.run > 0 {
            // no run is longer than a form, whose length fits in 32 bits
            let run = u32::try_from(std::mem::take(&mut self.run)).unwrap_or(u32::MAX);
            let (side, run) = match *next < b'\\' {
                true => (0, run),
                false => (1, !run),
            };
            self.bytes.extend([b'\\', side]);
            self.bytes.extend(run.to_be_bytes());
        }
        self.bytes.extend(text.as_bytes());
    }

    fn backslashes(&mut self, count: u64) {
        self.run = self.run.saturating_add(count);
    }
}
