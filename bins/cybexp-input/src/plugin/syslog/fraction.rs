//! Removes additions to times of RFC 3164, which has room for neither: fractions of a second, and the zone UTC, as in
//! `Oct 11 22:14:15.123 UTC`.

/// A text without what stands behind its time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShortenedTime {
    pub(super) text: String,
    /// The fraction, in nanoseconds.
    pub(super) nanos: i64,
    /// Whether it said that the time is UTC.
    pub(super) utc: bool,
}

/// Takes fraction and zone out of a message that begins with `<PRI>` and such a time, or with the time. `None`: there is
/// neither.
pub(super) fn take(text: &str) -> Option<ShortenedTime> {
    let bytes = text.as_bytes();
    let begin = super::rfc5424::priority(text).map_or(0, |(_, rest)| text.len() - rest.len());
    let at = begin + spaces(&bytes[begin..]);
    let point = at + clock(&bytes[at..])?;
    let digits = match bytes.get(point) {
        Some(b'.' | b',') => digits(&bytes[point + 1..]),
        _ => 0,
    };
    let mut end = if digits > 0 {
        point + 1 + digits
    } else {
        point
    };
    let fraction = bytes[point..end].iter().skip(1).chain([b'0'; 9].iter());
    let nanos = fraction
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0'));
    let zone = [" UTC", " GMT"].iter().find(|zone| {
        let after = text[end..].strip_prefix(**zone);
        after.is_some_and(|after| after.starts_with([' ', ':']))
    });
    end += zone.map_or(0, |zone| zone.len());
    let ended = bytes
        .get(end)
        .is_none_or(|byte| matches!(byte, b' ' | b':'));
    (ended && end > point).then(|| ShortenedTime {
        text: [&text[..point], &text[end..]].concat(),
        nanos,
        utc: zone.is_some(),
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
        let taken = |text| take(text).map(|bare| (bare.text, bare.nanos, bare.utc));
        let some = |text: &str, nanos, utc| Some((text.to_owned(), nanos, utc));
        assert_eq!(
            taken("<14>Oct 11 22:14:15.123 host app: 1.5"),
            some("<14>Oct 11 22:14:15 host app: 1.5", 123_000_000, false)
        );
        assert_eq!(
            taken("Oct  1 2026 22:14:15,1234567891: text"),
            some("Oct  1 2026 22:14:15: text", 123_456_789, false)
        );
        assert_eq!(
            taken("<14>Oct 11 22:14:15.1 UTC: text"),
            some("<14>Oct 11 22:14:15: text", 100_000_000, true)
        );
        assert_eq!(
            taken("<14>Oct 11 22:14:15 GMT host app: text"),
            some("<14>Oct 11 22:14:15 host app: text", 0, true)
        );
        for none in [
            "",
            "<14>",
            "Oct",
            "Oct 11 22:14:15 host 22:14:15.123",
            "Oct 11 22:14:15 UTC",
            "Oct 11 22:14:15 UTCX host",
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
