//! The time at which a mail was written, from a field Date or the end of a field Received.
//!
//! RFC 5322 has one form; mail programs and spammers use many. A text with a word that is not understood is no date: a
//! wrong time that looks right is worse than none, because Received also holds the time.

mod names;
mod words;

use tahoe_core::{Timestamp, Value};

use crate::time;
use words::{DateWords, Day, Zone};

/// The longest text that is read, in bytes; any date is shorter.
const LENGTH_BYTES: usize = 256;
/// Seconds between the start of a day in any zone and a time on that day: the possible range.
const DAY_S: std::ops::Range<f64> = -54_000.0..140_400.0;

/// A date that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Date {
    pub(super) at: Timestamp,
    /// Whether the date names an unknown zone, in place of which the raw's zone was used.
    pub(super) is_zone_unknown: bool,
}

/// Returns the time that a text names; `None` if it names none.
///
/// A time without a zone is in `timezone`. `near` is the time at which the mail arrived, if known. It decides where a
/// date or a zone has two meanings (`01/02/2024`, `CST`), and gives the time of day where the text names only a day.
pub(super) fn read(text: &str, timezone: &str, near: Option<f64>) -> Option<Date> {
    let text = &text[..text.floor_char_boundary(LENGTH_BYTES)];
    let words = DateWords::read(text)?;
    if let Some(seconds) = words.epoch {
        let at = Timestamp::new(seconds).ok()?;
        return Some(Date {
            at,
            is_zone_unknown: false,
        });
    }
    let timezone = match &words.zone {
        Zone::Named(name) => name,
        _ => timezone,
    };
    let mut found: Vec<f64> = Vec::new();
    for day in &words.days {
        for offset in words.zone.offsets() {
            found.extend(seconds(*day, words.clock.as_deref(), offset, timezone));
        }
    }
    let first = *found.first()?;
    let seconds = match near {
        None if words.is_ambiguous_day() => return None,
        None => first,
        Some(near) => {
            let distance = |at: &f64| (near - at).abs();
            let nearest = found
                .iter()
                .copied()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            let is_rough = words.clock.is_none() || words.zone.is_unknown();
            let is_that_day = is_rough && DAY_S.contains(&(near - nearest));
            if is_that_day { near } else { nearest }
        }
    };
    Some(Date {
        at: Timestamp::new(seconds).ok()?,
        is_zone_unknown: words.zone.is_unknown(),
    })
}

