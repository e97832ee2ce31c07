//! Detects a log with a JSON record on each line that is about to be submitted as one record.

use cybexp_filters::is_feed;
use serde_json::Value;

/// The number of bytes at the beginning of a file that are judged. The first line must end, and the second begin, in them.
pub(super) const HEAD_BYTES: usize = 1 << 20;

/// Returns true if each line is a record of its own: the first two lines that are not blank are JSON objects, or arrays,
/// and the typetag is not one of a feed, which is one record. `whole`: `head` is the whole file; otherwise its last line
/// may be cut off.
pub(super) fn is_lines(head: &[u8], whole: bool, typetag: &str) -> bool {
    if is_feed(typetag) {
        return false;
    }
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
    match second.ends_with(b"\n") || whole {
        true => self::kind(second) == Some(kind),
        false => second.trim_ascii_start().first() == Some(&(kind as u8)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of which the filter `cowrie` makes an event, also if several stand in one submission.
    const LINE: &str = r#"{"eventid": "cowrie.login.failed", "session": "1", "src_ip": "203.0.113.9", "timestamp": "2026-01-01T00:00:00Z", "username": "root", "password": "1234"}"#;

    fn lines(text: &str, typetag: &str) -> bool {
        is_lines(text.as_bytes(), true, typetag)
    }

    #[test]
    fn a_log_is_told_from_a_document() {
        for typetag in ["cowrie", "unr_honeypot", "sighting", "email", "misp_event"] {
            assert!(lines(&format!("{LINE}\n{LINE}\n"), typetag), "{typetag}");
        }
        assert!(lines(&format!("\u{feff}\n{LINE}\r\n\r\n{LINE}"), "cowrie"));
        assert!(lines("[1]\n[2]\n", "zeek"));
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
        assert!(is_lines(text.as_bytes(), false, "cowrie"));
        assert!(!is_lines(text.as_bytes(), true, "cowrie"));
        assert!(!is_lines(&text.as_bytes()[..20], false, "cowrie"));
    }

    #[test]
    fn a_feed_is_one_submission() {
        let record = |id: u32| {
            format!(r#"{{"phish_id": "{id}", "url": "http://{id}.example/", "online": "yes"}}"#)
        };
        let feed = format!("{}\n{}\n", record(1), record(2));
        assert!(!lines(&feed, "phishtank_feed"));
        assert!(lines(&feed, "cowrie"));
    }
}
