//! The account of a query for operators: a span with its hash, type and phases, metrics by type and phase, and a log line
//! that says where the time of a slow query went.

use std::future::Future;
use std::time::{Duration, Instant};

use cybexp_store::{Claimed, Spent};
use metrics::{counter, describe_counter, describe_histogram, histogram};
use tahoe_core::question::QueryType;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::clock::unix_now;

/// Queries that take longer than this, with their wait, are logged at the level `info`, others at `debug`.
const SLOW: Duration = Duration::from_millis(500);

/// The account of one claimed query.
#[derive(Debug)]
pub(crate) struct Account {
    span: Span,
    qtype: &'static str,
    waited: Duration,
    since: Instant,
}

/// A part of the time from a question to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// From the time at which the query was last asked to its claim.
    Wait,
    /// Unsealing and reading the question.
    Open,
    /// Making the answer.
    Answer,
    /// Writing the report, and ending the claim.
    Write,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Open => "open",
            Self::Answer => "answer",
            Self::Write => "write",
        }
    }

    /// The span's field.
    const fn field(self) -> &'static str {
        match self {
            Self::Wait => "wait_ms",
            Self::Open => "open_ms",
            Self::Answer => "answer_ms",
            Self::Write => "write_ms",
        }
    }

    /// Does the work of the phase, and records its time in the current span.
    pub(crate) async fn of<T>(self, work: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let done = work.await;
        self.took(&Span::current(), since.elapsed());
        done
    }

    fn took(self, span: &Span, time: Duration) {
        span.record(self.field(), ms(time));
        histogram!("cybexp_report_phase_seconds", "phase" => self.name()).record(time);
    }
}

/// Milliseconds, to the tenth.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

/// Describes the metrics of queries.
pub(crate) fn describe_metrics() {
    describe_counter!(
        "cybexp_report_queries_total",
        "queries by outcome: ready, failed or lost"
    );
    describe_histogram!(
        "cybexp_report_query_seconds",
        "from the claim of a query to its answer, by type"
    );
    describe_histogram!(
        "cybexp_report_phase_seconds",
        "how long queries were in a phase: wait, open, answer or write"
    );
}

impl Account {
    /// Begins the account of a query that was just claimed.
    pub(crate) fn begin(claim: &Claimed) -> Self {
        let query = claim.query.as_ref().ok();
        let hash = query.and_then(|query| Some(query.to_object().ok()?.hash().to_string()));
        let asked = query.map_or(f64::INFINITY, |query| {
            claim.asked_again.unwrap_or(query.timestamp.get())
        });
        // the clocks of two machines may differ
        let waited = Duration::try_from_secs_f64(unix_now() - asked).unwrap_or_default();
        let qtype = query.map_or("other", |query| label(&query.qtype));
        let span = info_span!(
            "query",
            hash,
            r#type = qtype,
            wait_ms = Empty,
            open_ms = Empty,
            answer_ms = Empty,
            write_ms = Empty,
        );
        Phase::Wait.took(&span, waited);
        Self {
            span,
            qtype,
            waited,
            since: Instant::now(),
        }
    }

    /// Returns the span in which all work for the query is done.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends the account. `spent` is the time that the answer waited for the database.
    pub(crate) fn end(self, outcome: &'static str, spent: &Spent) {
        let time = self.since.elapsed();
        counter!("cybexp_report_queries_total", "outcome" => outcome).increment(1);
        histogram!("cybexp_report_query_seconds", "type" => self.qtype).record(time);
        let ms = ms(time);
        let _entered = self.span.entered();
        if self.waited + time > SLOW {
            tracing::info!(outcome, ms, database = %spent, "a slow query");
        } else {
            tracing::debug!(outcome, ms, database = %spent, "a query");
        }
    }
}

/// Returns the label of a query type. Unknown types share one label, so that the number of labels is bounded.
fn label(qtype: &str) -> &'static str {
    let known = QueryType::ALL.iter().map(|known| known.as_str());
    known
        .into_iter()
        .find(|known| *known == qtype)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_are_none_have_one_label() {
        assert_eq!(label("threatrank"), "threatrank");
        assert_eq!(label("Count"), "other");
        assert_eq!(label("'; drop table"), "other");
    }

    #[test]
    fn milliseconds_have_one_decimal() {
        assert_eq!(ms(Duration::from_micros(12_340)), 12.3);
        assert_eq!(ms(Duration::ZERO), 0.0);
    }
}
