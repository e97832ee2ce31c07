//! Dates in the styles people write.
//!
//! One pass over the tokens collects the three parts of the date, the time of day and the offset, in any order. At the
//! end, dateutil's rules decide which part is the day, the month and the year.

use chrono::{NaiveDateTime, NaiveTime};

use super::clock::{ClockNumbers, Meridiem, read_offset};
use super::day::{DatePart, resolve};
use super::lex::{DateToken, DateTokens, small};

/// The meaning of a text: a date and time on a wall clock and, if written, that clock's offset in seconds east of UTC.
#[derive(Debug, PartialEq)]
pub(super) struct ParsedTime {
    pub(super) local: NaiveDateTime,
    pub(super) offset_s: Option<i32>,
}

/// Reads a date text; the error is the problem with it.
pub(super) fn parse(text: &str) -> Result<ParsedTime, &'static str> {
    let mut reader = DateReader {
        tokens: DateTokens::of(text),
        ..DateReader::default()
    };
    while let Some(token) = reader.tokens.next() {
        reader.read(token)?;
    }
    let date = resolve(&reader.parts)?;
    let time = reader
        .clock
        .map_or(Ok(NaiveTime::MIN), |clock| clock.time(reader.meridiem))?;
    Ok(ParsedTime {
        local: NaiveDateTime::new(date, time),
        offset_s: reader.offset_s,
    })
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const STRANGE_NUMBER: &str = "holds a number that is no part of a date";
const STRANGE_WORD: &str = "holds a word that is no part of a date";
const STRANGE_MARK: &str = "holds a character that is no part of a date";
const NO_ABBREVIATION: &str =
    "abbreviations of time zones are ambiguous: write an offset or set tzname";
const OFFSET_TO_NAME: &str = "UTC+3 is ambiguous: write the offset alone, east of UTC as +03:00";

#[derive(Default)]
struct DateReader<'a> {
    tokens: DateTokens<'a>,
    parts: Vec<DatePart>,
    clock: Option<ClockNumbers>,
    meridiem: Option<Meridiem>,
    offset_s: Option<i32>,
    /// Whether the last token, apart from spaces, belongs to the time of day: a sign then begins an offset.
    after_clock: bool,
    /// Whether the last token, apart from spaces, separates parts of the date: a number is then such a part.
    after_separator: bool,
}

impl<'a> DateReader<'a> {
    fn read(&mut self, token: DateToken<'a>) -> Result<(), &'static str> {
        if token == DateToken::Space {
            return Ok(());
        }
        let after_clock = std::mem::take(&mut self.after_clock);
        let after_separator = std::mem::take(&mut self.after_separator);
        match token {
            DateToken::Space => Ok(()),
            DateToken::Number(digits) if after_separator => self.part(digits),
            DateToken::Number(digits) => self.number(digits),
            DateToken::Word(word) => self.word(word, after_clock),
            DateToken::Mark(mark @ ('+' | '-')) if after_clock && self.offset_s.is_none() => {
                self.offset_s = Some(read_offset(mark == '-', &mut self.tokens)?);
                Ok(())
            }
            DateToken::Mark('-' | '/' | '.')
                if matches!(self.parts.len(), 1 | 2) && !after_separator =>
            {
                self.after_separator = true;
                Ok(())
            }
            // Apache writes 21/May/2020:02:00:00.
            DateToken::Mark(':') if self.parts.len() == 3 && self.clock.is_none() => Ok(()),
            DateToken::Mark(',') => Ok(()),
            // RFC 5322 lets a comment follow the offset: +0200 (CEST).
            DateToken::Mark('(') if self.offset_s.is_some() => self.comment(),
            DateToken::Mark(_) => Err(STRANGE_MARK),
        }
    }

    fn number(&mut self, digits: &str) -> Result<(), &'static str> {
        let wants_clock = self.clock.is_none();
        match digits.len() {
            1 | 2 if wants_clock && self.tokens.peek(0) == Some(DateToken::Mark(':')) => {
                let clock = ClockNumbers::read(digits, &mut self.tokens)?;
                self.set_clock(clock)
            }
            1 | 2 if wants_clock && Meridiem::follows(&self.tokens) => self.compact_clock(digits),
            2 | 4 | 6 if wants_clock && self.parts.len() == 3 => self.compact_clock(digits),
            8 | 12 | 14 if self.parts.is_empty() => {
                let (date, time) = digits.split_at(8);
                self.parts.push(DatePart::Year(small(&date[..4])));
                self.parts.push(DatePart::Month(small(&date[4..6])));
                self.parts.push(DatePart::Number(small(&date[6..])));
                if time.is_empty() {
                    Ok(())
                } else {
                    self.compact_clock(time)
                }
            }
            _ => self.part(digits),
        }
    }

