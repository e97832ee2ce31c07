//! The kind of data that a file holds, and what its filter would make of it. No input, no output.

use std::collections::BTreeMap;

use cybexp_filters::{FILTERS, RawInput, is_feed, vocabulary};
use serde_json::Value;
use tahoe_core::submission::data_of;
use tahoe_core::{Event, Node, OrgId, Timestamp};

use crate::subject::Subject;

/// The most bytes of a file that are looked at to tell its kind.
const HEAD_BYTES: usize = 64 << 10;
/// The most bytes of which a filter is tried.
const TRIED_BYTES: usize = 4 << 20;
/// The most lines of which a filter is tried.
const TRIED_LINES: usize = 500;
/// The most values that are named of what was made.
const NAMED: usize = 8;
/// The sub_types that are worth looking for first.
const WORTH: [&str; 8] = [
    "url",
    "sha256",
    "hostname",
    "ipv4",
    "ipv6",
    "email_addr",
    "shell_command",
    "domain",
];

/// The instances that a filter would make.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Preview {
    /// The records that were tried.
    pub(crate) records: u64,
    /// True if there are more records.
    pub(crate) partly: bool,
    /// The events, by sub_type.
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) sessions: u64,
    /// The records that the filter refuses, with the first reason.
    pub(crate) refused: Option<(u64, String)>,
    /// Some of the values that events hold.
    pub(crate) finds: Vec<Subject>,
    /// True if no filter reads the typetag.
    pub(crate) unread: bool,
}

/// Returns the typetag that a file seems to be of, if it can be told.
pub(crate) fn typetag(name: &str, bytes: &[u8]) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let head = String::from_utf8_lossy(head);
    let text = head.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with(['{', '[']) {
        return of_json(text);
    }
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("phish_id,url,") {
        return Some("phishtank_feed");
    }
    if is_mail(text) || name.to_lowercase().ends_with(".eml") {
        return Some("email");
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let all_urls = lines
        .by_ref()
        .take(20)
        .all(|line| vocabulary::guess(line).as_str() == "url");
    (all_urls && !text.is_empty()).then_some("openphish_feed")
}

fn of_json(text: &str) -> Option<&'static str> {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    match () {
        () if has("eventid") && text.contains("cowrie.") => Some("cowrie"),
        () if has("spec_version") || text.contains("\"bundle--") => Some("stix2"),
        () if has("Event") || has("Attribute") && has("uuid") => Some("misp_event"),
        () if has("phish_id") => Some("phishtank_feed"),
        () if text.starts_with('{') => Some("sighting"),
        () => None,
    }
}

/// Returns true if the text begins as a mail does, with fields of which at least two are well known.
fn is_mail(text: &str) -> bool {
    const KNOWN: [&str; 9] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
    ];
    let fields = text.lines().take(200).take_while(|line| !line.is_empty());
    let known = fields.filter(|line| {
        let name = line.split_once(':').map(|(name, _)| name.to_lowercase());
        name.is_some_and(|name| KNOWN.contains(&name.as_str()))
    });
    known.take(2).count() == 2
}

/// Returns true if each line is a record of its own: the first two are JSON objects or arrays, and the typetag is not one
/// of a feed, whose filter reads all lines as one record.
pub(crate) fn is_lines(bytes: &[u8], typetag: &str) -> bool {
    let mut lines = records(bytes, true);
    let is_json = |line: Option<&[u8]>| {
        let value = line.and_then(|line| serde_json::from_slice::<Value>(line).ok());
        value.is_some_and(|value| value.is_object() || value.is_array())
    };
    let both = is_json(lines.next()) && is_json(lines.next());
    both && !is_feed(typetag)
}

/// Returns the records of a file: its lines that are not blank, or the whole of it.
pub(crate) fn records(bytes: &[u8], by_lines: bool) -> impl Iterator<Item = &[u8]> {
    let bytes = match by_lines {
        true => bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes),
        false => bytes,
    };
    bytes
        .split(move |byte| by_lines && *byte == b'\n')
        .map(move |line| if by_lines { line.trim_ascii() } else { line })
        .filter(|line| !line.trim_ascii().is_empty())
}

