//! The attribute that a judgement is about.

use tahoe_core::{Attribute, Scalar, SubType, Value};

use crate::{excerpt, normal, vocab, vocabulary};

/// The longest value that is judged, in bytes.
const VALUE_BYTES: usize = 32 << 10;

/// The attributes that say what a verdict is, and so cannot be what it is about.
const OF_VERDICTS: [SubType; 3] = [vocab::ANALYST, vocab::REASON, vocab::VERDICT];

/// Returns the attribute that is judged, in the form in which filters make it. Every spelling of a value gives the same
/// one, and [`vocabulary::forms`] of every spelling has it.
///
/// # Errors
/// If no value of this sub_type looks like that. The reason begins with the field.
pub fn judged(sub_type: &str, data: &Value) -> Result<Attribute, String> {
    let sub_type = SubType::new(sub_type).map_err(|error| format!("field sub_type: {error}"))?;
    if OF_VERDICTS.contains(&sub_type) {
        return Err(format!(
            "field sub_type: `{sub_type}` is part of verdicts, and not judged"
        ));
    }
    let value = Scalar::try_from(data).map_err(|error| format!("field data: {error}"))?;
    let text = value.as_str();
    if text.is_some_and(|text| text.len() > VALUE_BYTES) {
        return Err(format!("field data: is longer than {VALUE_BYTES} bytes"));
    }
    if text.is_some_and(|text| text.trim().is_empty()) {
        return Err("field data: is empty".to_owned());
    }
    let unfit = |reason: &dyn std::fmt::Display| {
        format!("field data: {} {reason}", excerpt(&value.to_string()))
    };
    match &value {
        Scalar::Str(text) => {
            vocabulary::common_form(&sub_type, text).map_err(|error| unfit(&error))
        }
        // a number keeps its type, unless filters write the sub_type as text
        _ => {
            vocabulary::forms(&sub_type, &value).map_err(|error| unfit(&error))?;
            normal(&sub_type, &value).map_err(|error| format!("field data: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_spellings_of_a_value_are_judged_as_one() {
        for (sub_type, spellings) in [
            ("ipv4", [json!("203.0.113.9"), json!("203[.]0[.]113[.]9")]),
            ("ip", [json!("203.0.113.9"), json!(" 203.0.113.9 ")]),
            ("domain", [json!("evil.example"), json!("EVIL[.]example.")]),
            (
                "url",
                [
                    json!("http://evil.example/a"),
                    json!("hxxp://evil[.]example/a"),
                ],
            ),
            ("port", [json!(22), json!("22")]),
            ("asn", [json!(64496), json!("AS64496")]),
            ("success", [json!(true), json!("True")]),
            ("shell_command", [json!("uname -a"), json!("uname -a\n")]),
            ("email_addr", [json!("j@e.example"), json!("J@E.example")]),
        ] {
            let made = spellings
                .each_ref()
                .map(|value| judged(sub_type, value).unwrap());
            assert_eq!(made[0].hash(), made[1].hash(), "{sub_type}");
            for value in &spellings {
                let sub_type = SubType::new(sub_type).unwrap();
                let value = Scalar::try_from(value).unwrap();
                let forms = vocabulary::forms(&sub_type, &value).unwrap();
                let found = forms.iter().any(|form| form.hash() == made[0].hash());
                assert!(found, "{sub_type} {value}");
            }
        }
        let number = judged("size", &json!(7)).unwrap();
        assert_eq!(number.data(), &Scalar::Int(7));
    }

    #[test]
    fn a_value_that_cannot_be_one_is_refused_with_the_field() {
        for (sub_type, value, reason) in [
            (
                "ipv4",
                json!("999.1.1.1"),
                "field data: `999.1.1.1` is not an IPv4 address",
            ),
            ("2nd", json!("a"), "field sub_type: "),
            (
                "reason",
                json!("a"),
                "field sub_type: `reason` is part of verdicts",
            ),
            ("url", json!(["a"]), "field data: "),
            ("url", json!("  "), "field data: is empty"),
            ("sha256", json!("e3b0c442"), "field data: `e3b0c442` is not"),
            ("port4", json!(444), "field data: `444` is a number"),
            (
                "shell_command",
                json!("a".repeat(VALUE_BYTES + 1)),
                "field data: is longer",
            ),
        ] {
            let refused = judged(sub_type, &value).unwrap_err();
            assert!(refused.starts_with(reason), "{refused}");
        }
    }
}
