//! The time of day, and the offset of a clock from UTC.

use chrono::NaiveTime;

use super::lex::{DateToken, DateTokens, small};

const BAD_CLOCK: &str = "the time of day does not exist";
const BAD_OFFSET: &str = "the offset is not one like +02:00, +0200 or +2";

/// The half of the day: a.m. or p.m.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meridiem {
    Am,
    Pm,
}

impl Meridiem {
    /// Whether the next word is a.m. or p.m.
    pub(super) fn follows(tokens: &DateTokens<'_>) -> bool {
        let ahead = usize::from(tokens.peek(0) == Some(DateToken::Space));
        let Some(DateToken::Word(word)) = tokens.peek(ahead) else {
            return false;
        };
        match word.to_ascii_lowercase().as_str() {
            "am" | "pm" => true,
            "a" | "p" => tokens.peek(ahead + 1) == Some(DateToken::Mark('.')),
            _ => false,
        }
    }

    /// Reads the rest of `am`, `pm`, `a.m.` or `p.m.`, which begins with `word` in lower case.
    pub(super) fn read(word: &str, tokens: &mut DateTokens<'_>) -> Option<Self> {
        if word.len() == 1 {
            let m = tokens.skip_mark('.').then(|| tokens.next())??;
            if !matches!(m, DateToken::Word("m" | "M")) {
                return None;
            }
            tokens.skip_mark('.');
        }
        Some(if word.starts_with('a') {
            Self::Am
        } else {
            Self::Pm
        })
    }
}

/// The numbers of a clock, not yet checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ClockNumbers {
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
}

impl ClockNumbers {
    /// Reads the rest of `2:00`, `02:00:00`, `02:00:00.5` or `02:00:00,5`.
    pub(super) fn read(hour: &str, tokens: &mut DateTokens<'_>) -> Result<Self, &'static str> {
        let mut clock = Self {
            hour: small(hour),
            ..Self::default()
        };
        if tokens.skip_mark(':') {
            clock.minute = sixtieth(tokens)?;
        }
        if tokens.skip_mark(':') {
            clock.second = sixtieth(tokens)?;
            clock.micros = fraction(tokens);
        }
        Ok(clock)
    }

    /// Reads `02`, `0200` or `020000`, the last perhaps with a fraction.
    pub(super) fn read_compact(digits: &str, tokens: &mut DateTokens<'_>) -> Self {
        let pair = |at: usize| digits.get(at..at + 2).map_or(0, small);
        let hour = digits.get(..2).unwrap_or(digits);
        let mut clock = Self {
            hour: small(hour),
            minute: pair(2),
            second: pair(4),
            micros: 0,
        };
        if digits.len() == 6 {
            clock.micros = fraction(tokens);
        }
        clock
    }

    /// Returns the time of day, if there is such a time. With a.m. or p.m. the hour is 0 to 12, as in dateutil.
    pub(super) fn time(self, meridiem: Option<Meridiem>) -> Result<NaiveTime, &'static str> {
        let hour = match (meridiem, self.hour) {
            (None, hour) => hour,
            (Some(_), 13..) => return Err(BAD_CLOCK),
            (Some(Meridiem::Am), hour) => hour % 12,
            (Some(Meridiem::Pm), hour) => hour % 12 + 12,
        };
        NaiveTime::from_hms_micro_opt(hour, self.minute, self.second, self.micros).ok_or(BAD_CLOCK)
    }
}

fn sixtieth(tokens: &mut DateTokens<'_>) -> Result<u32, &'static str> {
    tokens
        .take_number()
        .filter(|digits| digits.len() <= 2)
        .map(small)
        .ok_or(BAD_CLOCK)
}

/// Reads a fraction, if one follows, in microseconds.
fn fraction(tokens: &mut DateTokens<'_>) -> u32 {
    match (tokens.peek(0), tokens.peek(1)) {
        (Some(DateToken::Mark('.' | ',')), Some(DateToken::Number(digits))) => {
            tokens.next();
            tokens.next();
            fraction_micros(digits.as_bytes())
        }
        _ => 0,
    }
}

/// Returns the microseconds of the digits behind a decimal point; those after the sixth are cut off.
pub(super) fn fraction_micros(digits: &[u8]) -> u32 {
    let six = digits
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(6);
    six.fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0'))
}

/// Reads the digits behind the sign of `+02:00`, `+0200`, `+02` or `+2`.
pub(super) fn read_offset(west: bool, tokens: &mut DateTokens<'_>) -> Result<i32, &'static str> {
    let digits = tokens.take_number().ok_or(BAD_OFFSET)?;
    let (hours, minutes) = match digits.len() {
        1 | 2 if tokens.skip_mark(':') => (
            digits,
            tokens
                .take_number()
                .filter(|m| m.len() == 2)
                .ok_or(BAD_OFFSET)?,
        ),
        1 | 2 => (digits, "0"),
        4 => digits.split_at(2),
        _ => return Err(BAD_OFFSET),
    };
    offset_seconds(west, small(hours), small(minutes)).ok_or(BAD_OFFSET)
}

/// Returns an offset in seconds east of UTC. It must be less than a day, as in Python.
pub(super) fn offset_seconds(west: bool, hours: u32, minutes: u32) -> Option<i32> {
    let size = (hours < 24 && minutes < 60).then_some((hours * 3600 + minutes * 60) as i32)?;
    Some(if west { -size } else { size })
}
