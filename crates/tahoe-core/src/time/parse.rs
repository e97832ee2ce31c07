//! Dates in the styles people write.
//!
//! One pass over the tokens collects the three parts of the date, the time of day and the offset, in whatever order they
//! stand. Which part is the day, the month and the year is decided at the end, by dateutil's rules.

use chrono::{NaiveDateTime, NaiveTime};

use super::clock::{BAD_CLOCK, Clock, Meridiem, fraction_micros, offset_seconds};
use super::day::{Part, resolve};
use super::lex::{Token, tokens};

/// What a text says: a date and time on a wall clock and, if written, that clock's offset in seconds east of UTC.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    pub(super) local: NaiveDateTime,
    pub(super) offset_s: Option<i32>,
}

/// Reads a date text, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Written, &'static str> {
    let mut reader = Reader { tokens: tokens(text), ..Reader::default() };
    while let Some(token) = reader.next() {
        reader.read(token)?;
    }
    let date = resolve(&reader.parts)?;
    let time = reader.clock.map_or(Ok(NaiveTime::MIN), |clock| clock.time(reader.meridiem))?;
    Ok(Written { local: NaiveDateTime::new(date, time), offset_s: reader.offset_s })
}

const MONTHS: [&str; 12] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const STRANGE_NUMBER: &str = "holds a number that is no part of a date";
const STRANGE_WORD: &str = "holds a word that is no part of a date";
const STRANGE_MARK: &str = "holds a character that is no part of a date";
const NO_ABBREVIATION: &str = "abbreviations of time zones are ambiguous: write an offset or set tzname";
const OFFSET_TO_NAME: &str = "UTC+3 is ambiguous: write the offset alone, east of UTC as +03:00";
const BAD_OFFSET: &str = "the offset is not one like +02:00, +0200 or +2";

