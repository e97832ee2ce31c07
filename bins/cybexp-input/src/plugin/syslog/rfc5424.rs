//! Messages of RFC 5424, and those that nearly are.
//!
//! Structured data that is not as it should be (Check Point writes `[action:"Accept"; src:"203.0.113.9"; ]`) is left to the
//! message, with all that comes after it, so that nothing of it is lost.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

/// The header that stands before the message.
#[derive(Debug, PartialEq)]
pub(super) struct SyslogHeader<'a> {
    pub(super) priority: u8,
    pub(super) timestamp: Option<DateTime<FixedOffset>>,
    pub(super) hostname: Option<&'a str>,
    pub(super) appname: Option<&'a str>,
    pub(super) procid: Option<&'a str>,
    pub(super) msgid: Option<&'a str>,
    /// Structured data and message.
    pub(super) rest: &'a str,
}

/// `<PRI>` (RFC 5424, 6.2.1), and what follows it.
pub(super) fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = digits.parse().ok().filter(|priority| *priority < 192);
    Some((priority.filter(|_| is_number)?, rest))
}

/// Reads the header: `<PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID`. `None`: the message is of another kind.
pub(super) fn header(text: &str) -> Option<SyslogHeader<'_>> {
    let (priority, rest) = priority(text)?;
    let (version, mut rest) = field(rest)?;
    let is_version = (1..=3).contains(&version.len())
        && !version.starts_with('0')
        && version.bytes().all(|byte| byte.is_ascii_digit());
    if !is_version {
        return None;
    }
    let mut next = || {
        let (field, after) = field(rest)?;
        rest = after;
        Some(field)
    };
    let timestamp = match next()? {
        "-" => None,
        time => Some(DateTime::parse_from_rfc3339(time).ok()?),
    };
    let mut next = || next().map(|field| (field != "-").then_some(field));
    let (hostname, appname) = (next()?, next()?);
    let (procid, msgid) = (next()?, next()?);
    Some(SyslogHeader {
        priority,
        timestamp,
        hostname,
        appname,
        procid,
        msgid,
        rest,
    })
}

/// Splits at the next space: the text before it (all of it if there is no space), and the text after it. `None` where the
/// text before it is empty.
fn field(text: &str) -> Option<(&str, &str)> {
    let (field, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (!field.is_empty()).then(|| (field, rest.trim_start_matches([' ', '\t'])))
}

/// The structured data, as `{id: {name: value}}`, and the message. A name that comes several times has a list of values,
/// as RFC 5424, 6.3.3 allows it.
pub(super) fn structured_data(text: &str) -> (Map<String, Value>, &str) {
    if text == "-" {
        return (Map::new(), "");
    }
    if let Some(message) = text.strip_prefix("- ") {
        return (Map::new(), message);
    }
    let (mut all, mut rest) = (Map::new(), text);
    while let Some((id, params, after)) = element(rest) {
        let element = all.entry(id).or_insert_with(|| Value::Object(Map::new()));
        for (name, value) in params {
            add(element, name, value.into());
        }
        rest = after;
        if !rest.starts_with('[') {
            break;
        }
    }
    (all, rest.strip_prefix(' ').unwrap_or(rest))
}

fn add(element: &mut Value, name: &str, value: Value) {
    let Value::Object(all) = element else {
        return;
    };
    match all.get_mut(name) {
        None => {
            all.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

type Element<'a> = (&'a str, Vec<(&'a str, String)>, &'a str);

/// `[ID NAME="VALUE" …]`, and what follows it.
fn element(text: &str) -> Option<Element<'_>> {
    let (id, mut rest) = name(text.strip_prefix('[')?)?;
    let mut params = Vec::new();
    loop {
        let after = rest.trim_start_matches(' ');
        if let Some(after) = after.strip_prefix(']') {
            return Some((id, params, after));
        }
        if after.len() == rest.len() {
            return None;
        }
        let (name, after) = name(after)?;
        let (value, after) = value(after.strip_prefix("=\"")?)?;
        params.push((name, value));
        rest = after;
    }
}

/// SD-NAME (RFC 5424, 6.3.2), of any length.
fn name(text: &str) -> Option<(&str, &str)> {
    let is_end = |c: char| matches!(c, '=' | ' ' | ']' | '"') || c.is_control();
    let (name, rest) = text.split_at(text.find(is_end)?);
    (!name.is_empty()).then_some((name, rest))
}

/// PARAM-VALUE without its quotes and escapes (RFC 5424, 6.3.3), and what follows it. A bracket that should be escaped and
/// is not is taken for one.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.clone().next() {
                Some((_, escaped @ ('"' | '\\' | ']'))) => {
                    chars.next();
                    value.push(escaped);
                }
                _ => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> (Value, &str) {
        let (all, message) = structured_data(text);
        (all.into(), message)
    }

    #[test]
    fn structured_data_as_it_should_be() {
        assert_eq!(of("-"), (json!({}), ""));
        assert_eq!(of("- text"), (json!({}), "text"));
        assert_eq!(
            of(r#"[a@1 x="1" y="\"\]\\ \n]"][b][a@1 x="2"] [text]"#),
            (
                json!({"a@1": {"x": ["1", "2"], "y": "\"]\\ \\n]"}, "b": {}}),
                "[text]"
            )
        );
        // a space too many is no harm
        assert_eq!(of(r#"[a  x="1" ]text"#), (json!({"a": {"x": "1"}}), "text"));
    }

    #[test]
    fn what_cannot_be_read_stays_in_the_message() {
        for text in [
            r#"[action:"Accept"; src:"203.0.113.9"; ]"#,
            r#"[a@1 b="x"y" src="203.0.113.9"] text"#,
            r#"[a@1 b="x" src=203.0.113.9] text"#,
            r#"[a@1 b="x"src="203.0.113.9"] text"#,
            r#"[a@1 b="x"#,
            r#"[a@1 b='x'] text"#,
            r#"[=x] text"#,
            "[] text",
            "[",
            "text without any",
            "-text",
        ] {
            assert_eq!(of(text), (json!({}), text), "{text}");
        }
        assert_eq!(
            of(r#"[a x="1"][b:"2"] text"#),
            (json!({"a": {"x": "1"}}), r#"[b:"2"] text"#)
        );
    }
}
