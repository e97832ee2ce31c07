//! The length of a canonical form, computed from the value alone.

use std::fmt::{self, Write};

use serde_json::{Number, Value};

use super::python::{python_float, python_strip};

/// The longest canonical form that is made as text, in bytes: eight times the size of the largest MongoDB document.
pub const TEXT_BYTES: u64 = 128 << 20;

/// The longest canonical form that is hashed, in bytes; hashing it takes half a second.
pub const HASHED_BYTES: u64 = 512 << 20;

/// The largest ratio of a canonical form's bytes to those of the value's own JSON text. MISP events, in which clusters
/// of galaxies refer to each other, reach 140.
pub const GROWTH: u64 = 512;

/// The length in bytes up to which a form is made whatever the ratio: that takes less than a millisecond.
const SMALL_BYTES: u64 = 64 << 10;

/// Error for a value whose canonical form exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nested too deeply: its canonical form is longer than {} KiB, for each level doubles its quotes", limit >> 10)]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit: u64,
}

/// Byte counts of the part of a value read so far.
pub(super) struct Length {
    /// Bytes in the canonical form.
    form: u64,
    /// Bytes in the value's own JSON text.
    plain: u64,
    limit: u64,
}

impl Length {
    /// Returns an upper bound of the form's length; see [`super::measure`].
    pub(super) fn of(value: &Value, limit: u64) -> Result<u64, TooLarge> {
        let mut length = Self {
            form: 0,
            plain: 0,
            limit,
        };
        length.value(value, 0)?;
        let limit = length.plain.saturating_mul(GROWTH).max(SMALL_BYTES);
        match length.form > limit {
            true => Err(TooLarge { limit }),
            false => Ok(length.form),
        }
    }

    fn add(&mut self, form: u64, plain: u64) -> Result<(), TooLarge> {
        self.form = self.form.saturating_add(form);
        self.plain = self.plain.saturating_add(plain);
        match self.form > self.limit {
            true => Err(TooLarge { limit: self.limit }),
            false => Ok(()),
        }
    }

    /// Counts a value that stands below `level` arrays and objects, and so is escaped `level` times.
    fn value(&mut self, value: &Value, level: u32) -> Result<(), TooLarge> {
        match value {
            Value::Null | Value::Bool(true) => self.add(4, 4),
            Value::Bool(false) => self.add(5, 5),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(python_strip(text), level),
            Value::Array(items) => {
                self.add(2, 2)?;
                for (at, item) in items.iter().enumerate() {
                    self.part(at, level)?;
                    self.value(item, level + 1)?;
                }
                Ok(())
            }
            Value::Object(map) => {
                self.add(2, 2)?;
                for (at, (key, value)) in map.iter().enumerate() {
                    self.part(at, level)?;
                    self.string(key, level)?;
                    self.add(2, 2)?;
                    self.value(value, level + 1)?;
                }
                Ok(())
            }
        }
    }

    /// Counts the quotes around the part at `at`, and the comma before it. They are counted before the part's content,
    /// so that reading a value that is only deep stops at once.
    fn part(&mut self, at: usize, level: u32) -> Result<(), TooLarge> {
        let comma = if at > 0 { 2 } else { 0 };
        self.add(2 * twice(level) + comma, comma)
    }

    fn number(&mut self, number: &Number) -> Result<(), TooLarge> {
        let mut count = Count(0);
        match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => count.0 = python_float(value).len() as u64,
            None => drop(write!(count, "{number}")),
        }
        self.add(count.0, count.0)
    }

    fn string(&mut self, text: &str, level: u32) -> Result<(), TooLarge> {
        let once = twice(level);
        self.add(2 * once, 2)?;
        let mut form = 0_u64;
        for c in text.chars() {
            form = form.saturating_add(match c {
                '"' | '\\' => once.saturating_mul(2),
                ' '..='~' => 1,
                '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => once.saturating_add(1),
                '\0'..='\u{ffff}' => once.saturating_add(5),
                _ => once.saturating_add(5).saturating_mul(2),
            });
        }
        self.add(form, text.len() as u64)
    }
}

/// Returns the number of characters that a quote takes after `level` escapes, each of which doubles it.
fn twice(level: u32) -> u64 {
    1_u64
        .checked_shl(level)
        .unwrap_or(u64::MAX >> 2)
        .min(u64::MAX >> 2)
}

/// A writer that only counts the bytes written.
struct Count(u64);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64;
        Ok(())
    }
}
