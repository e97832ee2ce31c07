//! Raws: content, and whether each is read, waits, or is set aside.

use std::collections::BTreeSet;

use bson::{Bson, RawDocument, RawDocumentBuf};
use serde::Deserialize;
use tahoe_core::Instance;

use crate::error::StoreError;
use crate::mongo::collection::from_document;
use crate::raws::outcome::name_of;
use crate::raws::pending::{PendingRaw, Refusal};
use crate::verify::content::{self, id_of};
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};
use crate::verify::remake;
use crate::verify::state::VerifyReport;

/// The notes of filters on a raw.
#[derive(Deserialize)]
struct Notes {
    sub_type: String,
    #[serde(default)]
    filters: Vec<String>,
    #[serde(default, rename = "_todo")]
    todo: Option<Vec<String>>,
    #[serde(default, rename = "_error")]
    refusals: Option<Vec<Refusal>>,
    #[serde(default = "yes", rename = "_valid")]
    valid: bool,
}

fn yes() -> bool {
    true
}

/// Checks the raws of a page, and what was made of them.
pub(super) async fn check(
    context: &mut Context,
    report: &mut VerifyReport,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let mut read = Vec::new();
    for document in page {
        let key = id_of(document);
        let notes = from_document::<Notes>(document);
        let set_aside = is_set_aside(document);
        let mut content = Findings::default();
        let instance = content::instance(document, &mut content);
        // one that no filter could read is told in quarantine
        if !set_aside {
            found.0.append(&mut content.0);
        }
        match notes {
            Ok(notes) => {
                report.tell("raws that wait", u64::from(notes.todo.is_some()));
                report.tell("raws that were set aside", u64::from(set_aside));
                if let Some(words) = wrong(context, &notes) {
                    found.add(FaultKind::RawState, key, words);
                }
                let raw = from_document::<PendingRaw>(document);
                if let (Some(Instance::Raw(_)), Ok(raw)) = (instance, raw) {
                    read.push(raw);
                }
            }
            Err(_) if set_aside => report.tell("raws that were set aside", 1),
            Err(reason) => {
                let words = format!("the notes of filters cannot be read: {reason}");
                found.add(FaultKind::RawState, key, words);
            }
        }
    }
    remake::check(context, read, &mut found).await?;
    Ok(found)
}

/// Whether a filter refused a raw, and none will read it.
fn is_set_aside(document: &RawDocument) -> bool {
    let has = |field| document.get(field).is_ok_and(|value| value.is_some());
    has("_error") && !has("_todo")
}

/// Returns what is wrong with the notes of filters on a raw.
fn wrong(context: &Context, notes: &Notes) -> Option<String> {
    let readers = (context.options.readers)(&notes.sub_type);
    let todo = notes.todo.as_deref().unwrap_or_default();
    if notes.todo.as_ref().is_some_and(Vec::is_empty) {
        return Some("it waits for no filter, but stands among those that wait".to_owned());
    }
    if let Some(name) = todo.iter().find(|name| !readers.contains(&name.as_str())) {
        return Some(format!(
            "it waits for the filter {name}, which does not read {}",
            notes.sub_type
        ));
    }
    let names: BTreeSet<&str> = notes.filters.iter().map(|id| name_of(id)).collect();
    if names.len() < notes.filters.len() {
        return Some("a filter has read it in two versions".to_owned());
    }
    for reader in readers {
        if todo.iter().any(|name| name == reader) {
            continue;
        }
        let Some(announced) = context.announced.get(reader) else {
            // no worker has run it yet: the first one goes through all raws
            continue;
        };
        let whole = announced.walked == announced.version;
        let id = notes.filters.iter().find(|id| name_of(id) == reader);
        let version = id.and_then(|id| id.rsplit_once('@')?.1.parse::<i64>().ok());
        match version {
            None if whole => {
                return Some(format!(
                    "the filter {reader} has not read it, and it does not wait for it: it is lost"
                ));
            }
            Some(version) if whole && version < announced.version => {
                return Some(format!(
                    "the filter {reader} read it in version {version}, and it does not wait for version {}",
                    announced.version
                ));
            }
            _ => {}
        }
    }
    refusals(notes, todo)
}

fn refusals(notes: &Notes, todo: &[String]) -> Option<String> {
    let refusals = notes.refusals.as_deref().unwrap_or_default();
    if notes.refusals.as_ref().is_some_and(Vec::is_empty) {
        return Some("it stands in quarantine without a reason".to_owned());
    }
    let unread = refusals.iter().find(|refusal| {
        let waits = todo.iter().any(|name| name == name_of(&refusal.filter));
        !waits && !notes.filters.contains(&refusal.filter)
    });
    if let Some(refusal) = unread {
        return Some(format!(
            "it was set aside by {}, which has not read it",
            refusal.filter
        ));
    }
    let refused = |id: &String| refusals.iter().any(|refusal| refusal.filter == *id);
    let all = todo.is_empty() && !refusals.is_empty() && notes.filters.iter().all(refused);
    (notes.valid == all).then(|| match all {
        true => "all its filters refused it, and it says that it is valid (_valid)".to_owned(),
        false => "it says that all its filters refused it (_valid), and they did not".to_owned(),
    })
}

/// Returns the `_id` of a raw.
pub(super) fn key(raw: &PendingRaw) -> Bson {
    raw.id.bson()
}
