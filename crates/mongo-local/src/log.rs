//! The reason for a mongod's end, from its log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

const LINES: usize = 10;
/// The most characters shown of a line beside its message.
const CHARS: usize = 300;

/// Returns the last warnings and errors since `start`, because a failing mongod ends its log with a page about shutting
/// down. Without any, returns the last lines.
pub(crate) fn last_lines(log: &Path, start: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(e) = read {
        return format!("(cannot read {}: {e})", log.display());
    }
    let text = String::from_utf8_lossy(&bytes);
    let serious: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(r#""s":"I""#))
        .collect();
    let lines = if serious.is_empty() {
        text.lines().collect()
    } else {
        serious
    };
    let lines = &lines[lines.len().saturating_sub(LINES)..];
    let told: Vec<String> = lines.iter().map(|line| told(line)).collect();
    told.join("\n")
}

/// Formats a line of the log: its message, and the error or else the other fields.
fn told(line: &str) -> String {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let message = line["msg"].as_str().unwrap_or_default();
    let more = match (&line["attr"]["error"], &line["attr"]) {
        (Value::String(error), _) => error.clone(),
        (Value::Null, Value::Null) => return message.to_owned(),
        (Value::Null, attributes) => attributes.to_string(),
        (error, _) => error.to_string(),
    };
    let more: String = more.chars().take(CHARS).collect();
    format!("{message}: {more}")
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_line_is_its_message_and_its_error() {
        let line = r#"{"t":{"$date":"2026-11-27T03:00:00Z"},"s":"E","id":20557,"msg":"terminating","attr":{"error":"DBPathInUse: no lock"}}"#;
        assert_eq!(told(line), "terminating: DBPathInUse: no lock");
        assert_eq!(told(r#"{"msg":"a","attr":{"port":1}}"#), r#"a: {"port":1}"#);
        assert_eq!(told(r#"{"msg":"a"}"#), "a");
        assert_eq!(told("no JSON"), "no JSON");
    }
}
