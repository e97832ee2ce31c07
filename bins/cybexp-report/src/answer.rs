//! Answers a claimed query.

use cybexp_seal::PrivateKey;
use cybexp_store::{Answer, Claimed, MADE_OF, StoreError};
use tahoe_core::{Query, Report, Timestamp};

use crate::account::Phase;
use crate::clock::unix_now;
use crate::engine::Engine;
use crate::page::ReportPage;
use crate::question::question_of;

/// The time in seconds after which the asker of a query may have left, and come back later for its answer. Such an answer
/// says for which organisations it was made.
const SLOW_S: f64 = 1.0;

/// Answers a query.
///
/// # Errors
/// The database fails; the query stays claimed until its lease ends.
pub(crate) async fn answer(
    claim: &Claimed,
    engine: &Engine,
    key: &PrivateKey,
) -> Result<Answer, StoreError> {
    let query = match &claim.query {
        Ok(query) => query,
        Err(reason) => return Ok(Answer::Failed(format!("not a query: {reason}"))),
    };
    let question = Phase::Open.of(async { question_of(query, key) });
    let question = match question.await {
        Ok(question) => question,
        Err(reason) => return Ok(Answer::Failed(reason)),
    };
    let (begun, now) = (unix_now(), query.timestamp.get());
    let made = async {
        let page = engine.page(&question, &query.userid, now, claim.redo);
        Ok(match page.await? {
            Ok(mut page) => {
                if unix_now() - begun < SLOW_S {
                    page.orgs = None;
                }
                // the canonical form and hash of a large report take long, too
                report(query, page, begun)
            }
            Err(reason) => Answer::Failed(reason),
        })
    };
    Phase::Answer.of(made).await
}

/// Makes the report, with the time at which its answer was begun.
fn report(query: &Query, page: ReportPage, begun: f64) -> Answer {
    let ReportPage {
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
