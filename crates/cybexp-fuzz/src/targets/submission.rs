//! Submissions that were opened.

use tahoe_core::many::{JoinedRecords, split};
use tahoe_core::submission::{bytes_of, check_size, data_of, memory_bound};

/// Splits the records of a submission. They are in order, and make the same submission again.
pub(super) fn records(bytes: &[u8]) {
    let Ok(places) = split(bytes) else {
        return;
    };
    let mut joined = JoinedRecords::default();
    let mut end = 0;
    for place in &places {
        assert!(place.start >= end && place.end <= bytes.len(), "{places:?}");
        end = place.end;
        joined.begin();
        joined.extend(&bytes[place.clone()]);
    }
    match &places[..] {
        [one] => assert_eq!(joined.into_bytes(), &bytes[one.clone()]),
        _ => assert_eq!(joined.into_bytes(), bytes),
    }
}

/// Reads the data of a record. What is no JSON can be had back as it was sent.
pub(super) fn data(bytes: &[u8]) {
    let _ = memory_bound(bytes);
    // what is refused before it is read is refused after it, too
    let fits = check_size(bytes, &[]);
    let Ok(data) = data_of(bytes.to_vec(), &[]) else {
        return;
    };
    fits.expect("it was read");
    let text = std::str::from_utf8(bytes).ok();
    let is_json = text.is_some_and(|text| tahoe_core::json::parse(text).is_ok());
    let has_mark = bytes.starts_with(b"\xef\xbb\xbf")
        || bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff");
    if !is_json && !has_mark {
        let back = bytes_of(&data.value).expect("text");
        assert_eq!(back, bytes);
    }
}
