//! The name nearest to a mistyped one.

/// The longest name that is compared, in characters; all names of this suite are shorter.
const MAX_CHARS: usize = 64;

/// Returns the one of `names` that `given` was most likely meant to be. At most a third of its characters may differ,
/// where two swapped neighbours count as one. `None` if no name is that near.
///
/// ```
/// use tahoe_core::nearest;
///
/// assert_eq!(nearest("cowri", ["cowrie", "email"]), Some("cowrie"));
/// assert_eq!(nearest("netflow", ["cowrie", "email"]), None);
/// ```
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.chars().take(MAX_CHARS + 1).collect();
    if given.len() > MAX_CHARS {
        return None;
    }
    let lower: Vec<char> = given.iter().map(char::to_ascii_lowercase).collect();
    let within = (lower.len() / 3).max(1);
    let near = names.into_iter().filter_map(|name| {
        let chars: Vec<char> = name.chars().take(MAX_CHARS + 1).collect();
        let near = chars.len() <= MAX_CHARS && chars.len().abs_diff(lower.len()) <= within;
        let changes = near.then(|| changes(&lower, &chars))?;
        (changes <= within && changes < lower.len()).then_some((changes, name))
    });
    near.min().map(|(_, name)| name)
}

/// Returns the number of characters to insert, remove, replace or swap with their neighbour to turn `b` into `a`
/// (optimal string alignment). Takes time proportional to the product of the lengths.
fn changes(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 5] = ["cowrie", "email", "misp_event", "password", "url"];

    #[test]
    fn slips_of_the_fingers_are_understood() {
        for (given, meant) in [
            ("cowrei", "cowrie"),
            ("cowri", "cowrie"),
            ("Cowrie", "cowrie"),
            ("e-mail", "email"),
            ("passwrod", "password"),
            ("mispevent", "misp_event"),
            ("ulr", "url"),
        ] {
            assert_eq!(nearest(given, NAMES), Some(meant), "{given}");
        }
    }

    #[test]
    fn what_is_like_nothing_is_taken_for_nothing() {
        let long = "cowrie".repeat(100_000);
        for given in ["", "x", "syslog", "zeek", long.as_str()] {
            assert_eq!(nearest(given, NAMES), None, "{given:.20}");
        }
    }
}
