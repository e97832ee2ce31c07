//! How the daemon and its inputs look to a person.

use comfy_table::{Cell, Color};
use cybexp_term::{self as term, BOLD, DIM, GREEN, RED};
use indicatif::BinaryBytes;

use crate::manager::DaemonStatus;
use crate::status::{InputStatus, State, now};

/// Prints all of it.
pub fn status(status: &DaemonStatus) {
    let DaemonStatus {
        pid,
        since,
        config,
        api,
        spool,
        inputs,
    } = status;
    anstream::println!(
        "{BOLD}cybexp-input{BOLD:#} process {pid}, up {} {DIM}({}){DIM:#}",
        span(now() - since),
        term::line(config)
    );
    let url = term::line(&api.url);
    match &api.error {
        None => anstream::println!("API   {GREEN}up{GREEN:#} {url}"),
        Some(error) => anstream::println!(
            "API   {RED}away for {}{RED:#} {url}: {}",
            span(now() - api.since),
            term::line(error)
        ),
    }
    anstream::println!(
        "spool {} of {}",
        BinaryBytes(spool.used_bytes),
        BinaryBytes(spool.max_bytes)
    );
    anstream::println!("{}", table(inputs));
}

/// The inputs, a line each.
pub fn table(inputs: &[InputStatus]) -> String {
    // what is rare has a column only when it happens
    let refused = inputs.iter().any(|input| input.refused > 0);
    let dropped = inputs.iter().any(|input| input.dropped > 0);
    let mut header = vec![
        "name",
        "plugin",
        "state",
        "since",
        "last fetch",
        "taken",
        "posted",
        "spooled",
    ];
    header.extend(refused.then_some("refused"));
    header.extend(dropped.then_some("dropped"));
    header.push("last error");
    let mut table = term::table(&header);
    for input in inputs {
        let mut row = vec![
            Cell::new(term::short(&input.name)),
            Cell::new(&input.plugin),
            state(input),
            Cell::new(span(now() - input.since)),
            Cell::new(fetch(input)),
            Cell::new(input.taken),
            Cell::new(input.posted),
            Cell::new(input.spooled),
        ];
        row.extend(refused.then(|| Cell::new(input.refused)));
        row.extend(dropped.then(|| Cell::new(input.dropped)));
        row.push(Cell::new(error(input)));
        table.add_row(row);
    }
    for column in 5..header.len() - 1 {
        term::align_right(&mut table, column);
    }
    table.to_string()
}

fn state(input: &InputStatus) -> Cell {
    let (text, color) = match input.state {
        State::Running => ("running", Color::Green),
        State::Stopped if input.enabled => ("stopped", Color::Yellow),
        State::Stopped => ("disabled", Color::DarkGrey),
        State::Starting => ("starting", Color::Yellow),
        State::Blocked => ("blocked: spool full", Color::Red),
        State::Failing => ("failing", Color::Red),
    };
    Cell::new(text).fg(color)
}

fn fetch(input: &InputStatus) -> String {
    let last = input
        .last_fetch
        .map(|at| format!("{} ago", span(now() - at)));
    let next = input
        .next_fetch
        .filter(|next| *next > now())
        .map(|next| format!("next in {}", span(next - now())));
    match (last, next) {
        (Some(last), Some(next)) => format!("{last}, {next}"),
        (last, next) => last.or(next).unwrap_or_default(),
    }
}

fn error(input: &InputStatus) -> String {
    let (Some(error), Some(at)) = (&input.last_error, input.last_error_at) else {
        return String::new();
    };
    format!("{} ago: {}", span(now() - at), term::line(error))
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
