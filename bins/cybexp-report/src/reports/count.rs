//! The `count` report: the number of events that meet the conditions, and when the first and last of them were.
//!
//! Reads the number from the archive's counters; events of values that only sessions have are counted through the
//! sessions.

use cybexp_store::{Seen, SessionEvents};
use serde_json::Value;
use tahoe_core::question::{Conditions, QueryType};

use crate::page::ReportPage;
use crate::sources::{Answered, Asked};
use crate::subject::{Elsewhere, Subject};

/// Answers a count.
pub(crate) async fn answer(conditions: &Conditions, asked: Asked<'_>) -> Answered {
    let Asked {
        sources, visible, ..
    } = asked;
    let subject = match Subject::find(conditions, asked).await? {
        Ok(subject) => subject,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Some(events) = &subject.sessions {
        return Ok(Ok(of_sessions(&subject, events, asked)));
    }
    let (count, seen) = futures::try_join!(
        sources.archive.count(&subject.of, visible),
        sources.archive.seen(&subject.of, visible)
    )?;
    if count == 0 {
        match subject.elsewhere(asked).await? {
            Elsewhere::Sessions(events) => return Ok(Ok(of_sessions(&subject, &events, asked))),
            Elsewhere::Unknown(reason) => return Ok(Err(reason)),
            Elsewhere::Nowhere => {}
        }
    }
    Ok(Ok(page(&subject, count, seen, asked)))
}

fn of_sessions(subject: &Subject, events: &SessionEvents, asked: Asked<'_>) -> ReportPage {
    page(subject, events.count(), events.seen(), asked).cut(events.cut)
}

fn page(subject: &Subject, count: u64, seen: Option<Seen>, asked: Asked<'_>) -> ReportPage {
    ReportPage::only(QueryType::Count, Value::from(count))
        .seen(seen)
        .about(subject.told())
        .known_good(subject.told(), &asked.sources.known_good)
}
