//! Makes log lines safe: nothing that an attacker wrote begins a line of its own, acts on a terminal, or fills the disk.
//!
//! Every value of every log line passes through here, whoever logs it.

use std::fmt::{self, Write};
use std::io;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// The most characters of one value.
const VALUE_CHARS: usize = 512;
/// The most bytes of a line of JSON whose values are not looked at.
const LINE_BYTES: usize = 2048;
/// Stands for the rest of a value that was cut.
const CUT: &str = "… (cut)";

/// Writes a value as it may stand in a log: control characters and those that change the order of a line are escaped, and
/// what is too long is cut.
struct Clean<'a, W> {
    to: &'a mut W,
    left: usize,
}

impl<'a, W: Write> Clean<'a, W> {
    fn new(to: &'a mut W) -> Self {
        Self {
            to,
            left: VALUE_CHARS,
        }
    }
}

impl<W: Write> Write for Clean<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match self.left {
                0 => return Ok(()),
                1 => self.to.write_str(CUT)?,
                _ if acts(char) => write!(self.to, "{}", char.escape_default())?,
                _ => self.to.write_char(char)?,
            }
            self.left -= 1;
        }
        Ok(())
    }
}

/// Whether a character does something in place of being shown.
fn acts(char: char) -> bool {
    let turns = '\u{202a}'..='\u{202e}';
    let isolates = '\u{2066}'..='\u{2069}';
    char.is_control()
        || turns.contains(&char)
        || isolates.contains(&char)
        || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}".contains(char)
}

/// Writes the fields of a line of text: the message first, and the others as `name=value`.
pub(crate) struct CleanFields;

impl<'writer> FormatFields<'writer> for CleanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            result: Ok(()),
        };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.write_char(' ')?;
        }
        let name = field.name();
        if name != "message" {
            match self.writer.has_ansi_escapes() {
                true => write!(self.writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m")?,
                false => write!(self.writer, "{name}=")?,
            }
        }
        Clean::new(&mut self.writer).write_fmt(value)
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.put(field, format_args!("{value:?}"));
        }
    }
}

/// Writes lines of JSON, with long values cut. JSON itself escapes what would begin a line.
pub(crate) struct CleanJson<W>(pub(crate) W);

impl<W: io::Write> io::Write for CleanJson<W> {
    /// Takes a whole line at once, as the subscriber gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match cut_json(line) {
            Some(cut) => self.0.write_all(cut.as_bytes())?,
            None => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn cut_json(line: &[u8]) -> Option<String> {
    if line.len() <= LINE_BYTES {
        return None;
    }
    let mut value: Value = serde_json::from_slice(line).ok()?;
    cut(&mut value);
    Some(format!("{value}\n"))
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(VALUE_CHARS) {
                text.truncate(at);
                text.push_str(CUT);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(cut),
        Value::Object(map) => map.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Buffer {
        type Writer = CleanJson<Self>;

        fn make_writer(&'a self) -> CleanJson<Self> {
            CleanJson(self.clone())
        }
    }

    fn logged(json: bool) -> String {
        let buffer = Buffer::default();
        let lines = fmt().with_writer(buffer.clone()).with_ansi(false);
        let log = || {
            let file = "a.json\n2026-11-27T06:00:00Z INFO a false line\u{1b}[2J\u{202e}";
            let error = io::Error::other(file);
            tracing::info!(%file, debug = ?file, text = file, error = %error, n = 7, "read {file}");
            tracing::error!(email = "x".repeat(1 << 20), "long");
        };
        match json {
            true => {
                tracing::subscriber::with_default(lines.json().flatten_event(true).finish(), log)
            }
            false => tracing::subscriber::with_default(lines.fmt_fields(CleanFields).finish(), log),
        }
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_stays_one_line_and_short() {
        let text = logged(false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains(r"read a.json\n2026"), "{text}");
        assert!(lines[0].contains(r"file=a.json\n2026"), "{text}");
        assert!(
            lines[0].contains(r"\u{1b}[2J\u{202e}") && lines[0].contains(" n=7"),
            "{text}"
        );
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(
            lines[1].len() < 1024 && lines[1].ends_with(CUT),
            "{}",
            lines[1].len()
        );
    }

    #[test]
    fn a_line_of_json_stays_one_line_and_short() {
        let text = logged(true);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["n"], 7);
        let email = lines[1]["email"].as_str().unwrap();
        assert_eq!(email.chars().count(), VALUE_CHARS + CUT.chars().count());
        assert_eq!(lines[1]["level"], "ERROR");
    }

    #[test]
    fn what_is_no_json_is_written_as_it_is() {
        let mut written = CleanJson(Vec::new());
        let line = "x".repeat(LINE_BYTES + 1);
        written.write_all(line.as_bytes()).unwrap();
        assert_eq!(written.0, line.as_bytes());
    }
}
