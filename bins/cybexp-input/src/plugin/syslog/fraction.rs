//! Fractions of a second in the times of RFC 3164, which has none: `Oct 11 22:14:15.123`.

/// A text without the fraction after its time, and that in nanoseconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) nanos: i64,
}

/// Takes the fraction out of a message that begins with `<PRI>` and such a time, or with the time. `None`: it has none.
pub(super) fn take(text: &str) -> Option<Whole> {
    let bytes = text.as_bytes();
    let begin = super::rfc5424::priority(text).map_or(0, |(_, rest)| text.len() - rest.len());
    let at = begin + spaces(&bytes[begin..]);
    let point = at + clock(&bytes[at..])?;
    if !matches!(bytes.get(point)?, b'.' | b',') {
        return None;
    }
    let digits = digits(&bytes[point + 1..]);
    let end = point + 1 + digits;
    let ended = bytes
        .get(end)
        .is_none_or(|byte| matches!(byte, b' ' | b':'));
    if digits == 0 || !ended {
        return None;
    }
    let fraction = bytes[point + 1..end].iter().chain([b'0'; 9].iter()).take(9);
    let nanos = fraction.fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0'));
    Some(Whole {
        text: [&text[..point], &text[end..]].concat(),
        nanos,
    })
}

/// The length of `Oct 11 22:14:15`, or `Oct 11 2026 22:14:15`.
fn clock(bytes: &[u8]) -> Option<usize> {
    let mut at = 3;
    bytes
        .get(..at)?
        .iter()
        .all(u8::is_ascii_alphabetic)
        .then_some(())?;
    let mut number = |lengths: &[usize]| {
        let space = spaces(&bytes[at..]);
        let length = digits(&bytes[at + space..]);
        let fits = space > 0 && lengths.contains(&length);
        fits.then(|| at += space + length)
    };
    number(&[1, 2])?;
    let _ = number(&[4]);
    number(&[1, 2])?;
    for _ in 0..2 {
        (bytes.get(at) == Some(&b':')).then_some(())?;
        (digits(&bytes[at + 1..]) == 2).then_some(())?;
        at += 3;
    }
    Some(at)
}

fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == b' ').count()
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_taken_out_of_a_time_and_of_nothing_else() {
        let taken = |text| take(text).map(|whole| (whole.text, whole.nanos));
        let some = |text: &str, nanos| Some((text.to_owned(), nanos));
        assert_eq!(
            taken("<14>Oct 11 22:14:15.123 host app: 1.5"),
            some("<14>Oct 11 22:14:15 host app: 1.5", 123_000_000)
        );
        assert_eq!(
            taken("Oct  1 2026 22:14:15,1234567891: text"),
            some("Oct  1 2026 22:14:15: text", 123_456_789)
        );
        for none in [
            "",
            "<14>",
            "Oct",
            "Oct 11 22:14:15 host 22:14:15.123",
            "Oct 11 22:14:15.host",
            "Oct 11 22:14:15.1host",
            "Oct 11 22:14:5.1 host",
            "<14>1 2026-10-11T22:14:15.123Z host",
            "Oct 11 22:14",
            "Oct 123 22:14:15.1 x",
        ] {
            assert_eq!(taken(none), None, "{none}");
        }
    }
}
