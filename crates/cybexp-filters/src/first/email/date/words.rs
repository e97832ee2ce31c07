//! The words of a date, each read by itself: day, month, year, clock, zone.

use tahoe_core::time::parse_tzname;

use super::names;

/// The most words of a date: day of the week, day, month, year, time, zone, and some to spare.
const WORDS: usize = 16;
/// Words that are skipped: they stand between others and mean nothing.
const FILLERS: [&str; 12] = [
    "at", "of", "de", "den", "del", "the", "um", "uhr", "kl", "klo", "à", "às",
];
/// The range, 2001 to 2033, in which a number of ten digits alone is read as Unix seconds.
const EPOCH_S: std::ops::Range<f64> = 1e9..2e9;

/// A day as written, which may not exist in the calendar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Day {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

/// The zone that a date names.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) enum Zone {
    #[default]
    Unsaid,
    /// Minutes east of UTC, the likeliest first.
    Known(Vec<i32>),
    /// An IANA name.
    Named(String),
    Unknown,
}

impl Zone {
    pub(super) fn offsets(&self) -> Vec<Option<i32>> {
        match self {
            Self::Known(minutes) => minutes.iter().copied().map(Some).collect(),
            Self::Unsaid | Self::Unknown | Self::Named(_) => vec![None],
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

/// The parsed words of a date.
#[derive(Debug, Default)]
pub(super) struct DateWords {
    /// The possible days, the likeliest first.
    pub(super) days: Vec<Day>,
    /// `HH:MM:SS` with the fraction, if there is one; `None` where only a day is named.
    pub(super) clock: Option<String>,
    pub(super) zone: Zone,
    /// Unix seconds, if the date is written as such.
    pub(super) epoch: Option<f64>,
    /// For a day in figures: whether its separator leaves open which figure is the month.
    is_slashed: bool,
}

/// Words read so far, before they are put together.
#[derive(Debug, Default)]
struct Collected {
    /// Day and year, each with its number of figures.
    numbers: Vec<(u32, usize)>,
    /// The month that a word names, and whether it was the first word: `mar` also means Tuesday.
    month: Option<(u32, bool)>,
    /// A day in figures, as three numbers, and what separates them.
    figures: Option<([(u32, usize); 3], char)>,
    clock: Option<TimeOfDay>,
    is_afternoon: Option<bool>,
    zone: Zone,
    has_offset: bool,
}

#[derive(Debug)]
struct TimeOfDay {
    hour: u32,
    minute: u32,
    second: u32,
    /// The fraction of a second, with the point before it.
    fraction: String,
}

impl DateWords {
    /// Reads a date; `None` if a word is not understood or there are too many.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (plain, comment) = without_comments(text);
        let plain = if plain.contains('年') {
            plain.replace(['年', '月'], "-").replace('日', " ")
        } else {
            plain
        };
        let plain = compact(&plain).unwrap_or(plain);
        let words: Vec<&str> = plain
            .split(|c: char| c.is_whitespace() || c == ',' || c == '"')
            .filter(|word| !word.is_empty())
            .collect();
        if words.len() > WORDS {
            return None;
        }
        if let [word] = words.as_slice()
            && let Some(epoch) = epoch(word)
        {
            return Some(Self {
                epoch: Some(epoch),
                ..Self::default()
            });
        }
        let mut seen = Collected::default();
        for (at, word) in words.iter().enumerate() {
            seen.take(word, at == 0)?;
        }
        if seen.zone == Zone::Unsaid {
            let zone = names::zone(&comment.trim().to_lowercase());
            seen.zone = zone.map_or(Zone::Unsaid, |minutes| Zone::Known(minutes.to_vec()));
        }
        seen.put_together()
    }

    /// Whether it is left open which figure is the month.
    pub(super) fn is_ambiguous_day(&self) -> bool {
        self.is_slashed && self.days.len() > 1
    }
}

/// Returns the text outside of parentheses, and the content of the first parentheses.
fn without_comments(text: &str) -> (String, &str) {
    let Some((before, rest)) = text.split_once('(') else {
        return (text.to_owned(), "");
    };
    let (comment, mut rest) = rest.split_once(')').unwrap_or((rest, ""));
    let mut plain = format!("{before} ");
    while let Some((more, after)) = rest.split_once('(') {
        plain.push_str(more);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    (plain, comment)
}

/// `20240301100000` with signs between day and time.
fn compact(text: &str) -> Option<String> {
    let text = text.trim();
    let is_time = text.len() == 14
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.starts_with("19") || text.starts_with("20"));
    is_time.then(|| {
        let (day, time) = text.split_at(8);
        let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
        format!(
            "{year}-{month}-{day} {}:{}:{}",
            &time[..2],
            &time[2..4],
            &time[4..]
        )
    })
}

fn epoch(word: &str) -> Option<f64> {
    let is_number = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = word.parse().ok().filter(|_| is_number)?;
    [number, number / 1e3]
        .into_iter()
        .find(|seconds| EPOCH_S.contains(seconds))
}

impl Collected {
    fn take(&mut self, original: &str, is_first: bool) -> Option<()> {
        let word = original.to_lowercase();
        let word = word.as_str();
        if let Some(number) = number(word) {
            self.numbers.push(number);
        } else if word.starts_with(|c: char| c.is_ascii_digit()) && word.contains(':') {
            self.take_clock(word)?;
        } else if word.starts_with(['+', '-']) {
            self.take_offset(word)?;
        } else if self.take_figures(word).is_some() {
            // taken
        } else if self.is_dotted_clock(word) {
            self.take_clock(&word.replace('.', ":"))?;
        } else if let Some(rest) = ["gmt", "utc", "ut"]
            .iter()
            .find_map(|name| offset_behind(word, name))
        {
            self.take_offset(rest)?;
        } else if let "am" | "a.m." | "pm" | "p.m." = word {
            self.is_afternoon = Some(word.starts_with('p'));
        } else if let Some(month) = names::month(word) {
            match self.month {
                Some((_, false)) => return None,
                _ => self.month = Some((month, is_first)),
            }
        } else if let Some(minutes) = names::zone(word) {
            if self.zone == Zone::Unsaid {
                self.zone = Zone::Known(minutes.to_vec());
            }
        } else if original.contains('/') && self.clock.is_some() {
            parse_tzname(original).ok()?;
            self.zone = Zone::Named(original.to_owned());
        } else if !FILLERS.contains(&word.trim_end_matches('.')) {
            self.take_other(word)?;
        }
        Some(())
    }

    /// Takes any other word: a day of the week before all else, in any language, or an unknown zone behind the time.
    fn take_other(&mut self, word: &str) -> Option<()> {
        const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let is_word = word
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, '.' | '-'));
        let is_weekday = word.get(..3).is_some_and(|start| WEEKDAYS.contains(&start));
        let is_nothing_yet =
            self.numbers.is_empty() && self.month.is_none() && self.clock.is_none();
        let is_date = self.numbers.is_empty() && self.figures.is_none();
        if is_word && (is_weekday || (is_nothing_yet && is_date)) {
            return Some(());
        }
        let is_zone = self.clock.is_some()
            && word.len() <= 5
            && word.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_zone {
            return None;
        }
        if self.zone == Zone::Unsaid {
            self.zone = Zone::Unknown;
        }
        Some(())
    }

