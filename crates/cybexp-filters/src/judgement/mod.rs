//! Judgements of analysts, as the API submits them: a verdict on a value, another category for an event, or that raws in
//! quarantine shall be read again.
//!
//! The API seals such a record as a submission of a reserved typetag, like any other. So it passes through the archive,
//! becomes a raw that keeps who judged and why, and is applied by analytics, which alone writes the graph.

mod category;
mod retry;
mod value;
mod verdict;

pub use category::{CategoryChange, CategoryRecord, ContextRecord};
pub use retry::{RETRIES, RetryRecord};
pub use value::judged;
pub use verdict::VerdictRecord;

/// The typetag of verdicts on values.
pub const VERDICT: &str = "cybexp_verdict";
/// The typetag of changes of an event's category and contexts.
pub const EVENT_CATEGORY: &str = "cybexp_event_category";
/// The typetag of requests to read raws in quarantine again.
pub const RETRY: &str = "cybexp_retry";
/// The typetags that only the API submits, on behalf of an admin.
pub const RESERVED: [&str; 3] = [VERDICT, EVENT_CATEGORY, RETRY];

/// The name of what applies changes of category and retries, as it stands in a raw's `filters`.
pub const JUDGE: &str = "event_category";
/// Its id, with the version.
pub const JUDGE_ID: &str = "event_category@1";

/// The most characters of a reason.
pub const REASON_CHARS: usize = 1000;
/// The most instances of an event whose context one record sets.
pub const CONTEXTS: usize = 1000;

/// The most bytes of the name of who judged.
const ANALYST_BYTES: usize = 1024;

/// Checks what every judgement has: the reason, if one was given, and who judged.
fn check(reason: &str, analyst: &str) -> Result<(), String> {
    if reason.chars().nth(REASON_CHARS).is_some() {
        return Err(format!(
            "field reason: is longer than {REASON_CHARS} characters"
        ));
    }
    match analyst.len() > ANALYST_BYTES {
        true => Err(format!(
            "field analyst: is longer than {ANALYST_BYTES} bytes"
        )),
        false => Ok(()),
    }
}
