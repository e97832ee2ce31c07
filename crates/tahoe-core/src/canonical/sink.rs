//! Receivers of a canonical form, which is given piece by piece.

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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
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
