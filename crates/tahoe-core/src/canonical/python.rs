//! Doubles as Python prints them, and text as Python strips it.

/// Returns text without the white space that Python's `str.strip()` removes: Unicode's, and U+001C to U+001F.
pub fn python_strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// Returns a finite double as Python's `repr` prints it: `1.0`, `1e+16`, `1e-05`, `0.0001`.
pub fn python_float(value: f64) -> String {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format(value);
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    if !shortest.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("{sign}{shortest}");
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().expect("zmij prints an integer exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all[leading..].trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // value = 0.DIGITS * 10^point; repr changes to the exponent form where CPython's float_repr_style does
    let point = whole.len() as i32 + exponent - leading as i32;
    let count = digits.len() as i32;
    match point {
        -3..=0 => format!("{sign}0.{}{digits}", "0".repeat(-point as usize)),
        1..=16 if count <= point => {
            format!("{sign}{digits}{}.0", "0".repeat((point - count) as usize))
        }
        1..=16 => format!(
            "{sign}{}.{}",
            &digits[..point as usize],
            &digits[point as usize..]
        ),
        _ => {
            let (first, more) = digits.split_at(1);
            let dot = if more.is_empty() { "" } else { "." };
            let e = point - 1;
            let esign = if e < 0 { '-' } else { '+' };
            format!("{sign}{first}{dot}{more}e{esign}{:02}", e.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1_059_438_285_926_254.2, "1059438285926254.2"),
            (1_588_042_205.834_291, "1588042205.834291"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
