//! Finds the reason that a server gives for an error, and makes it fit to be shown.

use serde_json::{Map, Value};

use crate::markup::{cleaned, markup};
use crate::secrets::Secrets;

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

#[cfg(test)]
mod tests;
