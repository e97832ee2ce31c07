//! Reports for people.

use chrono::DateTime;
use serde_json::Value;

use super::arguments::{ScopeArgs, SubjectArgs};
use crate::tree::Tree;
use cybexp_term::{self as term, BOLD, CYAN, DIM, YELLOW};

/// The number of values of one type that are shown.
const SHOWN: usize = 10;

pub(super) fn count(subject: &SubjectArgs, report: &Value) {
    let mut table = term::table(&["sub_type", "value", "events", "first seen", "last seen"]);
    table.add_row([
        term::short(&subject.sub_type),
        term::short(&subject.value),
        report["data"].to_string(),
        when(&report["first_seen"]),
        when(&report["last_seen"]),
    ]);
    term::align_right(&mut table, 2);
    anstream::println!("{table}");
    taken_as(subject, report);
    known_good(report);
    verdicts(report);
    if report["cut"] == true {
        anstream::println!(
            "{YELLOW}there may be more, in older sessions: ask for a shorter time{YELLOW:#}"
        );
    }
}

pub(super) fn related(subject: &SubjectArgs, scope: &ScopeArgs, report: &Value) {
    let data = &report["data"];
    heading(report);
    if !scope.documents {
        events(report);
    }
    if scope.graph {
        let tree = Tree::new(data);
        let values = tree.values();
        let subject = term::short(&subject.value);
        anstream::println!("{CYAN}{subject}{CYAN:#} {DIM}({values} values){DIM:#}");
        for line in tree.lines() {
            anstream::println!("{line}");
        }
    } else if scope.documents {
        documents(data);
    } else {
        summary(data);
    }
    taken_as(subject, report);
    known_good(report);
    verdicts(report);
    if report["cut"] == true {
        anstream::println!(
            "{YELLOW}there is more than a report holds: ask for a lower level, or a shorter time{YELLOW:#}"
        );
    }
    let (page, next) = (&report["current_page"], &report["next_page"]);
    if report["more"] == true {
        anstream::println!("{DIM}page {page}; --page {next} shows older events{DIM:#}");
    }
}

/// Prints the number of events, and when the first and last of them were.
pub(super) fn heading(report: &Value) {
    let (first, last) = (when(&report["first_seen"]), when(&report["last_seen"]));
    let seen = match first.is_empty() {
        true => "not seen".to_owned(),
        false => format!("first seen {first}, last seen {last}"),
    };
    match &report["total"] {
        Value::Null => anstream::println!("{BOLD}events{BOLD:#} {DIM}{seen}{DIM:#}"),
        total => anstream::println!("{BOLD}{total} events{BOLD:#} {DIM}{seen}{DIM:#}"),
    }
}

/// Prints the events of the page, newest first.
fn events(report: &Value) {
    let listed = report["events"].as_array();
    let listed = listed.map(Vec::as_slice).unwrap_or_default();
    if listed.is_empty() {
        return;
    }
    // few archives have labels
    let has_labels = listed.iter().any(|event| event["tlp"].is_string());
    let mut heads = vec!["time", "event", "category"];
    heads.extend(has_labels.then_some("tlp"));
    heads.push("hash");
    let mut table = term::table(&heads);
    for event in listed {
        let text = |field: &str| term::value(&event[field]);
        let mut row = vec![
            when(&event["timestamp"]),
            text("sub_type"),
            text("category"),
        ];
        row.extend(has_labels.then(|| match event["tlp"].is_string() {
            true => text("tlp"),
            false => String::new(),
        }));
        row.push(text("_hash"));
        table.add_row(row);
    }
    anstream::println!("{table}");
}

/// Prints the forms of the value that were looked for, if they differ from the text that was typed.
pub(super) fn taken_as(subject: &SubjectArgs, report: &Value) {
    let about = report["about"].as_array();
    let about = about.map(Vec::as_slice).unwrap_or_default();
    let typed =
        |one: &Value| one["sub_type"] == *subject.sub_type && one["data"] == *subject.value.trim();
    if about.iter().all(typed) {
        return;
    }
    let told = about.iter().map(|one| {
        let data = match &one["data"] {
            Value::String(text) => format!("\"{}\"", term::short(text)),
            other => format!("{} ({})", term::value(other), kind(other)),
        };
        format!("{} {data}", term::value(&one["sub_type"]))
    });
    let told: Vec<String> = told.collect();
    anstream::println!("{DIM}looked for as {}{DIM:#}", told.join(" and "));
}

/// Prints the allow lists that hold the value.
pub(super) fn known_good(report: &Value) {
    let lists = report["known_good"].as_array().into_iter().flatten();
    let lists: Vec<&str> = lists.filter_map(Value::as_str).collect();
    if !lists.is_empty() {
        anstream::println!(
            "{DIM}known good by {}{DIM:#}",
            term::short(&lists.join(", "))
        );
    }
}

