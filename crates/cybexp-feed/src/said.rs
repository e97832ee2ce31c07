//! Finds the reason that a server gives for an error, and makes it fit to be shown.

use serde_json::{Map, Value};

use crate::secrets::Secrets;

/// The most characters that are told of it.
const SHOWN: usize = 200;
/// The most messages of one answer that are told.
const PARTS: usize = 3;
/// How deep messages are looked for: `{"error": {"errors": [{"message": …}]}}`.
const DEPTH: u32 = 8;

/// Keys that only stand in an answer when something is wrong.
const ERRORS: &[&str] = &[
    "errors",
    "error",
    "error_code",
    "errorcode",
    "errormessage",
    "error_message",
    "errormsg",
    "fault",
    "faultstring",
    "exception",
];
/// Keys of texts, the best one first.
const TEXTS: &[&str] = &[
    "message",
    "error_description",
    "errormessage",
    "error_message",
    "errormsg",
    "detail",
    "details",
    "description",
    "reason",
    "title",
    "msg",
    "faultstring",
];
/// Those among them that stand in an answer for something special.
const NEWS: &[&str] = &["message", "error_description", "detail", "reason", "msg"];
/// Keys that say something where nothing else does.
const LAST: &[&str] = &["query_status", "name", "status", "code"];
/// Words with which a server says that it has nothing now.
const NOTHING: &[&str] = &[
    "no result",
    "no data",
    "no record",
    "no match",
    "no new",
    "no item",
    "no entr",
    "no event",
    "no_result",
    "not found",
    "nothing",
    "empty",
    "not yield",
    "0 result",
    "success",
];

/// The reason that a body gives, in one short line; `None` where it gives none.
pub fn reason(body: &[u8], secrets: &Secrets) -> Option<String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let reason = match serde_json::from_str::<Value>(text) {
        Ok(value) => of_json(&value)?,
        Err(_) if text.starts_with('<') => markup(text),
        Err(_) => text.lines().next().unwrap_or_default().to_owned(),
    };
    let reason = cleaned(&secrets.hide(&reason));
    (!reason.is_empty()).then_some(reason)
}

/// Appends the reason, if there is one.
pub fn because(what: String, reason: Option<String>) -> String {
    match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}

/// Whether a key may hold a reason.
pub(crate) fn may_tell(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let key = key.as_str();
    ERRORS.contains(&key) || TEXTS.contains(&key) || LAST.contains(&key) || is_flag(key)
}

fn is_flag(key: &str) -> bool {
    matches!(key, "success" | "ok")
}

/// Whether an object that should hold something else tells of an error. `strictly`: by keys and values that say so, for a
/// record may have a message, too.
pub(crate) fn is_error(object: &Map<String, Value>, strictly: bool) -> bool {
    let get = |wanted: &str| value_of(object, wanted);
    // as abuse.ch says it
    if let Some(Value::String(status)) = get("query_status") {
        let status = status.to_ascii_lowercase();
        return status != "ok" && !says_nothing(&status);
    }
    let wrong = ERRORS.iter().any(|key| get(key).is_some_and(says));
    let failed = |key| get(key) == Some(&Value::Bool(false));
    let status = ["status", "code"].iter().any(|key| match get(key) {
        Some(Value::String(status)) => ["error", "fail", "failed", "failure"]
            .iter()
            .any(|word| status.eq_ignore_ascii_case(word)),
        Some(status) => status
            .as_u64()
            .is_some_and(|status| (400..600).contains(&status)),
        None => false,
    });
    if wrong || failed("success") || failed("ok") || status {
        return true;
    }
    let text = NEWS.iter().find_map(|key| get(key)?.as_str());
    !strictly && text.is_some_and(|text| !text.trim().is_empty() && !says_nothing(text))
}

fn says_nothing(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text == "ok" || NOTHING.iter().any(|words| text.contains(words))
}

fn value_of<'a>(object: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    let found = object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value)
}

/// Whether a value is more than a way to say that there is none.
fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// The reason in a JSON document.
pub(crate) fn of_json(value: &Value) -> Option<String> {
    of_json_to(value, DEPTH)
}

