//! Stories of sessions for people: a line for each step.

use cybexp_term::{self as term, BOLD, CYAN, DIM, YELLOW};
use serde_json::Value;

use super::show::when;

/// The shortest silence between two steps that is shown, in seconds.
const SILENCE_S: f64 = 30.0;
/// The most other sessions that are shown.
const OTHERS: usize = 10;

pub(super) fn session(report: &Value) {
    let data = &report["data"];
    let session = &data["session"];
    let kind = term::value(&session["sub_type"]);
    anstream::println!("{BOLD}{kind}{BOLD:#} {CYAN}{}{CYAN:#}", known_by(session));
    let lasted = match session["duration"].as_f64() {
        Some(seconds) => format!(", lasted {seconds} s"),
        None => String::new(),
    };
    let (begun, events) = (when(&report["first_seen"]), &report["total"]);
    anstream::println!("{DIM}{events} events from {begun}{lasted}{DIM:#}");
    for step in data["steps"].as_array().into_iter().flatten() {
        if let Some(gap) = step["gap"].as_f64().filter(|gap| *gap >= SILENCE_S) {
            anstream::println!("{DIM}           {gap:.0} s of silence{DIM:#}");
        }
        let after = step["after"].as_f64().unwrap_or_default();
        let [said, value, rest] = sentence(step);
        let times = match &step["times"] {
            Value::Number(times) if times.as_u64() > Some(1) => format!(" ({times} times)"),
            _ => String::new(),
        };
        anstream::println!(
            "{DIM}{:>10}{DIM:#}{said}{CYAN}{value}{CYAN:#}{rest}{times}",
            format!("+{after:.1}")
        );
    }
    let others = data["others"].as_array().map(Vec::as_slice);
    let others = others.unwrap_or_default();
    if !others.is_empty() {
        let mut table = term::table(&["other sessions", "began", "hash"]);
        for other in others.iter().take(OTHERS) {
            table.add_row([
                known_by(other),
                when(&other["start_time"]),
                term::value(&other["_hash"]),
            ]);
        }
        anstream::println!("{table}");
        if others.len() > OTHERS {
            anstream::println!("{DIM}and {} more{DIM:#}", others.len() - OTHERS);
        }
    }
    if report["cut"] == true {
        anstream::println!(
            "{YELLOW}there is more than a report holds: long data, late events or other sessions are left out{YELLOW:#}"
        );
    }
    let (page, next) = (&report["current_page"], &report["next_page"]);
    if report["more"] == true {
        anstream::println!("{DIM}page {page}; --page {next} tells on{DIM:#}");
    }
}

/// Returns the parts of a step's sentence, each with a space before it.
fn sentence(step: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().map(term::line).unwrap_or_default();
    let value = match &step["value"]["data"] {
        Value::Null => String::new(),
        Value::String(text) => term::line(text),
        other => term::value(other),
    };
    [text(&step["said"]), value, text(&step["rest"])].map(|part| match part.is_empty() {
        true => part,
        false => format!(" {part}"),
    })
}

/// Returns the values that identify a session.
fn known_by(session: &Value) -> String {
    let values = session["data"].as_object().into_iter().flatten();
    let values = values.filter_map(|(name, values)| {
        let value = values.get(0)?;
        Some(format!("{} {}", term::short(name), term::value(value)))
    });
    values.collect::<Vec<_>>().join(", ")
}