/// Tries the typetag's filter on the first records.
pub(crate) fn preview(bytes: &[u8], typetag: &str, by_lines: bool, timezone: &str) -> Preview {
    let mut preview = Preview::default();
    let read = |filter: &&&dyn cybexp_filters::Filter| filter.typetags().contains(&typetag);
    let Some(filter) = FILTERS.iter().find(read) else {
        preview.unread = true;
        return preview;
    };
    // neither changes what is made, but for the hashes, which nobody sees
    let (Ok(orgid), Ok(timestamp)) = (OrgId::new("preview"), Timestamp::new(0.0)) else {
        return preview;
    };
    let mut tried = 0;
    let mut found = Vec::new();
    for (n, record) in records(bytes, by_lines).enumerate() {
        tried += record.len();
        if n >= TRIED_LINES || tried > TRIED_BYTES {
            preview.partly = true;
            break;
        }
        preview.records += 1;
        let data = data_of(record.to_vec(), filter.dispensable());
        let made = data.map_err(|error| error.to_string()).and_then(|data| {
            let input = RawInput {
                data: &data.value,
                orgid: &orgid,
                timezone,
                timestamp,
            };
            filter.run(&input).map_err(|refusal| refusal.to_string())
        });
        match made {
            Ok(made) => {
                preview.sessions += made.sessions.len() as u64;
                for event in &made.events {
                    let name = event.sub_type().as_str().to_owned();
                    *preview.events.entry(name).or_default() += 1;
                    collect(event, &mut found);
                }
            }
            Err(reason) => match &mut preview.refused {
                Some((records, _)) => *records += 1,
                none => *none = Some((1, reason)),
            },
        }
    }
    found.sort();
    found.dedup();
    let subjects = found.into_iter().map(|(_, sub_type, data)| Subject::Value {
        sub_type: sub_type.to_owned(),
        data,
    });
    preview.finds = subjects.take(NAMED).collect();
    preview
}

/// Adds the values of an event that are worth looking for.
fn collect(event: &Event, found: &mut Vec<(usize, &'static str, String)>) {
    let mut nodes: Vec<&Node> = event.children().iter().collect();
    while let Some(node) = nodes.pop() {
        match node {
            Node::Object(object) => nodes.extend(object.children().iter()),
            Node::Attribute(one) if found.len() < 1000 => {
                let place = WORTH
                    .iter()
                    .position(|name| *name == one.sub_type().as_str());
                let text = one.data().as_str().filter(|text| text.len() < 200);
                if let Some((place, text)) = place.zip(text) {
                    found.push((place, WORTH[place], text.to_owned()));
                }
            }
            Node::Attribute(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COWRIE: &str = r#"{"eventid":"cowrie.login.failed","session":"8d0c","src_ip":"203.0.113.9","username":"root","password":"a","timestamp":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn kinds_are_told_by_what_is_in_them() {
        for (name, text, expected) in [
            ("a.json", COWRIE, Some("cowrie")),
            (
                "a.json",
                "{\"Event\": {\"info\": \"x\"}}",
                Some("misp_event"),
            ),
            ("a", "[{\"phish_id\": 1}]", Some("phishtank_feed")),
            (
                "a",
                "phish_id,url,phish_detail_url\n",
                Some("phishtank_feed"),
            ),
            ("a", "{\"ipv4\": \"203.0.113.9\"}", Some("sighting")),
            (
                "a",
                "Received: by x\nFrom: a@b.example\n\nhello",
                Some("email"),
            ),
            ("mail.EML", "hello", Some("email")),
            (
                "a",
                "http://a.example/\nhttps://b.example/x\n",
                Some("openphish_feed"),
            ),
            ("a", "hello: world\n", None),
            ("a", "", None),
            ("a", "\u{0}\u{1}", None),
        ] {
            assert_eq!(typetag(name, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn lines_are_records_of_their_own() {
        let log = format!("{COWRIE}\r\n\n{COWRIE}\n");
        assert!(is_lines(log.as_bytes(), "cowrie"));
        assert!(!is_lines(log.as_bytes(), "openphish_feed"));
        assert!(!is_lines(COWRIE.as_bytes(), "cowrie"));
        assert_eq!(records(log.as_bytes(), true).count(), 2);
        assert_eq!(records(log.as_bytes(), false).count(), 1);
        assert_eq!(records(b" \n", true).count(), 0);
    }

    #[test]
    fn a_preview_says_what_would_be_made() {
        let log = format!("{COWRIE}\n{{\"eventid\": 1}}\n");
        let made = preview(log.as_bytes(), "cowrie", true, "UTC");
        assert_eq!((made.records, made.sessions), (2, 1));
        assert_eq!(made.events, BTreeMap::from([("ssh".to_owned(), 1)]));
        assert_eq!(made.refused.as_ref().map(|(records, _)| *records), Some(1));
        assert_eq!(made.finds, [Subject::guess("203.0.113.9")]);
        assert!(preview(b"x", "zeek", false, "UTC").unread);
        let many = format!("{COWRIE}\n").repeat(TRIED_LINES + 1);
        assert!(preview(many.as_bytes(), "cowrie", true, "UTC").partly);
    }
}