fn of_json_to(value: &Value, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(object) => {
            let first = |keys: &[&str]| {
                let mut values = keys.iter().filter_map(|key| value_of(object, key));
                values
                    .find(|value| says(value))
                    .map(|value| of_json_to(value, depth).unwrap_or_else(|| value.to_string()))
            };
            let (error, text) = (first(ERRORS), first(TEXTS));
            match (error, text) {
                (Some(error), Some(text)) if error.contains(&text) => Some(error),
                (Some(error), Some(text)) if text.contains(&error) => Some(text),
                (Some(error), Some(text)) => Some(format!("{error}: {text}")),
                (Some(one), None) | (None, Some(one)) => Some(one),
                (None, None) => first(LAST),
            }
        }
        Value::Array(values) => {
            let texts = values.iter().filter_map(|value| of_json_to(value, depth));
            let texts: Vec<String> = texts.take(PARTS).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) => None,
    }
}

/// The text of HTML or XML: its title, else what is left without tags, scripts and styles.
pub(crate) fn markup(text: &str) -> String {
    // positions of one are positions of the other: only ASCII letters change
    let lower = text.to_ascii_lowercase();
    if let Some(open) = lower.find("<title") {
        let start = text[open..].find('>').map(|end| open + end + 1);
        let end = lower[open..].find("</title").map(|end| open + end);
        if let (Some(start), Some(end)) = (start, end)
            && let Some(title) = text
                .get(start..end)
                .filter(|title| !title.trim().is_empty())
        {
            return entities(title);
        }
    }
    let mut shown = String::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('<') {
        shown.push_str(&text[at..at + open]);
        shown.push(' ');
        let tag = at + open;
        let silent = ["<script", "<style", "<!--"]
            .iter()
            .zip(["</script", "</style", "-->"]);
        let mut silent = silent.filter(|(begin, _)| lower[tag..].starts_with(**begin));
        let from = match silent.next() {
            Some((_, end)) => lower[tag..].find(end).map_or(text.len(), |end| tag + end),
            None => tag,
        };
        at = text[from..]
            .find('>')
            .map_or(text.len(), |end| from + end + 1);
        if shown.len() > 4 * SHOWN {
            break;
        }
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    entities(&shown)
}

/// The text of an answer that is a page for people: a login, a captcha, an error. `None` where it is none. What is declared as
/// HTML but does not begin like it is believed to be what it looks like: for many servers that is the default.
pub fn html(body: &[u8], kind: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 << 10)]);
    let mut rest = text.trim_start();
    // what may stand before the first element
    while let Some((open, close)) = [("<!--", "-->"), ("<?", "?>")]
        .into_iter()
        .find(|(open, _)| rest.starts_with(open))
    {
        let Some(end) = rest.find(close).filter(|&end| end >= open.len()) else {
            break;
        };
        rest = rest[end + close.len()..].trim_start();
    }
    let begins = |word: &str| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let kind = kind.trim().to_ascii_lowercase();
    let declared = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    let page = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<script",
        "<meta",
    ];
    let page = page.into_iter().any(begins) || (declared && begins("<"));
    page.then(|| cleaned(&markup(&text)))
}

fn entities(text: &str) -> String {
    let known = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    known.iter().fold(text.to_owned(), |text, (name, means)| {
        text.replace(name, means)
    })
}

