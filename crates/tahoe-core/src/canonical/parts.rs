//! Canonical forms of lists and objects, made of those of their parts.

use super::length::{TEXT_BYTES, TooLarge};
use super::sink::Text;
use super::walk;

/// Returns the form of an array, given the forms of its elements.
pub(crate) fn list(mut forms: Vec<String>) -> Result<String, TooLarge> {
    forms.sort_unstable();
    forms.dedup();
    let mut out = Text(String::from("["));
    for (i, form) in forms.iter().enumerate() {
        if i > 0 {
            out.0.push_str(", ");
        }
        walk::string(form, 0, &mut out);
        check(&out)?;
    }
    out.0.push(']');
    Ok(out.0)
}

/// Returns the form of an object, given its keys in order and the forms of their values.
pub(crate) fn object<'a>(
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<String, TooLarge> {
    let mut out = Text(String::from("{"));
    for (i, (key, form)) in entries.enumerate() {
        if i > 0 {
            out.0.push_str(", ");
        }
        walk::string(key, 0, &mut out);
        out.0.push_str(": ");
        walk::string(form, 0, &mut out);
        check(&out)?;
    }
    out.0.push('}');
    Ok(out.0)
}

fn check(out: &Text) -> Result<(), TooLarge> {
    match out.0.len() as u64 > TEXT_BYTES {
        true => Err(TooLarge { limit: TEXT_BYTES }),
        false => Ok(()),
    }
}
