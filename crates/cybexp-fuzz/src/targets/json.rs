//! JSON, the canonical form, and documents of the database.

use tahoe_core::canonical::{TEXT_BYTES, canonical as canonical_of, decanonical, hash, measure};
use tahoe_core::json::{ParseError, parse, parse_within, weigh};
use tahoe_core::{Hash, Instance};

/// Reads a value. It is the same after it was written, and weighing agrees about what is JSON.
pub(super) fn value(bytes: &[u8]) {
    let _ = parse_within(bytes, 1000);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match parse(text) {
        Ok(value) => {
            weigh(text, &[]).expect("it was read");
            assert_eq!(parse(&value.to_string()), Ok(value));
        }
        Err(ParseError::Syntax(_)) => assert!(weigh(text, &[]).is_err()),
        Err(ParseError::Unstorable(_)) => {}
    }
}

/// Makes the canonical form of a value. It is the form of what it means, and its hash is that of the text.
pub(super) fn canonical(bytes: &[u8]) {
    let Some(value) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| parse(text).ok())
    else {
        return;
    };
    let Ok(form) = canonical_of(&value) else {
        return;
    };
    let bound = measure(&value, TEXT_BYTES).expect("the form was made");
    assert!(form.len() as u64 <= bound, "{} > {bound}", form.len());
    assert_eq!(hash(&["a"], &value).ok(), Some(Hash::of(&["a", &form])));
    let meant = decanonical(&form).expect("the form is JSON");
    assert_eq!(canonical_of(&meant).as_ref(), Ok(&form));
}

/// Builds the instance of a document again.
pub(super) fn instance(bytes: &[u8]) {
    let value = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| parse(text).ok());
    if let Some(value) = value {
        let _ = Instance::rebuild(&value);
    }
}
