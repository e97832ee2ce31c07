//! Instants and time ranges in Unix seconds, read as people and honeypots write them.
//!
//! - [`TimeRange`] is the `from`, `to`, `last` and `tzname` of a query.
//! - [`parse_instant`] reads epoch seconds or a date in many styles, as python-dateutil reads them with its defaults
//!   (`5/6/2020` is the 6th of May, `21/5/2020` the 21st), in a time zone as pytz does with `is_dst=False`.
//! - [`parse_iso8601`] is the fast, strict reader for the time stamps of logs.
//!
//! A text has the same meaning whenever and wherever it is read. So texts that dateutil completes from today's date are
//! refused (`10:00`, `May 2020`, years of two digits), and so are texts with several meanings: abbreviations of time
//! zones other than UTC, GMT and Z; `UTC+3`, which dateutil reads as three hours *behind* UTC; `2020-05-21-02:00`,
//! whose end may be an offset or a time.

mod calendar;
mod clock;
mod day;
mod error;
mod instant;
mod iso;
mod lex;
mod local;
mod parse;
mod range;

pub use calendar::{Calendar, Step};
pub use error::TimeError;
pub use instant::{parse_instant, parse_tzname};
pub use iso::parse_iso8601;
pub use range::{TimeRange, parse_last};
