//! The ends of messages in a stream (RFC 6587): octet counting, `LENGTH SP MESSAGE`, and lines. Senders mix them.

/// A longer message is cut: RFC 5424 asks for 2048 bytes, and a UDP datagram has no more than this.
pub(super) const LONGEST: usize = 64 << 10;
/// The digits of a length.
const DIGITS: usize = 10;

/// A message, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) data: Vec<u8>,
    /// It was longer than [`LONGEST`].
    pub(super) cut: bool,
}

/// The messages of one connection.
#[derive(Debug, Default)]
pub(super) struct Frames {
    state: FramingState,
    /// Whether the message before was counted: then the next one may begin with something else than `<`.
    counted: bool,
    /// Whether the sender has marked where a message ends, by a count or a line end.
    framed: bool,
    /// The bytes of the message up to now; at its begin digits that may be its length, and a space.
    data: Vec<u8>,
    cut: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum FramingState {
    #[default]
    Begin,
    /// Inside a counted message, of which this many bytes are missing.
    Counted(u64),
    Line,
}

impl Frames {
    /// Adds what was received, and the messages that are complete with it to `frames`.
    pub(super) fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) {
        while let Some(byte) = bytes.first() {
            match self.state {
                FramingState::Begin => {
                    // between messages, and whatever some senders add to the end of a counted one
                    let between = self.data.is_empty() && matches!(byte, b'\n' | b'\r' | b' ' | 0);
                    if between || self.is_length_with(*byte) {
                        if !between {
                            self.data.push(*byte);
                        }
                        bytes = &bytes[1..];
                        continue;
                    }
                    self.state = match self.length() {
                        Some(length) if self.counted || *byte == b'<' => {
                            self.data.clear();
                            FramingState::Counted(length)
                        }
                        _ => FramingState::Line,
                    };
                }
                FramingState::Counted(missing) => {
                    let here = missing.min(bytes.len() as u64) as usize;
                    self.add(&bytes[..here]);
                    bytes = &bytes[here..];
                    let missing = missing - here as u64;
                    self.state = FramingState::Counted(missing);
                    if missing == 0 {
                        (self.counted, self.framed) = (true, true);
                        frames.extend(self.take());
                    }
                }
                FramingState::Line => {
                    if !self.framed && self.data.len() + bytes.len() > LONGEST {
                        self.data = bare(std::mem::take(&mut self.data), frames);
                    }
                    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
                    self.add(&bytes[..end.unwrap_or(bytes.len())]);
                    bytes = end.map_or(&[], |end| &bytes[end + 1..]);
                    if end.is_some() {
                        (self.counted, self.framed) = (false, true);
                        frames.extend(self.take());
                    }
                }
            }
        }
    }

    /// Returns the message in the middle of which the connection ended; or all of it, from a sender that never marks where a
    /// message ends.
    pub(super) fn end(&mut self, frames: &mut Vec<Frame>) {
        if !self.framed && self.state == FramingState::Line {
            self.data = bare(std::mem::take(&mut self.data), frames);
        }
        frames.extend(self.take());
    }

    /// Whether this byte goes on with what may be a length.
    fn is_length_with(&self, byte: u8) -> bool {
        let all_digits = self.data.iter().all(u8::is_ascii_digit);
        match byte {
            b'0' if self.data.is_empty() => false,
            b'0'..=b'9' => all_digits && self.data.len() < DIGITS,
            b' ' => all_digits && !self.data.is_empty(),
            _ => false,
        }
    }

    fn length(&self) -> Option<u64> {
        let digits = self.data.strip_suffix(b" ")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.data.len());
        self.cut |= bytes.len() > room;
        self.data.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take(&mut self) -> Option<Frame> {
        let frame = Frame {
            data: std::mem::take(&mut self.data),
            cut: std::mem::take(&mut self.cut),
        };
        self.state = FramingState::Begin;
        (!frame.data.is_empty()).then_some(frame)
    }
}

/// Takes messages apart that were sent one behind the other; the last one may not be complete, and is given back.
///
/// Only for a sender that frames nothing: whoever can write into a line of another one must not make two of it.
fn bare(data: Vec<u8>, frames: &mut Vec<Frame>) -> Vec<u8> {
    let mut begin = 0;
    for at in 1..data.len() {
        if data[at] == b'<' && is_head(&data[begin..]) && is_head(&data[at..]) {
            frames.push(Frame {
                data: data[begin..at].to_vec(),
                cut: false,
            });
            begin = at;
        }
    }
    data[begin..].to_vec()
}

