//! The time of day, and the offset of a clock from UTC.

use chrono::NaiveTime;

pub(super) const BAD_CLOCK: &str = "the time of day does not exist";

/// Half of the day.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meridiem {
    Am,
    Pm,
}

/// What a clock shows, unchecked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
}

impl Clock {
    /// The time of day, if there is such a one; with a.m. or p.m. the hour is 0 to 12, as dateutil has it.
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

/// The microseconds of the digits behind a decimal point; those after the sixth are cut off.
pub(super) fn fraction_micros(digits: &[u8]) -> u32 {
    let six = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    six.fold(0, |micros, digit| micros * 10 + u32::from(digit - b'0'))
}

/// An offset in seconds east of UTC; less than a day, as Python has it.
pub(super) fn offset_seconds(west: bool, hours: u32, minutes: u32) -> Option<i32> {
    let size = (hours < 24 && minutes < 60).then_some((hours * 3600 + minutes * 60) as i32)?;
    Some(if west { -size } else { size })
}
