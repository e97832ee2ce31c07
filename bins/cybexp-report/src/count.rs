//! In how many events something is.

use cybexp_store::{Seen, SessionEvents, StoreError, Visible};
use serde_json::Value;
use tahoe_core::question::{Conditions, QueryType};

use crate::Engine;
use crate::page::Page;
use crate::subject::{Elsewhere, Subject};

impl Engine {
    /// The number of events, and when the first and last of them were.
    pub(crate) async fn count(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<Result<Page, String>, StoreError> {
        let subject = match self.subject(of, visible).await? {
            Ok(subject) => subject,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some(events) = &subject.sessions {
            return Ok(Ok(of_sessions(&subject, events)));
        }
        let (count, seen) = futures::try_join!(
            self.archive.count(&subject.of, visible),
            self.archive.seen(&subject.of, visible)
        )?;
        if count == 0 {
            match self.elsewhere(&subject, visible).await? {
                Elsewhere::Sessions(events) => return Ok(Ok(of_sessions(&subject, &events))),
                Elsewhere::Unknown(reason) => return Ok(Err(reason)),
                Elsewhere::Nowhere => {}
            }
        }
        Ok(Ok(page(&subject, count, seen)))
    }
}

fn of_sessions(subject: &Subject, events: &SessionEvents) -> Page {
    page(subject, events.count(), events.seen()).cut(events.cut)
}

fn page(subject: &Subject, count: u64, seen: Option<Seen>) -> Page {
    Page::only(QueryType::Count, Value::from(count))
        .seen(seen)
        .about(subject.told())
}
