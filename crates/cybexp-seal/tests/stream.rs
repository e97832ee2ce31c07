//! Data sealed in pieces opens as a whole, wherever it was cut.

mod common;

use common::{FORMATS, key, sealed_in_pieces};
use cybexp_seal::Format;
use proptest::prelude::*;

proptest! {
    #[test]
    fn pieces_of_any_length_open_as_a_whole(
        pieces in prop::collection::vec(
            prop_oneof![0_usize..100, Just(48), 0_usize..5000, 16_000_usize..40_000],
            0..8,
        ),
    ) {
        let plain: Vec<u8> = (0..pieces.iter().sum()).map(|i| (i * i % 251) as u8).collect();
        let key = key(2048);
        for format in FORMATS {
            let sealed = sealed_in_pieces(&key.public_key(), format, &plain, pieces.iter().copied());
            prop_assert_eq!(sealed.len(), key.public_key().seal(format, &plain).unwrap().len());
            prop_assert!(key.open(&sealed).unwrap() == plain, "{:?} {:?}", format, pieces);
        }
    }
}

#[test]
fn the_head_of_the_legacy_format_comes_last() {
    let key = key(2048);
    let mut sealer = key.public_key().sealer(Format::Legacy).unwrap();
    let mut out = Vec::new();
    sealer.push(b"abc", &mut out);
    assert_eq!(out.len(), 256 + 16 + 16 + 3);
    let head = sealer.finish(&mut out).unwrap();
    assert_eq!(head.offset, 256 + 16);
    assert_eq!(out[head.offset..][..16], [0; 16]);
    // without it, the seal is broken
    assert!(key.open(&out).is_err());
    out[head.offset..][..16].copy_from_slice(&head.bytes);
    assert_eq!(key.open(&out).unwrap(), b"abc");

    let sealer = key.public_key().sealer(Format::Jwe).unwrap();
    assert_eq!(sealer.finish(&mut Vec::new()), None);
}
