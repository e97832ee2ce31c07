//! Submissions of JSON that the archive could not read as one value.

use std::borrow::Cow;

use tahoe_core::{Value, json};

use crate::{RawInput, Refusal};

/// Returns the submission's JSON. Text that the archive could not read as one value is read as a record a line.
pub(super) fn data<'a>(raw: &RawInput<'a>) -> Result<Cow<'a, Value>, Refusal> {
    let Some(text) = raw.data.get("data").and_then(Value::as_str) else {
        return Ok(Cow::Borrowed(raw.data));
    };
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return Ok(Cow::Borrowed(raw.data));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().map(json::parse);
    match first {
        Some(Ok(first)) => {
            let others = lines.map(|line| json::parse(line).unwrap_or(Value::Null));
            Ok(Cow::Owned(std::iter::once(first).chain(others).collect()))
        }
        _ => match json::parse(text) {
            Ok(value) => Ok(Cow::Owned(value)),
            Err(error) => Err(Refusal::new(format!("data: {error}"))),
        },
    }
}
