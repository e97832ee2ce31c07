//! The `count` report: the number of events that meet the conditions, and when the first and last of them were.
//!
//! Reads the number from the archive's counters; events of values that only sessions have are counted through the
//! sessions.

use cybexp_store::{EventTally, SessionEvents};
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
    let verdicts = sources.archive.verdicts(&subject.forms, visible);
    if let Some(events) = &subject.sessions {
        let page = of_sessions(&subject, events, asked);
        return Ok(Ok(page.verdicts(&verdicts.await?)));
    }
    let tally = sources.archive.tally(&subject.of, visible);
    let (tally, verdicts) = futures::try_join!(tally, verdicts)?;
    if tally.events == 0 {
        match subject.elsewhere(asked).await? {
            Elsewhere::Sessions(events) => {
                let page = of_sessions(&subject, &events, asked);
                return Ok(Ok(page.verdicts(&verdicts)));
            }
            // a value of which nothing but a verdict is known is no typing error
            Elsewhere::Unknown(reason) if verdicts.is_empty() => return Ok(Err(reason)),
            Elsewhere::Unknown(_) | Elsewhere::Nowhere => {}
        }
    }
    Ok(Ok(page(&subject, tally, asked).verdicts(&verdicts)))
}

fn of_sessions(subject: &Subject, events: &SessionEvents, asked: Asked<'_>) -> ReportPage {
    let tally = EventTally {
        events: events.count(),
        seen: events.seen(),
    };
    page(subject, tally, asked).cut(events.cut)
}

fn page(subject: &Subject, tally: EventTally, asked: Asked<'_>) -> ReportPage {
    ReportPage::only(QueryType::Count, Value::from(tally.events))
        .seen(tally.seen)
        .about(subject.told())
        .known_good(subject.told(), &asked.sources.known_good)
}
