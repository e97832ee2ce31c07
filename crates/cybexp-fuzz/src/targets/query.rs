//! Questions, times, and Python's bytes literals.

use std::hint::black_box;

use chrono_tz::Tz;
use tahoe_core::Value;
use tahoe_core::question::{QueryType, Question};
use tahoe_core::time::{TimeRange, parse_instant, parse_iso8601, parse_last, parse_tzname};
use tahoe_core::{canonical::decanonical, python_bytes as literals};

const NOW: f64 = 1_600_000_000.0;
const ZONES: [Tz; 4] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__Sao_Paulo,
    Tz::Pacific__Apia,
];

/// Reads a question: its type on the first line, then the text that was sealed. What was read is read from its own
/// canonical text, too.
pub(super) fn question(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (qtype, text) = text.split_once('\n').unwrap_or(("count", &text));
    let known = QueryType::ALL.iter().any(|known| known.as_str() == qtype);
    assert!(known || Question::decode(qtype, text, NOW).is_err());
    if let Ok(question) = Question::decode(qtype, text, NOW) {
        let fields = decanonical(text).expect("it was read");
        if let Ok((text, _)) = Question::encode(&fields) {
            assert_eq!(Question::decode(qtype, &text, NOW), Ok(question));
        }
    }
}

/// Reads a bytes literal. Its bytes are the same after they were written.
pub(super) fn python_bytes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(literals::is_literal(&text));
    if let Ok(read) = literals::parse(&text) {
        assert_eq!(literals::parse(&literals::literal(&read)), Ok(read));
    }
    assert_eq!(
        literals::parse(&literals::literal(bytes)),
        Ok(bytes.to_vec())
    );
}

/// Reads times: the first line is one, the second a time zone.
pub(super) fn time(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (time, zone) = text.split_once('\n').unwrap_or((&text, "UTC"));
    for zone in ZONES.into_iter().chain(parse_tzname(zone).ok()) {
        if let Ok(seconds) = parse_instant(time, zone) {
            assert!(seconds.is_finite());
        }
        if let Some(seconds) = parse_iso8601(time, zone) {
            assert!(seconds.is_finite());
        }
    }
    if let Ok(seconds) = parse_last(time) {
        assert!(seconds.is_finite() && seconds >= 0.0, "{seconds}");
    }
    let time = Value::from(time);
    for (from, to) in [(Some(&time), None), (None, Some(&time))] {
        black_box(TimeRange::new(from, to, None, Some(zone), NOW).is_ok());
    }
}
