//! From a claimed query to its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::{Answer, Claimed, StoreError};
use tahoe_core::{Query, Report, Timestamp};

use crate::account::Phase;
use crate::question::question_of;
use crate::{Desk, Page};

impl Desk {
    /// The answer to a query; an error is one of the database, and the query stays in work.
    pub(crate) async fn answer(&self, claim: &Claimed) -> Result<Answer, StoreError> {
        let query = match &claim.query {
            Ok(query) => query,
            Err(reason) => return Ok(Answer::Failed(format!("not a query: {reason}"))),
        };
        let question = Phase::Open.of(async { question_of(query, &self.key) });
        let question = match question.await {
            Ok(question) => question,
            Err(reason) => return Ok(Answer::Failed(reason)),
        };
        let now = query.timestamp.get();
        let page = self.engine.page(&question, &query.userid, now);
        let page = match Phase::Answer.of(page).await? {
            Ok(page) => page,
            Err(reason) => return Ok(Answer::Failed(reason)),
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
        cut,
    } = page;
    match Report::new(qtype, query.userid.clone(), now, data, current, next) {
        Ok(report) => Answer::Ready(report.cut(cut)),
        Err(error) => Answer::Failed(format!("the report is {error}")),
    }
}
