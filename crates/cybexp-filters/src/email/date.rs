//! When a mail was written.

use mail_parser::DateTime;
use tahoe_core::{Timestamp, Value};

use crate::{Refusal, excerpt, time};

/// The time that a field Date names. One without an offset is in `timezone`.
///
/// `mail-parser` reads the many forms (RFC 5322 with its obsolete ones), but wants seconds and an offset.
pub(super) fn timestamp(value: &str, timezone: &str) -> Result<Timestamp, Refusal> {
    let refusal = || Refusal::new(format!("Date {} is no date", excerpt(value.trim())));
    let (before_comment, _) = value.split_once('(').unwrap_or((value, ""));
    let mut words: Vec<String> = before_comment
        .split_whitespace()
        .take(WORDS)
        .map(|word| match word.matches(':').count() {
            1 => format!("{word}:00"),
            _ => word.to_owned(),
        })
        .collect();
    let has_offset = words.last().is_some_and(|word| !word.contains(':'));
    if !has_offset {
        words.push("+0000".to_owned());
    }
    let line = words.join(" ") + "\n";
    let mut date = DateTime::parse_rfc822(&line).ok_or_else(refusal)?;
    // A leap second has no place in Unix time.
    date.second = date.second.min(59);
    let mut text = date.to_rfc3339();
    if !has_offset {
        text.truncate("YYYY-MM-DDTHH:MM:SS".len());
    }
    // Whether there is such a day and hour is seen there.
    time::parse(&Value::from(text), timezone).map_err(|_| refusal())
}

/// Day of the week, day, month, year, time, offset, and some to spare.
const WORDS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates() {
        for (text, expected) in [
            ("Tue, 28 Apr 2020 02:00:05 +0200", Some(1_588_032_005.0)),
            ("28 Apr 2020 02:00:05 +0200 (CEST)", Some(1_588_032_005.0)),
            ("Tue,\r\n 28 Apr 2020 00:00:05 GMT", Some(1_588_032_005.0)),
            ("28 apr 20 00:00:05 -0000", Some(1_588_032_005.0)),
            ("27 Apr 20 19:00 EST", Some(1_588_032_000.0)),
            // Without an offset: in the raw's time zone, here Tokyo.
            ("Tue, 28 Apr 2020 09:00:05", Some(1_588_032_005.0)),
            ("Tue, 28 Apr 2020 09:00", Some(1_588_032_000.0)),
            ("31 Dec 2016 23:59:60 +0000", Some(1_483_228_799.0)),
            ("31 Feb 2020 00:00:00 +0000", None),
            ("99 Apr 2020 25:61:61 +0200", None),
            ("yesterday", None),
            ("", None),
        ] {
            let found = timestamp(text, "Asia/Tokyo").ok().map(Timestamp::get);
            assert_eq!(found, expected, "{text}");
        }
    }
}