    /// Takes a clock such as `10:00:00`, with an attached fraction, zone or `pm`, or a day and a `T` before it.
    fn take_clock(&mut self, word: &str) -> Option<()> {
        if let Some((day, clock)) = word.split_once('t')
            && clock.starts_with(|c: char| c.is_ascii_digit())
        {
            self.take_figures(day)?;
            return self.take_clock(clock);
        }
        let is_clock = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
        let (clock, rest) = word.split_at(word.find(|c| !is_clock(c)).unwrap_or(word.len()));
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut parts = clock
            .split(':')
            .map(|part| number(part).filter(|(_, figures)| *figures <= 2));
        let mut next = || parts.next().map(|part| part.map(|(value, _)| value));
        let (hour, minute) = (next()??, next()??);
        let second = next().unwrap_or(Some(0))?;
        if next().is_some() || self.clock.is_some() {
            return None;
        }
        let figures: String = fraction
            .chars()
            .filter(char::is_ascii_digit)
            .take(6)
            .collect();
        let fraction = if figures.is_empty() {
            figures
        } else {
            format!(".{figures}")
        };
        self.clock = Some(TimeOfDay {
            hour,
            minute,
            second,
            fraction,
        });
        if rest.is_empty() {
            Some(())
        } else {
            self.take(rest, false)
        }
    }