/// Makes text of a source fit for a log: one short line without control characters.
pub fn cleaned(text: &str) -> String {
    let text: String = text.chars().take(4 * SHOWN).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let shown: String = words.join(" ").chars().take(SHOWN).collect();
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(body: &str, expected: &str) {
        let reason = reason(body.as_bytes(), &Secrets::default());
        assert_eq!(reason.as_deref().unwrap_or_default(), expected, "{body}");
    }

    #[test]
    fn the_reasons_of_many_apis() {
        for (body, expected) in [
            (
                r#"{"error":"parameter since is missing"}"#,
                "parameter since is missing",
            ),
            (
                r#"{"message":"API key expired on 2026-01-01"}"#,
                "API key expired on 2026-01-01",
            ),
            (
                "Access denied: bad user agent\nmore",
                "Access denied: bad user agent",
            ),
            (r#"{"query_status":"unknown_auth_key"}"#, "unknown_auth_key"),
            (r#"{"detail": "Invalid token."}"#, "Invalid token."),
            (
                r#"{"error": "invalid_token", "error_description": "it is over"}"#,
                "invalid_token: it is over",
            ),
            (
                r#"{"timestamp": 1, "status": 401, "error": "Unauthorized", "message": "wrong key", "path": "/x"}"#,
                "Unauthorized: wrong key",
            ),
            (
                r#"{"error": {"code": 403, "message": "quota", "errors": [{"reason": "limit"}]}}"#,
                "limit: quota",
            ),
            (r#"{"errors": [{"title": "a"}, {"detail": "b"}]}"#, "a, b"),
            (
                r#"{"errors": {"page": ["is wrong"]}}"#,
                r#"{"page":["is wrong"]}"#,
            ),
            (
                r#"{"name": "Invalid", "message": "Invalid org filter", "errors": "Invalid org filter"}"#,
                "Invalid org filter",
            ),
            (
                r#"{"name": "An Internal Error Has Occurred.", "url": "/"}"#,
                "An Internal Error Has Occurred.",
            ),
            (r#""just text""#, "just text"),
            (
                "<html><head><title>403 Forbidden</title></head><body>x",
                "403 Forbidden",
            ),
            (
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
                "AccessDenied Request has expired",
            ),
            (
                "<html><script>var a = '<b>';</script><!-- x --><p>Log&nbsp;in &amp; go</p>",
                "Log in & go",
            ),
            ("a\u{1b}[31mb\r\nc", "a [31mb"),
            ("", ""),
            ("{}", ""),
            ("[]", ""),
            (r#"{"data": 1}"#, ""),
        ] {
            says(body, expected);
        }
        says(&"x".repeat(5000), &"x".repeat(200));
        says(
            &format!("{{\"error\": \"{}\"}}", "ä".repeat(5000)),
            &"ä".repeat(200),
        );
        says(&"<".repeat(5000), "");
    }

    #[test]
    fn pages_for_people() {
        let page = |body: &str, kind| html(body.as_bytes(), kind);
        for (body, kind) in [
            ("<html><body>Login</body></html>", "text/html"),
            ("<html><body>Login</body></html>", "text/plain"),
            (" <!-- x --> <!DOCTYPE HTML><title>Login</title>", ""),
            (
                "<?xml version='1.0'?><html xmlns='x'><title>Login</title>",
                "application/xml",
            ),
            ("<br />Login", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page(body, kind).as_deref(), Some("Login"), "{body}");
        }
        for (body, kind) in [
            ("http://a/", "text/html"),
            ("{}", "text/html"),
            ("<rss><title>x</title></rss>", "application/xml"),
            ("<?xml version='1.0'?><feed/>", "text/xml"),
            ("<!-- never ends", "text/plain"),
            ("<-- ", "text/plain"),
            ("", "text/html"),
        ] {
            assert_eq!(page(body, kind), None, "{body}");
        }
    }

    #[test]
    fn an_answer_that_is_an_error_and_one_that_has_nothing() {
        let is = |text: &str, strictly| is_error(&serde_json::from_str(text).unwrap(), strictly);
        for error in [
            r#"{"query_status": "unknown_auth_key"}"#,
            r#"{"error": "x"}"#,
            r#"{"errors": [1]}"#,
            r#"{"success": false}"#,
            r#"{"status": "error", "message": "x"}"#,
            r#"{"status": 403}"#,
        ] {
            assert!(is(error, true) && is(error, false), "{error}");
        }
        assert!(is(r#"{"message": "Limit exceeded"}"#, false));
        assert!(!is(r#"{"message": "Limit exceeded"}"#, true));
        for well in [
            "{}",
            r#"{"query_status": "no_results"}"#,
            r#"{"query_status": "ok", "error": "x"}"#,
            r#"{"error": null, "errors": [], "fault": ""}"#,
            r#"{"message": "No results found."}"#,
            r#"{"success": true, "status": 200}"#,
            r#"{"count": 0}"#,
            r#"{"title": "A feed", "description": "of things"}"#,
        ] {
            assert!(!is(well, false), "{well}");
        }
    }
}
