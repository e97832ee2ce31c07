//! The forms in which the archive may hold a value that a query names.
//!
//! The filters read `YA.RU`, `ya[.]ru` and `ya.ru.` as one host, and turn ports into ints. A query must find the same
//! value in any of these spellings, so [`forms`] reads it with the filters' own code. A sighting is stored as it was
//! submitted, so the written form is always among the results.

mod guess;
mod names;
mod web;

#[cfg(test)]
mod tests;

use tahoe_core::{Attribute, Finite, Scalar, SubType};

use crate::{fields, url, vocab};

pub use guess::guess;
pub use names::{ATTRIBUTES, hint, is_known, of_sessions};

use names::ValueForm;

/// The reason why a value does not agree with its sub_type. It begins with a verb: "is not a port …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Unfit {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Returns the attributes that this value may be, at most six. The first is the one that a filter makes, the last the
/// one that was written.
///
/// A number, true, false and null keep their type, because JSON and `--type` give it. A text may stand for one of them.
///
/// # Errors
/// If no value of this sub_type looks like that.
pub fn forms(sub_type: &SubType, value: &Scalar) -> Result<Vec<Attribute>, Unfit> {
    let as_written = Attribute::checked(sub_type.clone(), value.clone())
        .map_err(|error| Unfit::new(format!("is a number, and {error}")))?;
    let written = value.to_string();
    let text = written.trim();
    let mut forms = match names::form(sub_type) {
        ValueForm::Text => of_text(sub_type, value),
        ValueForm::Lower => texts(sub_type, [text.to_lowercase()]),
        ValueForm::AnyCase => texts(sub_type, [text.to_uppercase(), text.to_lowercase()]),
        ValueForm::Hex(digits) => texts(sub_type, [hex(text, digits)?]),
        ValueForm::Address => vec![web::address(sub_type, text)?],
        ValueForm::Host => vec![web::host(sub_type, text)?],
        ValueForm::Url => texts(sub_type, web::urls(text)),
        ValueForm::Mail => vec![web::mail(text)?],
        ValueForm::Port => vec![Attribute::new(vocab::PORT, i64::from(port(value)?))],
        ValueForm::Whole => vec![Attribute::new(sub_type.clone(), whole(value)?)],
        ValueForm::TrueOrFalse => vec![Attribute::new(sub_type.clone(), truth(value)?)],
        ValueForm::Asn => vec![fields::asn(text).ok_or_else(|| {
            Unfit::new("is not the number of an autonomous system, such as 64496 or AS64496")
        })?],
        ValueForm::Network => vec![fields::cidr(&web::meant(text)).ok_or_else(|| {
            Unfit::new("is not a network, such as 203.0.113.0/24 or 2001:db8::/32")
        })?],
        ValueForm::Cve => texts(sub_type, [cve(text)?]),
        ValueForm::Country => texts(sub_type, [country(text)?]),
    };
    // an address that is queried as `ip` is stored under no such name
    if sub_type.as_str() != names::IP {
        forms.push(as_written);
    }
    let mut seen = std::collections::HashSet::new();
    forms.retain(|form| seen.insert(form.hash()));
    Ok(forms)
}

/// Returns the one form in which all spellings of a value meet: of a URL that of the URL standard, of other values the one
/// that a filter makes. It is among [`forms`] of each spelling.
///
/// # Errors
/// If no value of this sub_type looks like that.
pub fn common_form(sub_type: &SubType, text: &str) -> Result<Attribute, Unfit> {
    let forms = forms(sub_type, &text.into())?;
    if names::form(sub_type) == ValueForm::Url {
        let [_, of_standard, ..] = web::urls(text.trim());
        return Ok(Attribute::new(sub_type.clone(), of_standard));
    }
    let first = forms.into_iter().next();
    first.ok_or_else(|| Unfit::new("has no form"))
}

/// Returns the forms of a text, which an archive may hold as a number or a truth value, and the other way around.
fn of_text(sub_type: &SubType, value: &Scalar) -> Vec<Attribute> {
    let Scalar::Str(text) = value else {
        return match value {
            Scalar::Null => vec![],
            _ => texts(sub_type, [value.to_string()]),
        };
    };
    let text = text.trim();
    let other = match text {
        "true" => Some(Scalar::Bool(true)),
        "false" => Some(Scalar::Bool(false)),
        _ => number(text),
    };
    let other = other.and_then(|other| Attribute::checked(sub_type.clone(), other).ok());
    let mut forms = texts(sub_type, [text.to_owned()]);
    forms.extend(other);
    forms
}

/// Returns the number that is written in exactly this way.
fn number(text: &str) -> Option<Scalar> {
    if let Ok(int) = text.parse::<i64>() {
        return (int.to_string() == text).then_some(Scalar::Int(int));
    }
    let float = Scalar::Float(Finite::new(text.parse().ok()?).ok()?);
    (float.to_string() == text).then_some(float)
}

fn texts<const N: usize>(sub_type: &SubType, texts: [String; N]) -> Vec<Attribute>
where
    [String; N]: IntoIterator<Item = String>,
{
    texts
        .into_iter()
        .map(|text| Attribute::new(sub_type.clone(), text))
        .collect()
}

fn hex(text: &str, digits: usize) -> Result<String, Unfit> {
    let whole = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    match whole {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Unfit::new(format!(
            "is not a hash of this kind, which has {digits} hex digits"
        ))),
    }
}

fn port(value: &Scalar) -> Result<u16, Unfit> {
    let wrong = || Unfit::new("is not a port, which is a number from 0 to 65535");
    u16::try_from(whole(value).map_err(|_| wrong())?).map_err(|_| wrong())
}

fn whole(value: &Scalar) -> Result<i64, Unfit> {
    let whole = match value {
        Scalar::Int(int) => Some(*int),
        Scalar::Float(float) if float.get().fract() == 0.0 && float.get().abs() < 9e15 => {
            Some(float.get() as i64)
        }
        Scalar::Str(text) => text.trim().parse().ok(),
        Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => None,
    };
    whole.ok_or_else(|| Unfit::new("is not a whole number"))
}

fn truth(value: &Scalar) -> Result<bool, Unfit> {
    let text = value.to_string().trim().to_ascii_lowercase();
    text.parse()
        .map_err(|_| Unfit::new("is neither true nor false"))
}

fn cve(text: &str) -> Result<String, Unfit> {
    let upper = text.to_ascii_uppercase();
    let parts: Vec<&str> = upper.split('-').collect();
    let digits = |part: &str| part.len() >= 4 && part.bytes().all(|b| b.is_ascii_digit());
    match parts[..] {
        ["CVE", year, number] if digits(year) && digits(number) => Ok(upper),
        _ => Err(Unfit::new("is not an identifier such as CVE-2021-44228")),
    }
}

fn country(text: &str) -> Result<String, Unfit> {
    match text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        true => Ok(text.to_ascii_uppercase()),
        false => Err(Unfit::new("is not a country's code of two letters")),
    }
}
