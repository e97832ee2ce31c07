//! Choosing the day, the month and the year among the parts of a date.

use chrono::NaiveDate;

/// A part of a date, as far as the part alone shows what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum DatePart {
    Year(u32),
    Month(u32),
    /// A day or a month.
    Number(u32),
}

/// Decides which part is the day, the month and the year, as dateutil does with `dayfirst=False, yearfirst=False`.
pub(super) fn resolve(parts: &[DatePart]) -> Result<NaiveDate, &'static str> {
    use DatePart::{Month, Number, Year};
    let &[first, second, third] = parts else {
        return Err("needs a day, a month and a year");
    };
    let (year, month, day) = match (first, second, third) {
        (Year(year), Number(month), Number(day)) => (year, month, day),
        (Number(day @ 13..), Number(month), Year(year)) => (year, month, day),
        (Number(month), Number(day), Year(year)) => (year, month, day),
        (Number(_), Year(_), Number(_)) => return Err("a year in the middle is ambiguous"),
        (Year(year), Month(month), Number(day))
        | (Year(year), Number(day), Month(month))
        | (Month(month), Year(year), Number(day))
        | (Month(month), Number(day), Year(year))
        | (Number(day), Year(year), Month(month))
        | (Number(day), Month(month), Year(year)) => (year, month, day),
        _ => return Err("needs a day, a month and a year of four digits"),
    };
    calendar_day(year, month, day).ok_or("the calendar has no such day")
}

/// Returns a day in the years 1 to 9999, if the calendar has it.
pub(super) fn calendar_day(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year)
        .ok()
        .filter(|year| (1..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, month, day)
}
