//! Times for people: in UTC, which the script turns into the browser's zone.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};

/// Shows a time in Unix seconds.
pub(crate) fn time(seconds: f64) -> Markup {
    match at(seconds) {
        Some(at) => html! {
            time datetime=(at.to_rfc3339_opts(SecondsFormat::Millis, true)) {
                (at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
            }
        },
        None => html! { "at no time that can be written" },
    }
}

/// Shows a time, or a dash if there is none.
pub(crate) fn time_or_dash(seconds: Option<f64>) -> Markup {
    match seconds {
        Some(seconds) => time(seconds),
        None => html! { "–" },
    }
}

fn at(seconds: f64) -> Option<DateTime<Utc>> {
    let millis = (seconds * 1000.0).round();
    (millis.abs() < 1e15).then(|| DateTime::from_timestamp_millis(millis as i64))?
}

/// Writes a length of time, in the two greatest of its units.
pub(crate) fn span(seconds: f64) -> String {
    let whole = seconds.clamp(0.0, 1e12) as u64;
    let (greater, less) = match whole {
        0..10 => return format!("{:.1} s", seconds.max(0.0)),
        10..60 => return format!("{whole} s"),
        60..3600 => ((whole / 60, "min"), (whole % 60, "s")),
        3600..86_400 => ((whole / 3600, "h"), (whole % 3600 / 60, "min")),
        _ => ((whole / 86_400, "d"), (whole % 86_400 / 3600, "h")),
    };
    match less {
        (0, _) => format!("{} {}", greater.0, greater.1),
        (rest, unit) => format!("{} {} {rest} {unit}", greater.0, greater.1),
    }
}

/// Says how long ago something was, in the greatest unit.
pub(crate) fn ago(seconds: f64) -> String {
    let whole = seconds.clamp(0.0, 1e12) as u64;
    match whole {
        0 => "just now".to_owned(),
        1..60 => format!("{whole} s ago"),
        60..3600 => format!("{} min ago", whole / 60),
        3600..86_400 => format!("{} h ago", whole / 3600),
        _ => format!("{} d ago", whole / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        let shown = time(1_700_000_000.5).into_string();
        assert!(
            shown.contains("datetime=\"2023-11-14T22:13:20.500Z\""),
            "{shown}"
        );
        assert!(shown.contains("2023-11-14 22:13:20 UTC"), "{shown}");
        assert!(!time(f64::MAX).into_string().contains("<time"));
        assert_eq!(time_or_dash(None).into_string(), "–");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0.25, "0.2 s"),
            (42.0, "42 s"),
            (125.0, "2 min 5 s"),
            (7260.0, "2 h 1 min"),
            (180_000.0, "2 d 2 h"),
            (604_800.0, "7 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for (seconds, text) in [
            (0.4, "just now"),
            (9.9, "9 s ago"),
            (7260.0, "2 h ago"),
            (180_000.0, "2 d ago"),
        ] {
            assert_eq!(ago(seconds), text);
        }
    }
}
