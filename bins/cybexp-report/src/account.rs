//! The account of a query, for whoever looks from outside: a span with its hash, type and phases, metrics by type and
//! phase, and a log line that says what a slow one waited for.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cybexp_store::{Claimed, Spent};
use metrics::{counter, describe_counter, describe_histogram, histogram};
use tahoe_core::question::QueryType;
use tracing::field::Empty;
use tracing::{Span, info_span};

/// Queries that take longer, their wait included, are logged at the level `info`, others at `debug`.
const SLOW: Duration = Duration::from_millis(500);

/// A query in work.
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
    /// From the time that the API gave the query to its claim.
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

    /// Does what the phase consists of, in the span of its query.
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

/// Says what the metrics of queries mean.
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
    /// Begins with the claim of a query.
    pub(crate) fn begin(claim: &Claimed) -> Self {
        let query = claim.query.as_ref().ok();
        let hash = query.and_then(|query| Some(query.to_object().ok()?.hash().to_string()));
        let asked = query.map_or(f64::INFINITY, |query| query.timestamp.get());
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        // the clocks of two machines may differ
        let waited = Duration::try_from_secs_f64(now - asked).unwrap_or_default();
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

    /// The span of all that is done for the query.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends with the answer, or without one. `spent` is what the answer waited for.
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

/// The type as a label. What others write into the queue is no label: there would be no end to them.
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
