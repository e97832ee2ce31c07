//! Instants and time ranges as people and honeypots write them, as Unix seconds.
//!
//! - [`TimeRange`] is the `from`, `to`, `last` and `tzname` of a query.
//! - [`parse_instant`] reads epoch seconds or a date in many styles, as python-dateutil reads them with its defaults
//!   (`5/6/2020` is the 6th of May, `21/5/2020` the 21st), in a time zone as pytz does with `is_dst=False`.
//! - [`parse_iso8601`] is the fast, strict reader for the time stamps of logs.
//!
//! A text means the same whenever and wherever it is read. Refused, therefore, is what dateutil completes from today's
//! date (`10:00`, `May 2020`, years of two digits) and what has several meanings: abbreviations of time zones other than
//! UTC, GMT and Z; `UTC+3`, which dateutil takes as three hours *behind* UTC; `2020-05-21-02:00`, an offset or a time.

mod clock;
mod day;
mod error;
mod instant;
mod iso;
mod lex;
mod local;
mod parse;
mod range;

pub use error::TimeError;
pub use instant::{parse_instant, parse_tzname};
pub use iso::parse_iso8601;
pub use range::{TimeRange, parse_last};
