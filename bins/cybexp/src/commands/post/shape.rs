//! Detects a log with a JSON record on each line that is about to be submitted as one record.

use cybexp_archive::raw_of;
use cybexp_filters::{FILTERS, RawInput};
use serde_json::Value;
use tahoe_core::{OrgId, SubmissionTags, Timestamp};

/// The number of bytes at the beginning of a file that are judged. The first line must end, and the second begin, in them.
pub(super) const HEAD_BYTES: usize = 1 << 20;

/// Returns true if each line is a record of its own: the first two lines that are not blank are JSON objects, or arrays,
/// and the filter of the typetag does not take both together for one record, as those of feeds do. `whole`: `head` is the
/// whole file; otherwise its last line may be cut off.
pub(super) fn is_lines(head: &[u8], whole: bool, typetag: &str, timezone: &str) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let mut lines = head
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !is_blank(line));
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return false;
    };
    let Some(kind) = kind(first) else {
        return false;
    };
    let ended = second.ends_with(b"\n") || whole;
    let alike = match ended {
        true => self::kind(second) == Some(kind),
        false => second.trim_ascii_start().first() == Some(&(kind as u8)),
    };
    alike && !(ended && takes_both(first, second, typetag, timezone))
}

/// Returns true if there is nothing to submit: no bytes, or white space only.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// Returns the first bracket of a line that is a JSON object or array.
fn kind(line: &[u8]) -> Option<char> {
    match serde_json::from_slice::<Value>(line).ok()? {
        Value::Object(_) => Some('{'),
        Value::Array(_) => Some('['),
        _ => None,
    }
}

/// Returns true if the filter of the typetag makes at least as many events of both lines together as of each alone. For a
/// feed it does; many other filters make one poor event of any text.
fn takes_both(first: &[u8], second: &[u8], typetag: &str, timezone: &str) -> bool {
    let made = |record: &[u8]| events(record, typetag, timezone).unwrap_or_default();
    let both = made(&[first, second].concat());
    both > 0 && both >= made(first) + made(second)
}

/// Returns the number of events that the filter of the typetag makes of a record; `None` if there is no such filter, or it
/// refuses the record.
fn events(record: &[u8], typetag: &str, timezone: &str) -> Option<usize> {
    let tags = SubmissionTags {
        typetag: typetag.to_owned(),
        orgid: "none".to_owned(),
        timezone: timezone.to_owned(),
    };
    let timestamp = 0.0;
    let filter = FILTERS
        .iter()
        .find(|filter| filter.typetags().contains(&typetag))?;
    let raw = raw_of(&tags, timestamp, record.to_owned()).ok()?;
    let input = RawInput {
        data: raw.data(),
        orgid: &OrgId::new(&tags.orgid).ok()?,
        timezone,
        timestamp: Timestamp::new(timestamp).ok()?,
    };
    Some(filter.run(&input).ok()?.events.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        r#"{"eventid": "cowrie.login.failed", "session": "1", "src_ip": "203.0.113.9"}"#;

    fn lines(text: &str, typetag: &str) -> bool {
        is_lines(text.as_bytes(), true, typetag, "UTC")
    }

    #[test]
    fn a_log_is_told_from_a_document() {
        assert!(lines(&format!("{LINE}\n{LINE}\n"), "cowrie"));
        assert!(lines(&format!("\u{feff}\n{LINE}\r\n\r\n{LINE}"), "cowrie"));
        assert!(lines("[1]\n[2]\n", "zeek"));
        // these make something of any text
        assert!(lines(&format!("{LINE}\n{LINE}\n"), "sighting"));
        assert!(lines(&format!("{LINE}\n{LINE}\n"), "email"));
        for document in [
            "",
            "\n\n",
            LINE,
            "{\n  \"a\": 1\n}\n",
            "[\n{\"a\": 1},\n{\"b\": 2}\n]\n",
            "{}\nand text\n",
            "[]\n{}\n",
            "1\n2\n3\n",
            "\"a\"\n\"b\"\n",
            "http://a.example/\nhttp://b.example/\n",
        ] {
            assert!(!lines(document, "zeek"), "{document}");
        }
    }

    #[test]
    fn a_line_that_is_cut_off_is_judged_by_its_beginning() {
        let text = format!("{LINE}\n{}", &LINE[..20]);
        assert!(is_lines(text.as_bytes(), false, "cowrie", "UTC"));
        assert!(!is_lines(text.as_bytes(), true, "cowrie", "UTC"));
        assert!(!is_lines(&text.as_bytes()[..20], false, "cowrie", "UTC"));
    }

    #[test]
    fn a_feed_of_records_is_one_submission() {
        let record = |id: u32| {
            format!(
                r#"{{"phish_id": "{id}", "url": "http://{id}.example/", "submission_time": "2026-01-01T00:00:00+00:00", "verified": "yes", "online": "yes", "target": "Other"}}"#
            )
        };
        let feed = format!("{}\n{}\n", record(1), record(2));
        assert!(!lines(&feed, "phishtank_feed"));
        assert!(lines(&feed, "cowrie"));
    }
}
