//! Reports for people.

use serde_json::Value;
use tahoe_core::Hash;

use super::{Scope, Subject};
use crate::tree::Tree;
use cybexp_term::{self as term, BOLD, CYAN, DIM, YELLOW};

/// Values of one type that are shown.
const SHOWN: usize = 10;

pub(super) fn count(subject: &Subject, report: &Value) {
    let mut table = term::table(&["sub_type", "value", "events"]);
    let events = report["data"]["count"].to_string();
    table.add_row([
        term::short(&subject.sub_type),
        term::short(&subject.value),
        events,
    ]);
    term::align_right(&mut table, 2);
    anstream::println!("{table}");
}

pub(super) fn related(subject: &Subject, scope: &Scope, report: &Value) {
    let data = &report["data"];
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
    if report["cut"] == true {
        anstream::println!(
            "{YELLOW}there is more than a report holds: ask for a lower level{YELLOW:#}"
        );
    }
    let (page, next) = (
        report["current_page"].as_i64(),
        report["next_page"].as_i64(),
    );
    if let (Some(page), Some(next)) = (page, next)
        && next > page
    {
        anstream::println!("{DIM}page {page}; --page {next} shows older events{DIM:#}");
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
    let mut table = term::table(&["itype", "sub_type", "data", "hash"]);
    for document in data.as_array().into_iter().flatten() {
        let text = |field: &str| term::value(&document[field]);
        table.add_row([text("itype"), text("sub_type"), text("data"), text("_hash")]);
    }
    anstream::println!("{table}");
}

pub(super) fn threatrank(event: Hash, report: &Value) {
    let data = &report["data"];
    let (score, paths) = (&data["score"], &data["paths"]);
    anstream::println!("{BOLD}{score}{BOLD:#} {DIM}event {event}, {paths} paths{DIM:#}");
    if data["exact"] == false {
        let bound = &data["error_bound"];
        anstream::println!(
            "{YELLOW}too much is connected to count it all: it may be {bound} more or less{YELLOW:#}"
        );
    }
    let contributors = data["contributors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if contributors.is_empty() {
        return;
    }
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
