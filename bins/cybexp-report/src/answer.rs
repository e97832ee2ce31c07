//! From a claimed query to its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_store::{Answer, Claimed, MADE_OF, StoreError};
use tahoe_core::{Query, Report, Timestamp};

use crate::account::Phase;
use crate::question::question_of;
use crate::{Desk, Page};

/// Who asks may have left before an answer that takes longer, and comes back for it: so that tells for whom it was made.
const SLOW_S: f64 = 1.0;

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
        let (begun, now) = (unix_now(), query.timestamp.get());
        let page = self.engine.page(&question, &query.userid, now, claim.redo);
        let mut page = match Phase::Answer.of(page).await? {
            Ok(page) => page,
            Err(reason) => return Ok(Answer::Failed(reason)),
        };
        if unix_now() - begun < SLOW_S {
            page.orgs = None;
        }
        Ok(report(query, page, begun))
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// The report, as of when its answer was begun.
fn report(query: &Query, page: Page, begun: f64) -> Answer {
    let Page {
        qtype,
        data,
        current,
        next,
        beside,
        begun: remembered,
        orgs,
    } = page;
    let at = Timestamp::new(remembered.unwrap_or(begun)).unwrap_or(query.timestamp);
    match Report::new(qtype, query.userid.clone(), at, data, current, next) {
        Ok(report) => {
            let orgs = orgs.map(|orgs| (MADE_OF.to_owned(), orgs.to_string().into()));
            let beside = beside.into_iter().chain(orgs).collect();
            Answer::Ready(Box::new(report.beside(beside)))
        }
        Err(error) => Answer::Failed(format!("the report is {error}")),
    }
}
