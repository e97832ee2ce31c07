//! Prints records in quarantine, for people and programs. Not as a table: ids and reasons would not fit beside each
//! other.

use std::collections::HashMap;

use cybexp_store::{Refused, Unread};
use cybexp_term::{self as term, BOLD, DIM, YELLOW};
use serde_json::{Value, json};

use super::groups::ReasonGroup;

/// The names of organisations by hash.
pub(super) type OrgNames = HashMap<String, String>;

/// Returns the list as JSON, with an element for each record.
pub(super) fn documents(entries: &[Refused], raws: &[Refused], names: &OrgNames) -> Value {
    let kinds = [("entry", entries), ("raw", raws)].into_iter();
    let all = kinds.flat_map(|(kind, refused)| refused.iter().map(move |row| (kind, row)));
    all.map(|(kind, row)| {
        json!({
            "id": row.id, "kind": kind, "typetag": row.typetag, "by": row.by, "reason": row.reason,
            "orgid": row.orgid, "org": names.get(&row.orgid), "timestamp": row.timestamp, "name": row.name,
        })
    })
    .collect()
}

/// Prints a group of records with the same reason.
pub(super) fn group(group: &ReasonGroup, names: &OrgNames) {
    let ReasonGroup {
        reason,
        records,
        first,
        newest,
    } = group;
    anstream::println!("{BOLD}{records} ×{BOLD:#} {}", what(newest, names));
    why(&newest.by, reason);
    let times = match *records {
        1 => term::time(newest.timestamp),
        _ => format!(
            "{} to {}, newest",
            term::time(*first),
            term::time(newest.timestamp)
        ),
    };
    anstream::println!("    {DIM}{times}{DIM:#} {}{}", newest.id, from(newest));
}

/// Prints one record.
pub(super) fn record(record: &Refused, names: &OrgNames) {
    let time = term::time(record.timestamp);
    anstream::println!("{} {DIM}{time}{DIM:#} {}", record.id, what(record, names));
    why(&record.by, &record.reason);
}

/// Returns a sentence on the raws that no filter reads, if there are any.
pub(super) fn unread(unread: &[Unread]) -> Option<String> {
    let told: Vec<String> = unread
        .iter()
        .map(|Unread { typetag, raws }| format!("{raws} of {typetag}"))
        .collect();
    (!told.is_empty()).then(|| {
        format!(
            "no filter reads {}: nothing was made of them, and nothing will be until there is such a filter",
            told.join(", ")
        )
    })
}

pub(super) fn note(text: &str) {
    let text = term::wrapped(&term::line(text), 2, 2);
    anstream::eprintln!("{YELLOW}!{YELLOW:#} {text}");
}

fn what(record: &Refused, names: &OrgNames) -> String {
    let typetag = term::short(&record.typetag);
    let org = match names.get(&record.orgid) {
        Some(name) => term::short(name),
        None => term::id(&term::short(&record.orgid)),
    };
    match org.is_empty() {
        true => typetag,
        false => format!("{typetag} of {org}"),
    }
}

fn from(record: &Refused) -> String {
    match &record.name {
        Some(name) if !name.is_empty() => format!(" from {}", term::short(name)),
        _ => String::new(),
    }
}

fn why(by: &str, reason: &str) {
    let told = match reason {
        "" => "without a reason".to_owned(),
        reason => term::line(reason),
    };
    let told = match by {
        "" => told,
        by => format!("{}: {told}", term::short(by)),
    };
    anstream::println!("    {}", term::wrapped(&told, 4, 4));
}
