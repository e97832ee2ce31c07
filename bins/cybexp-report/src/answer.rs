//! From a claimed query to its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::{Access, Answer, Claimed, StoreError};
use serde_json::{Value, json};
use tahoe_core::question::{QueryType, Question};
use tahoe_core::{Query, Report, Timestamp};

use crate::Desk;
use crate::question::question_of;
use crate::related::{Page, TooMuch};

impl Desk {
    /// The answer to a query; an error is one of the database, and the query stays in work.
    pub(crate) async fn answer(&self, claim: &Claimed) -> Result<Answer, StoreError> {
        let query = match &claim.query {
            Ok(query) => query,
            Err(reason) => return Ok(Answer::Failed(format!("not a query: {reason}"))),
        };
        let question = match question_of(query, &self.key) {
            Ok(question) => question,
            Err(reason) => return Ok(Answer::Failed(reason)),
        };
        let visible = match self.identity.access(&query.userid).await? {
            Access::Orgs(visible) => visible,
            Access::UnknownUser => {
                return Ok(Answer::Failed(
                    "field userid: there is no such user".to_owned(),
                ));
            }
        };
        let page = match question {
            Question::Count(conditions) => {
                let count = self.archive.count(&conditions, &visible).await?;
                Page::only(QueryType::Count, json!({"count": count}))
            }
            Question::Related(related) => match self.related(&related, &visible).await? {
                Ok(page) => page,
                Err(too_much @ TooMuch { .. }) => return Ok(Answer::Failed(too_much.to_string())),
            },
            Question::ThreatRank { event } => {
                let now = query.timestamp.get();
                match self.threatrank(event, now, &visible).await? {
                    Some(data) => Page::only(QueryType::ThreatRank, data),
                    None => {
                        return Ok(Answer::Failed(
                            "field _hash: there is no such event".to_owned(),
                        ));
                    }
                }
            }
        };
        Ok(report(query, page))
    }
}

fn report(query: &Query, page: Page) -> Answer {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp::new(since.as_secs_f64()).unwrap_or(query.timestamp);
    let Page {
        qtype,
        data,
        current,
        next,
    } = page;
    match Report::new(qtype, query.userid.clone(), now, data, current, next) {
        Ok(report) => Answer::Ready(report),
        Err(error) => Answer::Failed(format!("the report is {error}")),
    }
}

impl Page {
    /// The one page of a report that has no more.
    fn only(qtype: QueryType, data: Value) -> Self {
        Self {
            qtype,
            data,
            current: 1,
            next: 1,
        }
    }
}