    /// Tells whether a word is a time with dots, as `10.00.00`, behind a day.
    fn is_dotted_clock(&self, word: &str) -> bool {
        let has_day = self.month.is_some() || self.figures.is_some();
        let parts = word.split('.').filter(|part| {
            (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        });
        has_day
            && self.clock.is_none()
            && (2..=3).contains(&parts.count())
            && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    }

    /// Takes an offset such as `+0100`, `+01:00`, `-5`. Only the first one counts.
    fn take_offset(&mut self, word: &str) -> Option<()> {
        let figures: String = word.chars().skip(1).filter(|c| *c != ':').collect();
        if figures.is_empty() || !figures.bytes().all(|b| b.is_ascii_digit()) {
            // a dash between words
            return (word == "-").then_some(());
        }
        let value: i32 = figures.parse().ok().filter(|_| figures.len() <= 4)?;
        let (hours, minutes) = if figures.len() <= 2 {
            (value, 0)
        } else {
            (value / 100, value % 100)
        };
        if !self.has_offset {
            let sign = if word.starts_with('-') { -1 } else { 1 };
            let is_offset = hours <= 14 && minutes < 60;
            self.has_offset = true;
            self.zone = if is_offset {
                Zone::Known(vec![sign * (hours * 60 + minutes)])
            } else {
                Zone::Unknown
            };
        }
        Some(())
    }

    /// Takes a day in figures: `01-03-2024`, `2024/03/01`, `1.3.24`, `1-Mar-2024`.
    fn take_figures(&mut self, word: &str) -> Option<()> {
        let separator = ['-', '/', '.'].into_iter().find(|c| word.contains(*c))?;
        let parts: Vec<&str> = word.trim_end_matches(separator).split(separator).collect();
        let [first, second, third] = parts.as_slice() else {
            return None;
        };
        let (first, third) = (number(first)?, number(third)?);
        if self.figures.is_some() || !self.numbers.is_empty() {
            return None;
        }
        match (number(second), names::month(second)) {
            (Some(second), _) => self.figures = Some(([first, second, third], separator)),
            (None, Some(month)) => {
                self.month = Some((month, false));
                self.numbers = vec![first, third];
            }
            (None, None) => return None,
        }
        Some(())
    }

    fn put_together(self) -> Option<DateWords> {
        let (days, is_slashed) = match (self.figures, self.month) {
            (Some((figures, separator)), None | Some((_, true))) if self.numbers.is_empty() => {
                let is_american = separator == '/' && self.is_afternoon.is_some();
                (days(figures, is_american), separator == '/' && !is_american)
            }
            // `2024. 3. 1.`
            (None, None) => match self.numbers.as_slice() {
                [year @ (_, 4), month, day] => (days([*year, *month, *day], false), false),
                _ => return None,
            },
            (None, Some((month, _))) => {
                let [first, second] = self.numbers.as_slice() else {
                    return None;
                };
                let (day, of_year) = if first.1 <= 2 {
                    (first, second)
                } else {
                    (second, first)
                };
                let year = year(*of_year)?;
                (
                    vec![Day {
                        year,
                        month,
                        day: day.0,
                    }],
                    false,
                )
            }
            _ => return None,
        };
        let clock = match &self.clock {
            Some(clock) => Some(clock.written(self.is_afternoon)?),
            None => None,
        };
        Some(DateWords {
            days,
            clock,
            zone: self.zone,
            epoch: None,
            is_slashed,
        })
    }
}

impl TimeOfDay {
    fn written(&self, is_afternoon: Option<bool>) -> Option<String> {
        let hour = match (is_afternoon, self.hour) {
            (Some(false), 12) => 0,
            (Some(true), 1..12) => self.hour + 12,
            _ => self.hour,
        };
        let is_time = hour < 24 && self.minute < 60 && self.second <= 60;
        // A leap second has no place in Unix time.
        let second = self.second.min(59);
        is_time.then(|| format!("{hour:02}:{:02}:{second:02}{}", self.minute, self.fraction))
    }
}

/// Returns the possible days of three figures. The year stands first or last. With `/` and `pm` the month comes first,
/// else the day.
fn days(figures: [(u32, usize); 3], is_american: bool) -> Vec<Day> {
    let [first, second, third] = figures;
    let day = |of_year, month: (u32, usize), day: (u32, usize)| {
        let is_day = (1..=12).contains(&month.0) && (1..=31).contains(&day.0);
        Some(Day {
            year: year(of_year)?,
            month: month.0,
            day: day.0,
        })
        .filter(|_| is_day)
    };
    let mut meant = if first.1 == 4 {
        vec![day(first, second, third)]
    } else if is_american {
        vec![day(third, first, second), day(third, second, first)]
    } else {
        vec![day(third, second, first), day(third, first, second)]
    };
    if third.1 == 2 && first.1 == 2 {
        meant.push(day(first, second, third));
    }
    let mut days: Vec<Day> = meant.into_iter().flatten().collect();
    days.dedup();
    days
}

/// Returns a year. One of two figures is of this or the last century. One of three figures counts from 1900 (RFC 5322,
/// 4.3), and so does a number that a program wrote behind `19`.
fn year((value, figures): (u32, usize)) -> Option<u32> {
    let year = match figures {
        2 if value < 50 => 2000 + value,
        2 | 3 => 1900 + value,
        5 if (19_100..19_200).contains(&value) => value - 17_100,
        4 => value,
        _ => return None,
    };
    (1970..=9999).contains(&year).then_some(year)
}

/// Reads a number, with its number of figures; `1st` and `1.` are numbers, too.
fn number(word: &str) -> Option<(u32, usize)> {
    const ENDS: [&str; 7] = ["st", "nd", "rd", "th", "er", "º", "."];
    let figures = ENDS
        .iter()
        .find_map(|end| word.strip_suffix(end))
        .unwrap_or(word);
    let is_number = !figures.is_empty() && figures.bytes().all(|b| b.is_ascii_digit());
    let value = figures.parse().ok().filter(|_| is_number)?;
    Some((value, figures.len()))
}

fn offset_behind<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    word.strip_prefix(name)
        .filter(|rest| rest.starts_with(['+', '-']))
}
