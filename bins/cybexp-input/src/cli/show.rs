//! How the daemon and its inputs look to a person.

use comfy_table::{Cell, Color};
use cybexp_term::{self as term, BOLD, DIM, GREEN, RED, YELLOW};
use indicatif::BinaryBytes;

use crate::daemon_status::DaemonStatus;
use crate::status::{InputState, InputStatus, now};

/// All of it.
pub fn status(status: &DaemonStatus) -> String {
    let DaemonStatus {
        pid,
        since,
        config,
        api,
        spool,
        inputs,
    } = status;
    let url = term::line(&api.url);
    let api = match &api.error {
        None => format!("{GREEN}up{GREEN:#} {url}"),
        Some(error) => format!(
            "{RED}away for {}{RED:#} {url}: {}",
            span(now() - api.since),
            term::line(error)
        ),
    };
    format!(
        "{BOLD}cybexp-input{BOLD:#} process {pid}, up {} {DIM}({}){DIM:#}\nAPI   {api}\nspool {} of {}\n{}",
        span(now() - since),
        term::line(config),
        BinaryBytes(spool.used_bytes),
        BinaryBytes(spool.max_bytes),
        table(inputs)
    )
}

type Number = fn(&InputStatus) -> u64;

/// The inputs, a line each, and below what is wrong with them.
pub fn table(inputs: &[InputStatus]) -> String {
    // what is rare has a column only when it happens, so that the table fits 80 characters
    let any = |number: Number| inputs.iter().any(|input| number(input) > 0);
    let rare: [(&str, Number); 3] = [
        ("spooled", |input| input.spooled),
        ("refused", |input| input.refused),
        ("dropped", |input| input.dropped),
    ];
    let rare: Vec<_> = rare
        .into_iter()
        .filter(|(_, number)| any(*number))
        .collect();
    let mut header = vec!["name", "plugin", "state", "last event", "taken", "posted"];
    header.extend(rare.iter().map(|(name, _)| name));
    let mut table = term::table(&header);
    for input in inputs {
        let mut row = vec![
            Cell::new(term::short(&input.name)),
            Cell::new(&input.plugin),
            state(input),
            Cell::new(input.last_event.map(ago).unwrap_or_default()),
            Cell::new(input.taken),
            Cell::new(input.posted),
        ];
        row.extend(rare.iter().map(|(_, number)| Cell::new(number(input))));
        table.add_row(row);
    }
    for column in 4..header.len() {
        term::align_right(&mut table, column);
    }
    let notes = inputs.iter().filter_map(note);
    notes.fold(table.to_string(), |shown, note| shown + "\n" + &note)
}

fn state(input: &InputStatus) -> Cell {
    let (text, color) = match input.state {
        InputState::Running => ("running", Color::Green),
        InputState::Stopped if input.enabled => ("stopped", Color::Yellow),
        InputState::Stopped => ("disabled", Color::DarkGrey),
        InputState::Starting => ("starting", Color::Yellow),
        InputState::Blocked => ("spool full", Color::Red),
        InputState::Failing => ("failing", Color::Red),
        InputState::Unused => ("unused", Color::Red),
        InputState::Gone => ("gone", Color::Yellow),
    };
    Cell::new(format!("{text} {}", span(now() - input.since))).fg(color)
}

/// A paragraph on the present and past errors of an input.
fn note(input: &InputStatus) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(input.unread.as_deref().map(term::line));
    if let Some(refusal) = &input.refusal {
        parts.push(format!(
            "the API takes nothing of it: {}",
            term::line(refusal)
        ));
    }
    let told = input.last_error.as_ref() != input.refusal.as_ref();
    if let (Some(error), Some(at), true) = (&input.last_error, input.last_error_at, told) {
        let errors = match input.errors {
            0 | 1 => String::new(),
            errors => format!("{errors} errors, the last "),
        };
        parts.push(format!("{errors}{}: {}", ago(at), term::line(error)));
    }
    let next = input.next_fetch.filter(|next| *next > now());
    if let (InputState::Failing, Some(next)) = (input.state, next) {
        parts.push(format!("tries again in {}", span(next - now())));
    }
    if input.state == InputState::Gone {
        parts.push(
            "the configuration has it no more: what is left of it is posted, and `cybexp-input drop` forgets it".to_owned(),
        );
    }
    let name = term::short(&input.name);
    let before = name.chars().count() + 2;
    (!parts.is_empty()).then(|| {
        let text = term::wrapped(&parts.join("; "), before, 2);
        format!("{YELLOW}{name}{YELLOW:#}: {text}")
    })
}

fn ago(at: f64) -> String {
    format!("{} ago", span(now() - at))
}

/// A time span in one unit, as people say it.
fn span(seconds: f64) -> String {
    match seconds.max(0.0) {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        seconds => format!("{:.0} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::SharedStatus;

    fn input(name: &str, state: InputState) -> InputStatus {
        let status = SharedStatus::new(name, "phishtank", true);
        status.change(|status| {
            status.state = state;
            status.since = now() - 100_000.0;
            status.last_event = Some(now() - 1000.0);
            (status.taken, status.posted) = (1_234_567, 1_234_567);
        });
        status.get()
    }

    #[test]
    fn a_table_of_inputs_that_are_well_fits_a_terminal() {
        let shown = table(&[
            input("sensors-02", InputState::Running),
            input("a", InputState::Failing),
        ]);
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            !shown.contains("refused") && !shown.contains("spooled"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_wrong_is_below_the_table() {
        let mut failing = input("oslo", InputState::Failing);
        failing.errors = 3;
        failing.last_error = Some("the source is\naway".to_owned());
        failing.last_error_at = Some(now() - 300.0);
        failing.next_fetch = Some(now() + 60.5);
        let mut refused = input("rome", InputState::Running);
        refused.refusal = Some("no (401)".to_owned());
        refused.last_error.clone_from(&refused.refusal);
        refused.last_error_at = Some(now());
        let shown = table(&[failing, refused]);
        // a terminal's width may break it between words
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown = words(&shown);
        let oslo = "3 errors, the last 5 min ago: the source is\\naway; tries again in 60 s";
        assert!(shown.contains(oslo), "{shown}");
        let rome = ": the API takes nothing of it: no (401)";
        assert!(shown.ends_with(rome), "{shown}");
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        for (seconds, text) in [
            (-1.0, "0 s"),
            (119.0, "119 s"),
            (300.0, "5 min"),
            (7_200.0, "2 h"),
            (864_000.0, "10 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
