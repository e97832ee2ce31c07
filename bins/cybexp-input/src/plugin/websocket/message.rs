//! The records in a message.

use bytes::Bytes;
use serde::de::IgnoredAny;

use cybexp_feed::{self as feed, ListPlan};

/// The records of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadMessage {
    pub(super) records: Vec<Bytes>,
    /// Why something in it is left out.
    pub(super) left: Option<String>,
}

/// The records of a message: the elements of its list, where it is said where that is; else each line where all of them are JSON
/// objects, as Logstash's `json_lines` writes them; else the message as it is.
pub(super) fn read(message: Bytes, is_text: bool, items: Option<&ListPlan>) -> ReadMessage {
    let none = |left| ReadMessage {
        records: Vec::new(),
        left,
    };
    if message.trim_ascii().is_empty() {
        return none(None);
    }
    if is_text && std::str::from_utf8(&message).is_err() {
        return none(Some("a text that is not UTF-8".to_owned()));
    }
    if let Some(plan) = items {
        return match feed::split(&message, plan) {
            Ok((elements, left)) => ReadMessage {
                records: elements
                    .into_iter()
                    .map(|element| feed::text(element).into())
                    .collect(),
                left,
            },
            Err(error) => none(Some(format!(
                "a message without a list of records: {error:#}"
            ))),
        };
    }
    let records = lines(&message).unwrap_or_else(|| vec![message]);
    ReadMessage {
        records,
        left: None,
    }
}

/// The lines, where there are several and each is a JSON object.
fn lines(message: &Bytes) -> Option<Vec<Bytes>> {
    let lines = message.split(|&byte| byte == b'\n');
    let lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let mut all = Vec::new();
    for line in lines {
        let object = line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok();
        if !object {
            return None;
        }
        all.push(message.slice_ref(line));
    }
    (all.len() > 1).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(message: &'static str, items: Option<&str>) -> Vec<String> {
        let plan = items.map(|items| ListPlan::list(items).lenient(None));
        let read = read(Bytes::from_static(message.as_bytes()), true, plan.as_ref());
        assert_eq!(read.left, None, "{message}");
        let text = |record: &Bytes| String::from_utf8_lossy(record).into_owned();
        read.records.iter().map(text).collect()
    }

    #[test]
    fn one_or_several() {
        for (message, expected) in [
            ("{\"a\":1}\n", &["{\"a\":1}\n"][..]),
            ("{\"a\":1}\n{\"a\": 2}\r\n\n", &["{\"a\":1}", "{\"a\": 2}"]),
            ("{\"a\":\n1}", &["{\"a\":\n1}"]),
            ("{\"a\":1}\nand text", &["{\"a\":1}\nand text"]),
            ("[1]\n[2]", &["[1]\n[2]"]),
            ("two\nlines", &["two\nlines"]),
            (" \n", &[]),
        ] {
            assert_eq!(records(message, None), expected);
        }
        let list = r#"[{"a":1}, {"a":2}]"#;
        assert_eq!(records(list, None), [list]);
        assert_eq!(records(list, Some(".")), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(records(r#"{"d":{"l":[1,2]}}"#, Some("d.l")), ["1", "2"]);
        assert_eq!(
            records(r#"{"type":"ack"}"#, Some("d")),
            Vec::<String>::new()
        );
        assert_eq!(
            records("{\"a\":1}\n{\"a\":2}", Some(".")),
            [r#"{"a":1}"#, r#"{"a":2}"#]
        );
    }

    #[test]
    fn what_is_left_out() {
        let left = |message: &'static [u8], is_text, items: Option<&str>| {
            let plan = items.map(|items| ListPlan::list(items).lenient(None));
            let read = read(Bytes::from_static(message), is_text, plan.as_ref());
            (read.records.len(), read.left.is_some())
        };
        assert_eq!(left(b"a\xff", true, None), (0, true));
        assert_eq!(left(b"a\xff", false, None), (1, false));
        assert_eq!(left(b"ping", true, Some(".")), (0, true));
        assert_eq!(left(b"[1,01]", true, Some(".")), (1, true));
    }
}