/// Returns Unix seconds; `None` if there is no such day or hour.
fn seconds(day: Day, clock: Option<&str>, offset: Option<i32>, timezone: &str) -> Option<f64> {
    let offset = offset.map_or_else(String::new, |minutes| {
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    });
    let Day { year, month, day } = day;
    let clock = clock.unwrap_or("00:00:00");
    let text = format!("{year:04}-{month:02}-{day:02}T{clock}{offset}");
    time::parse(&Value::from(text), timezone)
        .ok()
        .map(Timestamp::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-03-01T10:00:00Z
    const AT: f64 = 1_709_287_200.0;

    fn at(text: &str, near: Option<f64>) -> Option<f64> {
        read(text, "Asia/Tokyo", near).map(|date| date.at.get())
    }

    #[test]
    fn reads_dates() {
        for (text, expected) in [
            ("Tue, 28 Apr 2020 02:00:05 +0200", 1_588_032_005.0),
            ("28 Apr 2020 02:00:05 +0200 (CEST)", 1_588_032_005.0),
            ("Tue,\r\n 28 Apr 2020 00:00:05 GMT", 1_588_032_005.0),
            ("28 apr 20 00:00:05 -0000", 1_588_032_005.0),
            ("27 Apr 20 19:00 EST", 1_588_032_000.0),
            // Without an offset: in the raw's time zone, here Tokyo.
            ("Tue, 28 Apr 2020 09:00:05", 1_588_032_005.0),
            ("Tue, 28 Apr 2020 09:00", 1_588_032_000.0),
            ("31 Dec 2016 23:59:60 +0000", 1_483_228_799.0),
            // Zones.
            ("Fri, 01 Mar 2024 11:00:00 CET", AT),
            ("Fri, 01 Mar 2024 11:00:00 GMT+0100", AT),
            ("Fri, 01 Mar 2024 11:00:00 UTC+1", AT),
            ("Fri, 01 Mar 2024 11:00:00 +01:00", AT),
            ("Fri, 01 Mar 2024 11:00:00+0100", AT),
            ("Fri, 01 Mar 2024 10:00:00Z", AT),
            ("Fri, 01 Mar 2024 10:00:00 GMT +0000 (UTC)", AT),
            ("Fri, 01 Mar 2024 05:00:00 \"EST\"", AT),
            ("Fri, 01 Mar 2024 15:30:00 IST", AT),
            ("Fri, 01 Mar 2024 11:00:00 (CET)", AT),
            ("Fri, 01 Mar 2024 11:00:00 Europe/Berlin", AT),
            // Orders and signs.
            ("Fri Mar  1 10:00:00 2024 +0000", AT),
            ("Fri Mar 01 10:00:00 UTC 2024", AT),
            (
                "Fri Mar 01 2024 11:00:00 GMT+0100 (Central European Standard Time)",
                AT,
            ),
            ("March 1, 2024 10:00 AM UTC", AT),
            ("Friday, March 1st, 2024 at 10:00:00 a.m. GMT", AT),
            ("1-Mar-2024 10:00:00 +0000", AT),
            ("01-03-2024 10:00:00 +0000", AT),
            ("01.03.2024 10:00 +0000", AT),
            ("2024-03-01T10:00:00.000Z", AT),
            ("2024-03-01 10:00:00.5 +0000", AT + 0.5),
            ("2024/03/01 10:00:00 +0000", AT),
            ("2024年3月1日 10:00:00 +0000", AT),
            ("13/03/2024 10:00:00 +0000", AT + 12.0 * 86_400.0),
            ("3/13/2024 10:00:00 +0000", AT + 12.0 * 86_400.0),
            ("3/1/2024 10:00:00 AM +0000", AT),
            ("1709287200", AT),
            ("1709287200000", AT),
            ("ven. 1 mars 2024 10.00.00 +0000", AT),
            ("1.3.2024 10.00 +0000", AT),
            ("2024. 3. 1. 10:00:00 +0000", AT),
            ("20240301190000", AT),
            // Languages.
            ("Seg, 1 mar 2024 10:00:00 +0000", AT),
            ("Fr., 1. März 2024 10:00:00 +0000", AT),
            ("ven. 1 mars 2024 10:00:00 +0000", AT),
            ("vie, 1 de marzo de 2024 10:00:00 +0000", AT),
            ("Пт, 1 мар 2024 10:00:00 +0000", AT),
            ("Seg, 1 abr 2024 10:00:00 +0000", 1_711_965_600.0),
            // Years.
            ("Thu, 01 Jun 100 00:00:00 +0000", 959_817_600.0),
            ("Thu, 01 Jun 19100 00:00:00 +0000", 959_817_600.0),
            ("Thu, 01 Jun 00 00:00:00 +0000", 959_817_600.0),
            ("01 Jan 70 00:00:00 +0000", 0.0),
            // A day alone begins it, in Tokyo.
            ("01-03-2024", AT - 19.0 * 3600.0),
        ] {
            assert_eq!(at(text, None), Some(expected), "{text}");
        }
    }

    #[test]
    fn makes_no_date_of_anything_else() {
        for text in [
            "31 Feb 2020 00:00:00 +0000",
            "99 Apr 2020 25:61:61 +0200",
            "Fri Mar 2024 10:00:00 +0000",
            "Fri, 01 Foo 2024 10:00:00 +0000",
            "01 Mar 10:00:00 +0000",
            "01 Mar 2024 10:00:00 13:00:00",
            "01 Mar 2024 25:00:00 +0000",
            "01 Mar 1024 10:00:00 +0000",
            "01 02 2024 10:00:00 +0000",
            "01/02/2024 10:00:00 +0000",
            "Date 2024",
            "10:00",
            "286071244",
            "_smtpDate . 286071244",
            "yesterday",
            "",
        ] {
            assert_eq!(at(text, None), None, "{text}");
        }
    }

    #[test]
    fn the_arrival_tells_which_is_meant() {
        for (text, expected) in [
            ("01/03/2024 10:00:00 +0000", AT),
            ("03/01/2024 10:00:00 +0000", AT),
            ("Fri, 01 Mar 2024 18:00:00 CST", AT),
            ("Fri, 01 Mar 2024 04:00:00 CST", AT),
            ("Fri, 01 Mar 2024 12:00:00 IST", AT),
            // That day, at the time of the arrival.
            ("01-03-2024", AT + 60.0),
            ("03-01-2024", AT + 60.0),
            ("Fri, 01 Mar 2024", AT + 60.0),
            // Another day, which begins in Tokyo.
            ("01-03-2023", 1_677_596_400.0),
        ] {
            assert_eq!(at(text, Some(AT + 60.0)), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_unknown_zone_is_said() {
        for (text, unknown) in [
            ("Fri, 01 Mar 2024 19:00:00 XYZT", true),
            ("Fri, 01 Mar 2024 19:00:00 +9900", true),
            ("Fri, 01 Mar 2024 19:00:00", false),
            ("Fri, 01 Mar 2024 10:00:00 +0000", false),
        ] {
            let date = read(text, "Asia/Tokyo", None).unwrap();
            assert_eq!(
                (date.at.get(), date.is_zone_unknown),
                (AT, unknown),
                "{text}"
            );
        }
    }
}