    fn compact_clock(&mut self, digits: &str) -> Result<(), &'static str> {
        let clock = ClockNumbers::read_compact(digits, &mut self.tokens);
        self.set_clock(clock)
    }

    fn set_clock(&mut self, clock: ClockNumbers) -> Result<(), &'static str> {
        if self.clock.replace(clock).is_some() {
            return Err("holds more than one time of day");
        }
        self.after_clock = true;
        Ok(())
    }

    fn part(&mut self, digits: &str) -> Result<(), &'static str> {
        let part = match digits.len() {
            1 | 2 => DatePart::Number(small(digits)),
            4 => DatePart::Year(small(digits)),
            _ => return Err(STRANGE_NUMBER),
        };
        if let Some(DateToken::Word(suffix)) = self.tokens.peek(0)
            && ["st", "nd", "rd", "th"]
                .iter()
                .any(|known| suffix.eq_ignore_ascii_case(known))
        {
            self.tokens.next();
        }
        self.push(part)
    }

    fn push(&mut self, part: DatePart) -> Result<(), &'static str> {
        if self.parts.len() == 3 {
            return Err("holds more than one date");
        }
        self.parts.push(part);
        Ok(())
    }

    fn word(&mut self, word: &str, after_clock: bool) -> Result<(), &'static str> {
        let word = word.to_ascii_lowercase();
        let index_in = |names: &[&str]| {
            (word.len() >= 3).then(|| names.iter().position(|name| name.starts_with(&word)))?
        };
        if let Some(month) = index_in(&MONTHS) {
            self.tokens.skip_mark('.');
            return self.push(DatePart::Month(month as u32 + 1));
        }
        if index_in(&WEEKDAYS).is_some() {
            self.tokens.skip_mark('.');
            return Ok(());
        }
        match word.as_str() {
            "am" | "pm" | "a" | "p" if after_clock && self.meridiem.is_none() => {
                self.meridiem = Some(Meridiem::read(&word, &mut self.tokens).ok_or(STRANGE_WORD)?);
                self.after_clock = true;
                Ok(())
            }
            "t" if self.parts.len() == 3
                && self.clock.is_none()
                && matches!(self.tokens.peek(0), Some(DateToken::Number(_))) =>
            {
                Ok(())
            }
            "at" | "on" | "of" => Ok(()),
            "utc" | "gmt" if matches!(self.tokens.peek(0), Some(DateToken::Mark('+' | '-'))) => {
                Err(OFFSET_TO_NAME)
            }
            "z" | "utc" | "gmt" if self.offset_s.is_none() => {
                self.offset_s = Some(0);
                Ok(())
            }
            _ if self.clock.is_some() && word.len() <= 5 => Err(NO_ABBREVIATION),
            _ => Err(STRANGE_WORD),
        }
    }

    fn comment(&mut self) -> Result<(), &'static str> {
        while let Some(token) = self.tokens.next() {
            if token == DateToken::Mark(')') {
                return Ok(());
            }
        }
        Err("a parenthesis is not closed")
    }
}
