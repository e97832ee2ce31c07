//! Inputs of any length with one part repeated, which show a reader whose time grows faster than its input.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use crate::mutate::{TOKENS, texts};

/// The longest part that is repeated, in bytes.
const PART: usize = 60;

/// An input with a part that can be repeated as often as wanted.
#[derive(Debug)]
pub struct Stretch {
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// The part is repeated between the two.
    Bytes(Vec<u8>, Vec<u8>, Vec<u8>),
    /// The same in a text of a value, by the text's place among all of them.
    Text(Value, usize, Box<[String; 3]>),
    /// The value is repeated in a list.
    List(Value),
}

impl Stretch {
    /// Chooses a part of an input, a token, or both, to be repeated at some place of it.
    pub fn of(input: &[u8], rng: &mut StdRng) -> Self {
        let shape = match serde_json::from_slice(input) {
            Ok(value) if rng.random_bool(0.1) => Some(Shape::List(value)),
            Ok(value) if rng.random_bool(0.8) => in_text(value, rng),
            _ => None,
        };
        let shape = shape.unwrap_or_else(|| {
            let (at, part) = place(input, rng);
            Shape::Bytes(input[..at].to_vec(), part, input[at..].to_vec())
        });
        Self { shape }
    }

    /// Returns the input with its part so often that it has about this many bytes.
    pub fn to(&self, bytes: usize) -> Vec<u8> {
        match &self.shape {
            Shape::Bytes(before, part, after) => {
                let times = bytes / part.len().max(1);
                [&before[..], &part.repeat(times), after].concat()
            }
            Shape::Text(value, place, parts) => {
                let [before, part, after] = &**parts;
                let mut value = value.clone();
                if let Some(text) = texts(&mut value).into_iter().nth(*place) {
                    *text = [before, &part.repeat(bytes / part.len().max(1))[..], after].concat();
                }
                value.to_string().into_bytes()
            }
            Shape::List(value) => {
                let one = value.to_string();
                let all = vec![one.as_str(); bytes / one.len()];
                format!("[{}]", all.join(",")).into_bytes()
            }
        }
    }
}

fn in_text(mut value: Value, rng: &mut StdRng) -> Option<Shape> {
    let all: Vec<String> = texts(&mut value)
        .into_iter()
        .map(|text| text.clone())
        .collect();
    let number = (0..all.len()).collect::<Vec<_>>().choose(rng).copied()?;
    let (at, part) = place(all[number].as_bytes(), rng);
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (before, after) = all[number].as_bytes().split_at(at);
    let parts = Box::new([lossy(before), lossy(&part), lossy(after)]);
    Some(Shape::Text(value, number, parts))
}

/// Chooses a place in an input, and the part to be repeated there.
fn place(input: &[u8], rng: &mut StdRng) -> (usize, Vec<u8>) {
    let at = rng.random_range(0..=input.len());
    let longest = PART.min(input.len() - at);
    let mut part = input[at..at + rng.random_range(0..=longest)].to_vec();
    while part.is_empty() || rng.random_bool(0.3) {
        let token = TOKENS[rng.random_range(0..TOKENS.len())];
        part.splice(0..0, token.bytes());
    }
    (at, part)
}