/// Whether a message begins here: a priority, and behind it a time or what stands for one.
fn is_head(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"<") else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(rest) = rest[digits..].strip_prefix(b">") else {
        return false;
    };
    if !(1..=3).contains(&digits) {
        return false;
    }
    // `Mar  1 10:00:00`, `1 2026-03-01T…`, `1 - `, `2026-03-01T…`
    let shape = |pattern: &[u8]| {
        rest.len() >= pattern.len()
            && rest.iter().zip(pattern).all(|(byte, wanted)| match wanted {
                b'a' => byte.is_ascii_alphabetic(),
                b'9' => byte.is_ascii_digit(),
                b'?' => matches!(byte, b' ' | b'0'..=b'9'),
                other => byte == other,
            })
    };
    shape(b"aaa ?9 ?9:99:99") || shape(b"9 9999-99-99T") || shape(b"9 - ") || shape(b"9999-99-99T")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(stream: &[u8], step: usize) -> Vec<String> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        for bytes in stream.chunks(step) {
            frames.push(bytes, &mut all);
        }
        frames.end(&mut all);
        let text = |frame: Frame| String::from_utf8(frame.data).unwrap();
        all.into_iter().map(text).collect()
    }

    #[test]
    fn both_framings_in_any_pieces() {
        let stream =
            b"<1>a\r\n\n5 <1>b\n\n6 <1>c\nd3 no!<1>e\0 12 monkeys\n007\n2026-11-21 f\n8 <1>";
        let expected = [
            "<1>a\r",
            "<1>b\n",
            "<1>c\nd",
            "no!",
            "<1>e",
            "12 monkeys",
            "007",
            "2026-11-21 f",
            "<1>",
        ];
        for step in 1..stream.len() {
            assert_eq!(frames(stream, step), expected, "{step}");
        }
    }

    #[test]
    fn messages_that_nothing_divides() {
        let stream = b"<13>Mar  1 10:00:00 h me: one<13>Mar  1 10:00:00 h me: <2> two<14>1 2026-03-01T10:00:00Z h - - - - 3";
        let expected = [
            "<13>Mar  1 10:00:00 h me: one",
            "<13>Mar  1 10:00:00 h me: <2> two",
            "<14>1 2026-03-01T10:00:00Z h - - - - 3",
        ];
        for step in 1..stream.len() {
            assert_eq!(frames(stream, step), expected, "{step}");
        }
        // nobody who writes into a line, or a counted message, makes two of it
        let line = "<13>Mar  1 10:00:00 h me: one<13>Mar  1 10:00:00 h me: two";
        for framed in [
            format!("{line}\n"),
            format!("<13>a\n{line}"),
            format!("{} {line}", line.len()),
        ] {
            let all = frames(framed.as_bytes(), 7);
            assert_eq!(all.last().unwrap(), line);
        }
        // and a connection that never ends is taken apart before it is too long
        let (mut all, mut frames) = (Vec::new(), Frames::default());
        for _ in 0..10_000 {
            frames.push(b"<13>Mar  1 10:00:00 h me: one", &mut all);
        }
        assert!(all.len() > 7000, "{}", all.len());
        frames.end(&mut all);
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|frame| frame.data.len() == 29 && !frame.cut));
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let (mut all, mut frames) = (Vec::new(), Frames::default());
        let long = vec![b'x'; LONGEST + 1];
        for head in [&b"<1>"[..], b"65542 <1>ab"] {
            frames.push(head, &mut all);
            frames.push(&long, &mut all);
            frames.push(b"\n<1>z\n", &mut all);
        }
        let lengths: Vec<_> = all
            .iter()
            .map(|frame| (frame.data.len(), frame.cut))
            .collect();
        assert_eq!(
            lengths,
            [(LONGEST, true), (4, false), (LONGEST, true), (4, false)]
        );
    }

    #[test]
    fn no_length_is_believed_before_the_bytes_are_there() {
        let (mut all, mut frames) = (Vec::new(), Frames::default());
        frames.push(b"9999999999 <1>a", &mut all);
        assert!(frames.data.capacity() < 100);
        frames.push(b"\n99999999999 <1>b\n", &mut all);
        assert_eq!(all, []);
        frames.end(&mut all);
        assert_eq!(all.pop().unwrap().data, b"<1>a\n99999999999 <1>b\n");
    }
}
