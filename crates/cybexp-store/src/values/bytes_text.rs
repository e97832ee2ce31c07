//! Bytes as text that has the same order as the bytes.

/// Digits of 6 bits, in the order of their code points.
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// Returns the text of these bytes: four characters for three bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |n: usize| u32::from(part.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..=part.len() {
            let digit = bits >> (18 - 6 * n) & 63;
            text.push(char::from(DIGITS[digit as usize]));
        }
    }
    text
}

/// Returns the bytes of a text that [`encode`] made; `None` if it is another one.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for part in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for n in 0..4 {
            let digit = match part.get(n) {
                Some(digit) => DIGITS.binary_search(digit).ok()?,
                None => 0,
            };
            bits = bits << 6 | digit as u32;
        }
        bytes.extend(&bits.to_be_bytes()[1..part.len()]);
    }
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_order_of_the_bytes() {
        let mut all: Vec<Vec<u8>> = (0..=255_u8)
            .flat_map(|n| [vec![n], vec![7, n], vec![n, 0, 9], vec![1, 2, 3, n]])
            .chain([vec![]])
            .collect();
        for bytes in &all {
            assert_eq!(decode(&encode(bytes)).as_ref(), Some(bytes));
        }
        all.sort();
        let texts: Vec<String> = all.iter().map(|bytes| encode(bytes)).collect();
        assert!(texts.is_sorted());
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["é", "a", "-z", "----a", "=="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