/// Prints the verdicts of organisations on the value.
fn verdicts(report: &Value) {
    for one in report["verdicts"].as_array().into_iter().flatten() {
        let text = |field: &str| term::value(&one[field]);
        let mut told = format!(
            "verdict: {} ({}, {}, organisation {})",
            text("verdict"),
            text("analyst"),
            when(&one["timestamp"]),
            term::id(one["orgid"].as_str().unwrap_or_default()),
        );
        if let Some(reason) = one["reason"].as_str().filter(|reason| !reason.is_empty()) {
            told.push_str(&format!(": {}", term::line(reason)));
        }
        anstream::println!("{YELLOW}{}{YELLOW:#}", term::wrapped(&told, 0, 2));
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::Bool(_) => "bool",
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => "text",
    }
}

/// Returns Unix seconds as a date and time in UTC, to the second; empty if there are none.
pub(super) fn when(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_f64() else {
        return String::new();
    };
    match DateTime::from_timestamp(seconds.floor() as i64, 0) {
        Some(at) => at.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => seconds.to_string(),
    }
}

fn summary(data: &Value) {
    let mut table = term::table(&["sub_type", "count", "values"]);
    for (sub_type, values) in data.as_object().into_iter().flatten() {
        let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut shown: Vec<String> = values.iter().take(SHOWN).map(term::value).collect();
        if values.len() > SHOWN {
            shown.push(format!("and {} more", values.len() - SHOWN));
        }
        table.add_row([
            term::short(sub_type),
            values.len().to_string(),
            shown.join("\n"),
        ]);
    }
    term::align_right(&mut table, 1);
    anstream::println!("{table}");
}

fn documents(data: &Value) {
    let mut table = term::table(&["time", "itype", "sub_type", "data", "hash"]);
    for document in data.as_array().into_iter().flatten() {
        let text = |field: &str| term::value(&document[field]);
        let time = match &document["timestamp"] {
            Value::Null => when(&document["start_time"]),
            time => when(time),
        };
        table.add_row([
            time,
            text("itype"),
            text("sub_type"),
            text("data"),
            text("_hash"),
        ]);
    }
    anstream::println!("{table}");
}

/// Prints the rank of an event or a value, given as it was typed.
pub(super) fn threatrank(of: &str, report: &Value) {
    let data = &report["data"];
    let (score, paths, of) = (&data["score"], &data["paths"], term::short(of));
    match &data["events"] {
        Value::Null => {
            anstream::println!("{BOLD}{score}{BOLD:#} {DIM}event {of}, {paths} paths{DIM:#}");
            anstream::println!("{}", meaning(data));
        }
        events => {
            anstream::println!(
                "{BOLD}{score}{BOLD:#} {DIM}{of}, {events} events, {paths} paths{DIM:#}"
            );
            anstream::println!("{}", meaning_of_value(data));
        }
    }
    if data["exact"] == false {
        let bound = &data["error_bound"];
        anstream::println!(
            "{YELLOW}too much is connected to count it all: the true score is within {bound} of this, in all but one of a \
             thousand answers{YELLOW:#}"
        );
    }
    let itself = match &data["events"] {
        Value::Null => "-1 is a malicious event itself. ",
        _ => "",
    };
    anstream::println!(
        "{DIM}scale: 0 where nothing malicious is near; the more negative, the more threatening. {itself}Old paths count \
         less.{DIM:#}"
    );
    known_good(report);
    let contributors = data["contributors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if contributors.is_empty() {
        return;
    }
    anstream::println!(
        "{DIM}what ties it to malicious events; a path counts for each of its attributes{DIM:#}"
    );
    let mut table = term::table(&["sub_type", "value", "share of the score"]);
    for row in contributors {
        let share = row["share"].as_f64().unwrap_or_default();
        table.add_row([
            term::value(&row["sub_type"]),
            term::value(&row["data"]),
            format!("{:.1} %", share * 100.0),
        ]);
    }
    term::align_right(&mut table, 2);
    anstream::println!("{table}");
}

/// Explains the score of a value in a sentence. It grows with the number of events.
fn meaning_of_value(data: &Value) -> String {
    let score = data["score"].as_f64().unwrap_or_default();
    let events = data["events"].as_f64().unwrap_or_default();
    match (events, score) {
        (0.0, _) => "no event has it".to_owned(),
        (_, 0.0) if data["exact"] == false => {
            "no path from a malicious event was found, but not all were searched".to_owned()
        }
        (_, 0.0) => "no path of up to 5 edges leads to it from a malicious event".to_owned(),
        _ => format!(
            "{:.4} for each of its events, of which a malicious one counts one over the number of its values",
            score / events
        ),
    }
}

/// Explains a score in a sentence.
fn meaning(data: &Value) -> &'static str {
    let score = data["score"].as_f64().unwrap_or_default();
    let no_paths = data["paths"] == 0;
    match score {
        -1.0 if no_paths => "the event is malicious itself",
        0.0 if data["exact"] == false => {
            "no path from a malicious event was found, but not all were searched"
        }
        0.0 => "no path of up to 6 edges leads to it from a malicious event",
        score if score <= -1.0 => {
            "as close to malicious events as if it were one: many short paths lead to it"
        }
        score if score <= -0.1 => {
            "closely tied to malicious events, by values that few other events have"
        }
        score if score <= -0.01 => {
            "tied to malicious events, by values that other events have, too"
        }
        _ => {
            "loosely tied to malicious events: by values of many events, over long paths, or long ago"
        }
    }
}
