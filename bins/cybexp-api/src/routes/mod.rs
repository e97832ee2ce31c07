//! The endpoints.

pub(crate) mod category;
pub(crate) mod feeds;
pub(crate) mod identity;
pub(crate) mod inputs;
pub(crate) mod judgement;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod membership;
pub(crate) mod ping;
pub(crate) mod proof;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod raw;
pub(crate) mod report;
pub(crate) mod submission;
pub(crate) mod subscriptions;
pub(crate) mod taxii;
pub(crate) mod verdict;

use metrics::{describe_counter, describe_histogram};

/// Names and meanings of what the endpoints count.
pub(crate) fn describe_metrics() {
    describe_counter!(
        "cybexp_api_submissions_total",
        "submissions that were taken"
    );
    describe_counter!("cybexp_api_submission_records_total", "the records in them");
    describe_counter!(
        "cybexp_api_judgements_total",
        "verdicts and changes of category that were taken, by typetag"
    );
    describe_counter!(
        "cybexp_api_submission_bytes_total",
        "their bytes, before they were sealed"
    );
    describe_counter!(
        "cybexp_api_queries_total",
        "queries by outcome: ready, processing or failed"
    );
    describe_counter!(
        "cybexp_api_logins_total",
        "attempts to sign in by outcome: good, refused, or limited"
    );
    describe_histogram!("cybexp_api_query_seconds", "from a query to its answer");
}
