//! The `session` report: all that happened in one session, in order of time, a page at a time.
//!
//! Finds the session by its hash, by one of its events, or by a value that identifies it, and reads its events from the
//! archive in their order.

mod sentence;
mod steps;

use cybexp_filters::vocabulary;
use cybexp_store::{SessionHead, StoreError};
use serde_json::{Map, Value, json};
use tahoe_core::question::{Conditions, QueryType, StoryOf};
use tahoe_core::{Attribute, Hash};

use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use steps::steps;

/// Events of a page.
const PAGE: u32 = 200;
/// The most pages of a story. A page is found by going over the keys of those before it.
const PAGES: u32 = 100;
/// The most other sessions that are listed.
const OTHERS: usize = 100;

/// Answers with one page of a session's story.
pub(crate) async fn answer(of: &StoryOf, asked: Asked<'_>) -> Answered {
    let archive = &asked.sources.archive;
    let (mut found, more_sessions) = match find(&of.conditions, asked).await? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    if found.is_empty() {
        let field = match of.conditions.attribute {
            Some(_) => "data",
            None => "_hash",
        };
        return Ok(Err(format!("field {field}: there is no such session")));
    }
    let told = found.remove(0);
    let most = PAGE * PAGES;
    let (length, page) = futures::try_join!(archive.story_length(told.id, most), async {
        match of.page {
            ..=PAGES => archive.story(told.id, of.page, PAGE).await,
            _ => Ok(Default::default()),
        }
    })?;
    let (events, seen) = length;
    let begin = seen.map(|seen| seen.first);
    let (steps, cut) = steps(&page, begin.unwrap_or_default());
    let current = i64::from(of.page);
    let is_last = !page.more || of.page >= PAGES;
    let data = json!({
        "session": head(&told),
        "steps": steps,
        "others": found.iter().map(head).collect::<Vec<_>>(),
    });
    Ok(Ok(ReportPage {
        current,
        next: if is_last { 1 } else { current + 1 },
        ..ReportPage::only(QueryType::Session, data)
            .total(Some(events.min(u64::from(most))))
            .seen(seen)
            .cut(cut || more_sessions || events > u64::from(most))
    }))
}

/// Finds the sessions, the one to be told first, and whether there are more.
async fn find(
    of: &Conditions,
    asked: Asked<'_>,
) -> Result<Result<(Vec<SessionHead>, bool), String>, StoreError> {
    let (archive, visible) = (&asked.sources.archive, asked.visible);
    let Some((sub_type, value)) = &of.attribute else {
        let mut found = vec![];
        if let Some(hash) = of.subjects.first() {
            found = archive.sessions_by_hash(*hash, visible).await?;
        }
        return Ok(Ok((found, false)));
    };
    let forms = match vocabulary::forms(sub_type, value) {
        Ok(forms) => forms,
        Err(unfit) => return Ok(Err(format!("field data: the value {unfit}"))),
    };
    let of = Conditions {
        subjects: forms.iter().map(Attribute::hash).collect::<Vec<Hash>>(),
        ..of.clone()
    };
    let found = archive.sessions_known_by(&of, visible, OTHERS + 1).await?;
    Ok(Ok(found))
}

/// Makes the main fields of a session.
fn head(session: &SessionHead) -> Value {
    let data = session.data.clone().unwrap_or_else(|| json!({}));
    let mut fields = Map::from_iter([
        ("_hash".to_owned(), json!(session.hash)),
        ("sub_type".to_owned(), json!(session.sub_type)),
        ("orgid".to_owned(), json!(session.orgid)),
        ("data".to_owned(), data),
    ]);
    let times = [
        ("start_time", session.start_time),
        ("end_time", session.end_time),
        ("duration", session.duration),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            fields.insert(name.to_owned(), json!(time));
        }
    }
    Value::Object(fields)
}