#[derive(Default)]
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    /// Index of the token to read next.
    at: usize,
    parts: Vec<Part>,
    clock: Option<Clock>,
    meridiem: Option<Meridiem>,
    offset_s: Option<i32>,
    /// The last token but spaces belongs to the time of day: here a sign begins an offset.
    after_clock: bool,
    /// The last token but spaces separates parts of the date: here a number is such a part.
    after_separator: bool,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek(0);
        self.at += 1;
        token
    }

    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).copied()
    }

    /// Steps over the next token if it is this mark.
    fn skip_mark(&mut self, mark: char) -> bool {
        let found = self.peek(0) == Some(Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is a number.
    fn take_number(&mut self) -> Option<&'a str> {
        let Some(Token::Number(digits)) = self.peek(0) else { return None };
        self.at += 1;
        Some(digits)
    }

    fn read(&mut self, token: Token<'a>) -> Result<(), &'static str> {
        if token == Token::Space {
            return Ok(());
        }
        let after_clock = std::mem::take(&mut self.after_clock);
        let after_separator = std::mem::take(&mut self.after_separator);
        match token {
            Token::Space => Ok(()),
            Token::Number(digits) if after_separator => self.part(digits),
            Token::Number(digits) => self.number(digits),
            Token::Word(word) => self.word(word, after_clock),
            Token::Mark(mark @ ('+' | '-')) if after_clock && self.offset_s.is_none() => self.offset(mark == '-'),
            Token::Mark('-' | '/' | '.') if matches!(self.parts.len(), 1 | 2) && !after_separator => {
                self.after_separator = true;
                Ok(())
            }
            // Apache writes 21/May/2020:02:00:00.
            Token::Mark(':') if self.parts.len() == 3 && self.clock.is_none() => Ok(()),
            Token::Mark(',') => Ok(()),
            // RFC 5322 lets a comment follow the offset: +0200 (CEST).
            Token::Mark('(') if self.offset_s.is_some() => self.comment(),
            Token::Mark(_) => Err(STRANGE_MARK),
        }
    }

    fn number(&mut self, digits: &str) -> Result<(), &'static str> {
        let wants_clock = self.clock.is_none();
        match digits.len() {
            1 | 2 if wants_clock && self.peek(0) == Some(Token::Mark(':')) => self.clock(digits),
            1 | 2 if wants_clock && self.meridiem_follows() => self.compact_clock(digits),
            2 | 4 | 6 if wants_clock && self.parts.len() == 3 => self.compact_clock(digits),
            8 | 12 | 14 if self.parts.is_empty() => {
                let (date, time) = digits.split_at(8);
                self.parts.push(Part::Year(small(&date[..4])));
                self.parts.push(Part::Month(small(&date[4..6])));
                self.parts.push(Part::Number(small(&date[6..])));
                if time.is_empty() { Ok(()) } else { self.compact_clock(time) }
            }
            _ => self.part(digits),
        }
    }

    fn part(&mut self, digits: &str) -> Result<(), &'static str> {
        let part = match digits.len() {
            1 | 2 => Part::Number(small(digits)),
            4 => Part::Year(small(digits)),
            _ => return Err(STRANGE_NUMBER),
        };
        if let Some(Token::Word(suffix)) = self.peek(0)
            && ["st", "nd", "rd", "th"].iter().any(|known| suffix.eq_ignore_ascii_case(known))
        {
            self.at += 1;
        }
        self.push(part)
    }

    fn push(&mut self, part: Part) -> Result<(), &'static str> {
        if self.parts.len() == 3 {
            return Err("holds more than one date");
        }
        self.parts.push(part);
        Ok(())
    }

    /// The rest of `2:00`, `02:00:00`, `02:00:00.5` or `02:00:00,5`.
    fn clock(&mut self, hour: &str) -> Result<(), &'static str> {
        let mut clock = Clock { hour: small(hour), ..Clock::default() };
        if self.skip_mark(':') {
            clock.minute = self.sixtieth()?;
        }
        if self.skip_mark(':') {
            clock.second = self.sixtieth()?;
            clock.micros = self.fraction();
        }
        self.set_clock(clock);
        Ok(())
    }

    /// `02`, `0200` or `020000`, the last perhaps with a fraction.
    fn compact_clock(&mut self, digits: &str) -> Result<(), &'static str> {
        let pair = |at: usize| digits.get(at..at + 2).map_or(0, small);
        let hour = digits.get(..2).unwrap_or(digits);
        let mut clock = Clock { hour: small(hour), minute: pair(2), second: pair(4), micros: 0 };
        if digits.len() == 6 {
            clock.micros = self.fraction();
        }
        self.set_clock(clock);
        Ok(())
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
        self.after_clock = true;
    }

    fn sixtieth(&mut self) -> Result<u32, &'static str> {
        self.take_number().filter(|digits| digits.len() <= 2).map(small).ok_or(BAD_CLOCK)
    }

    /// The microseconds of a fraction, if one follows.
    fn fraction(&mut self) -> u32 {
        match (self.peek(0), self.peek(1)) {
            (Some(Token::Mark('.' | ',')), Some(Token::Number(digits))) => {
                self.at += 2;
                fraction_micros(digits.as_bytes())
            }
            _ => 0,
        }
    }

    fn meridiem_follows(&self) -> bool {
        let ahead = usize::from(self.peek(0) == Some(Token::Space));
        let Some(Token::Word(word)) = self.peek(ahead) else { return false };
        match word.to_ascii_lowercase().as_str() {
            "am" | "pm" => true,
            "a" | "p" => self.peek(ahead + 1) == Some(Token::Mark('.')),
            _ => false,
        }
    }

    /// The rest of `am`, `pm`, `a.m.` or `p.m.`.
    fn meridiem(&mut self, word: &str) -> Result<(), &'static str> {
        if word.len() == 1 {
            let m = self.skip_mark('.').then(|| self.next()).flatten();
            if !matches!(m, Some(Token::Word("m" | "M"))) {
                return Err(STRANGE_WORD);
            }
            self.skip_mark('.');
        }
        self.meridiem = Some(if word.starts_with('a') { Meridiem::Am } else { Meridiem::Pm });
        self.after_clock = true;
        Ok(())
    }

    fn word(&mut self, word: &str, after_clock: bool) -> Result<(), &'static str> {
        let word = word.to_ascii_lowercase();
        let index_in = |names: &[&str]| (word.len() >= 3).then(|| names.iter().position(|name| name.starts_with(&word)))?;
        if let Some(month) = index_in(&MONTHS) {
            self.skip_mark('.');
            return self.push(Part::Month(month as u32 + 1));
        }
        if index_in(&WEEKDAYS).is_some() {
            self.skip_mark('.');
            return Ok(());
        }
        match word.as_str() {
            "am" | "pm" | "a" | "p" if after_clock && self.meridiem.is_none() => self.meridiem(&word),
            "t" if self.parts.len() == 3 && self.clock.is_none() && matches!(self.peek(0), Some(Token::Number(_))) => Ok(()),
            "at" | "on" | "of" => Ok(()),
            "utc" | "gmt" if matches!(self.peek(0), Some(Token::Mark('+' | '-'))) => Err(OFFSET_TO_NAME),
            "z" | "utc" | "gmt" if self.offset_s.is_none() => {
                self.offset_s = Some(0);
                Ok(())
            }
            _ if self.clock.is_some() && word.len() <= 5 => Err(NO_ABBREVIATION),
            _ => Err(STRANGE_WORD),
        }
    }

    /// What follows the sign of `+02:00`, `+0200`, `+02` or `+2`.
    fn offset(&mut self, west: bool) -> Result<(), &'static str> {
        let digits = self.take_number().ok_or(BAD_OFFSET)?;
        let (hours, minutes) = match digits.len() {
            1 | 2 if self.skip_mark(':') => (digits, self.take_number().filter(|m| m.len() == 2).ok_or(BAD_OFFSET)?),
            1 | 2 => (digits, "0"),
            4 => digits.split_at(2),
            _ => return Err(BAD_OFFSET),
        };
        self.offset_s = Some(offset_seconds(west, small(hours), small(minutes)).ok_or(BAD_OFFSET)?);
        Ok(())
    }

    fn comment(&mut self) -> Result<(), &'static str> {
        while let Some(token) = self.next() {
            if token == Token::Mark(')') {
                return Ok(());
            }
        }
        Err("a parenthesis is not closed")
    }
}

/// The number of at most four digits.
fn small(digits: &str) -> u32 {
    digits.bytes().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
