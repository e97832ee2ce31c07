//! A document around its list.

use std::io::{BufRead, Read};

use anyhow::bail;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::kept::KeptValue;
use super::named;
use super::plan::{Beside, ListPlan};
use super::reader::{JsonReader, Member};
use crate::markup::cleaned;
use crate::piece::FeedPiece;
use crate::pieces::Gone;
use crate::said::{self, because};

/// The longest value beside the list that is looked at.
const BESIDE_BYTES: usize = 64 << 10;
/// The most keys that may hold a reason.
const NOTED: usize = 50;

/// Reads documents.
pub(crate) struct Document<'a, O> {
    plan: &'a ListPlan,
    /// The longest element, in bytes.
    max: usize,
    out: O,
    /// Elements up to now.
    number: u64,
    pub(crate) beside: Beside,
    /// Keys that may tell of an error.
    noted: Map<String, Value>,
    /// The place that is not there.
    absent: Option<usize>,
    /// A list that is there instead, with something in it.
    other: Option<String>,
    /// Documents that are objects are records.
    records: bool,
}

impl<'a, O> Document<'a, O>
where
    O: FnMut(FeedPiece<Box<RawValue>>, usize) -> Result<(), Gone>,
{
    pub(crate) fn new(plan: &'a ListPlan, max: usize, out: O) -> Self {
        Self {
            plan,
            max,
            out,
            number: 0,
            beside: Beside::default(),
            noted: Map::new(),
            absent: None,
            other: None,
            records: false,
        }
    }

    /// Reads all documents that there are; a second one only where objects may be records.
    pub(crate) fn all(&mut self, input: impl BufRead) -> anyhow::Result<()> {
        let mut reader = JsonReader::new(input);
        reader.skip_mark()?;
        if self.plan.lenient && reader.peek_after_space()?.is_none() {
            // an answer without anything has nothing in it
            return Ok(());
        }
        loop {
            (self.absent, self.other) = (None, None);
            self.noted.clear();
            self.enter(&mut reader, 0)?;
            self.complete()?;
            match reader.peek_after_space()? {
                None => return Ok(()),
                Some(_) if self.plan.lenient => {}
                Some(byte) => bail!(reader.unexpected(byte)),
            }
        }
    }

    /// Reads the value at which so many keys of the place have led.
    fn enter<R: BufRead>(&mut self, reader: &mut JsonReader<R>, at: usize) -> anyhow::Result<()> {
        let place = &self.plan.place;
        let byte = reader.next()?;
        reader.could_be_json(byte)?;
        let Some(key) = place.keys().get(at) else {
            return self.list(reader, byte, at);
        };
        match byte {
            b'{' => {
                reader.skip(1);
                self.object(reader, at)
            }
            b'[' if self.plan.or_top && at == 0 => self.list(reader, byte, 0),
            b'[' => {
                reader.skip(1);
                let index = key.parse::<usize>().ok();
                let (mut number, mut found) = (0, false);
                while reader.element(number == 0)? {
                    if index == Some(number) {
                        self.enter(reader, at + 1)?;
                        found = true;
                    } else {
                        reader.value(&mut KeptValue::new(0))?;
                    }
                    number += 1;
                }
                if !found && number > 0 && index.is_none() {
                    self.misplaced(at, "is a list")?;
                } else if !found {
                    self.absent = Some(at + 1);
                }
                Ok(())
            }
            _ => {
                if !self.is_nothing(reader)? {
                    self.misplaced(at, "is no object")?;
                }
                self.absent = Some(at + 1);
                Ok(())
            }
        }
    }

    fn misplaced(&self, at: usize, is: &str) -> anyhow::Result<()> {
        let place = &self.plan.place;
        bail!(
            "{} {is}, so there is no {}",
            place.name(at),
            place.name(at + 1)
        )
    }

    /// Reads a scalar; whether it is a way to say that there is nothing: some languages write an empty object so.
    fn is_nothing<R: BufRead>(&mut self, reader: &mut JsonReader<R>) -> anyhow::Result<bool> {
        let mut kept = KeptValue::new(BESIDE_BYTES);
        reader.value(&mut kept)?;
        if !self.plan.lenient {
            return Ok(false);
        }
        if kept.bytes.starts_with(b"\"") {
            // a text in place of a list may say why
            let text = serde_json::from_slice(&kept.bytes).unwrap_or_default();
            self.noted.insert("message".to_owned(), text);
            return Ok(true);
        }
        Ok(matches!(&kept.bytes[..], b"null" | b"false"))
    }

    /// Reads the members of an object on the way to the list.
    fn object<R: BufRead>(&mut self, reader: &mut JsonReader<R>, at: usize) -> anyhow::Result<()> {
        let place = &self.plan.place;
        let mut found = false;
        while let Member::Value(key) = reader.member()? {
            let key = key.unwrap_or_default();
            match place.matched(at, &key) {
                keys if keys > 0 && !found => {
                    found = true;
                    self.enter(reader, at + keys)?;
                }
                _ => self.beside(reader, at, key)?,
            }
        }
        if !found {
            self.absent = Some(at + 1);
        }
        Ok(())
    }

    /// Reads a value beside the list.
    fn beside<R: BufRead>(
        &mut self,
        reader: &mut JsonReader<R>,
        at: usize,
        key: String,
    ) -> anyhow::Result<()> {
        let way = &self.plan.place.keys()[..at];
        let wanted = self.plan.beside.iter().filter_map(|place| {
            let keys = place
                .keys()
                .starts_with(way)
                .then(|| place.matched(at, &key))?;
            (keys > 0).then_some((place, at + keys))
        });
        let wanted: Vec<_> = wanted.collect();
        let notable = said::may_tell(&key) && self.noted.len() < NOTED;
        let list = reader.next()? == b'[';
        if wanted.is_empty() && !notable && !list {
            return reader.value(&mut KeptValue::new(0));
        }
        let mut kept = KeptValue::new(BESIDE_BYTES);
        reader.value(&mut kept)?;
        if list
            && kept
                .bytes
                .iter()
                .skip(1)
                .any(|byte| !b" \t\r\n]".contains(byte))
        {
            self.other.get_or_insert_with(|| key.clone());
        }
        if !kept.is_whole() {
            return Ok(());
        }
        let Ok(value) = serde_json::from_slice::<Value>(&kept.bytes) else {
            return Ok(());
        };
        for (place, keys) in wanted {
            if let Some(value) = place.find(&value, keys) {
                let number = self.plan.beside.iter().position(|other| other == place);
                self.beside
                    .values
                    .push((number.unwrap_or_default(), value.clone()));
            }
        }
        if notable {
            self.noted.insert(key, value);
        }
        Ok(())
    }

    /// Reads what stands at the place.
    fn list<R: BufRead>(
        &mut self,
        reader: &mut JsonReader<R>,
        byte: u8,
        at: usize,
    ) -> anyhow::Result<()> {
        match byte {
            b'[' => {
                reader.skip(1);
                self.elements(reader, None)
            }
            b'{' if self.plan.lenient => self.map(reader),
            _ => {
                let nothing = match byte {
                    b'{' => {
                        let mut kept = KeptValue::new(BESIDE_BYTES);
                        reader.value(&mut kept)?;
                        let object = serde_json::from_slice(&kept.bytes);
                        self.noted = object.unwrap_or_default();
                        false
                    }
                    _ => self.is_nothing(reader)?,
                };
                if !nothing {
                    let what = format!("{} is no list", self.plan.place.name(at));
                    bail!(because(what, self.said()));
                }
                self.absent = Some(at);
                Ok(())
            }
        }
    }

    /// Reads the elements of a list, which stands under this key where that matters.
    fn elements<R: BufRead>(
        &mut self,
        reader: &mut JsonReader<R>,
        key: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut first = true;
        while reader.element(first)? {
            first = false;
            let mut kept = KeptValue::new(self.max);
            reader.value(&mut kept)?;
            self.give(kept, key)?;
        }
        Ok(())
    }

    fn give(&mut self, kept: KeptValue, key: Option<&str>) -> anyhow::Result<()> {
        self.number += 1;
        let length = kept.bytes.len();
        let (number, place) = (self.number, &self.plan.place);
        let name = || format!("element {number} of {}", place.name(place.keys().len()));
        let mut piece = kept.piece(name);
        if let (Some(name), Some(key), FeedPiece::Good(element)) = (&self.plan.key_as, key, &piece)
        {
            piece = named::with(element, name, key);
        }
        (self.out)(piece, length)?;
        Ok(())
    }

    /// Reads an object in place of a list: one of ids and what stands under each, or a single record. Which one it is, its end
    /// tells; what is longer than a record is none.
    fn map<R: BufRead>(&mut self, reader: &mut JsonReader<R>) -> anyhow::Result<()> {
        let mut kept = KeptValue::new(usize::MAX);
        if !reader.nested(&mut kept, self.max as u64)? {
            let start = std::io::Cursor::new(std::mem::take(&mut kept.bytes));
            let mut whole = JsonReader::new(start.chain(&mut reader.input));
            whole.skip(1);
            return self.members(&mut whole);
        }
        if self.plan.place.keys().is_empty() && !self.records {
            self.records = reader.peek_after_space()?.is_some();
            if self.records && !kept.bytes.contains(&b'\n') {
                self.give(kept, None)?;
                return self.lines(reader);
            }
        }
        let mut inside = JsonReader::new(&kept.bytes[1..]);
        if !self.records && (self.plan.key_as.is_some() || is_map(&kept.bytes)?) {
            return self.members(&mut inside);
        }
        if kept.bytes.len() <= BESIDE_BYTES && !self.records {
            let object: Map<String, Value> =
                serde_json::from_slice(&kept.bytes).unwrap_or_default();
            if said::is_error(&object, true) {
                let reason = said::of_json(&Value::Object(object));
                let what = "the answer is no list, but an error".to_owned();
                bail!(because(what, reason.as_deref().map(cleaned)));
            }
        }
        self.give(kept, None)
    }

    /// Reads records, one a line: one that is broken does not take the others with it.
    fn lines<R: BufRead>(&mut self, reader: &mut JsonReader<R>) -> anyhow::Result<()> {
        while reader.peek_after_space()?.is_some() {
            let mut kept = KeptValue::new(self.max);
            reader.line(&mut kept)?;
            self.give(kept, None)?;
        }
        Ok(())
    }

    /// Reads the members of an object of ids.
    fn members<R: BufRead>(&mut self, reader: &mut JsonReader<R>) -> anyhow::Result<()> {
        while let Member::Value(key) = reader.member()? {
            let key = Some(key.unwrap_or_default());
            match reader.next()? {
                b'[' => {
                    reader.skip(1);
                    self.elements(reader, key.as_deref())?;
                    continue;
                }
                b'{' => {}
                _ if self.plan.key_as.is_some() => {}
                _ => {
                    reader.value(&mut KeptValue::new(0))?;
                    let key = cleaned(key.as_deref().unwrap_or_default());
                    let why = format!("{key} is neither an object nor a list");
                    (self.out)(FeedPiece::Left(why), 0)?;
                    continue;
                }
            }
            let mut kept = KeptValue::new(self.max);
            reader.value(&mut kept)?;
            self.give(kept, key.as_deref())?;
        }
        Ok(())
    }

    /// The document was read to its end: is what it lacks an error?
    fn complete(&mut self) -> anyhow::Result<()> {
        let Some(keys) = self.absent else {
            return Ok(());
        };
        let name = self.plan.place.name(keys);
        let what = format!("there is no {name} in the answer");
        if !self.plan.lenient || said::is_error(&self.noted, false) {
            bail!(because(what, self.said()));
        }
        if let Some(other) = &self.other {
            bail!("{what}, but a list {}", cleaned(other));
        }
        self.beside.absent = Some(name);
        Ok(())
    }

    fn said(&self) -> Option<String> {
        let reason = said::of_json(&Value::Object(self.noted.clone()))?;
        let reason = cleaned(&reason);
        (!reason.is_empty()).then_some(reason)
    }
}

/// Whether all members of an object are lists and objects: then it is one of ids.
fn is_map(object: &[u8]) -> anyhow::Result<bool> {
    let mut reader = JsonReader::new(&object[1..]);
    while let Member::Value(_) = reader.member()? {
        if !matches!(reader.next()?, b'[' | b'{') {
            return Ok(false);
        }
        reader.value(&mut KeptValue::new(0))?;
    }
    Ok(true)
}
