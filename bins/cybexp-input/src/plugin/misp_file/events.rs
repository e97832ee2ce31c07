//! The events in a file of MISP's, read as a stream: no more than one of them is in memory.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use anyhow::bail;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::plugin::misp_parts;

/// The longest entry that is read, in bytes.
const LONGEST: u64 = misp_parts::EVENT_BYTES as u64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The content of a file, as the first reading found it.
#[derive(Debug)]
pub(super) struct Survey {
    shape: EventsShape,
    pub(super) entries: usize,
    /// Numbers of the entries that are too long, in ascending order.
    long: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventsShape {
    /// `[…]`, or `{"response": […]}`.
    List,
    /// `{"Event": {…}}`, or the event itself.
    One,
}

/// An entry of a file.
#[derive(Debug)]
pub(super) enum FoundEvent {
    /// The event's records.
    Event(Vec<Bytes>),
    /// The entry is no event, for this reason.
    Not(String),
}

/// Reads a file through.
///
/// # Errors
/// When it is no JSON, with line and column, or none of MISP's.
pub(super) fn survey(file: &mut File) -> anyhow::Result<Survey> {
    let read = Cell::new(0);
    let mut sizes = Sizes {
        read: &read,
        entries: 0,
        long: Vec::new(),
    };
    let shape = walk(file, &read, &mut sizes)?;
    let Sizes {
        mut entries,
        mut long,
        ..
    } = sizes;
    if shape == EventsShape::One {
        entries = 1;
        long.extend((read.get() > LONGEST).then_some(0));
    }
    Ok(Survey {
        shape,
        entries,
        long,
    })
}

/// Gives the entries of a file that was read through, with their numbers, without the first `done`.
///
/// # Errors
/// Those of `each`, and when the file is not as it was.
pub(super) fn extract(
    file: &mut File,
    survey: &Survey,
    done: usize,
    mut each: impl FnMut(usize, FoundEvent) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let long = || FoundEvent::Not(format!("is longer than {} MiB", LONGEST >> 20));
    if survey.shape == EventsShape::One {
        return match (done, survey.long.is_empty()) {
            (0, true) => {
                let whole: Box<RawValue> = serde_json::from_reader(from_start(file)?)?;
                each(0, event(whole.get()))
            }
            (0, false) => each(0, long()),
            _ => Ok(()),
        };
    }
    let mut given = EntryReader {
        index: 0,
        done,
        failed: None,
        each: |index, raw: Option<&RawValue>| {
            each(index, raw.map_or_else(long, |raw| event(raw.get())))
        },
        long: &survey.long,
    };
    let walked = walk(file, &Cell::new(0), &mut given);
    match given.failed {
        Some(error) => Err(error),
        None => walked.map(|_| ()),
    }
}

fn event(entry: &str) -> FoundEvent {
    #[derive(Deserialize)]
    struct WrappedEvent<'a> {
        #[serde(rename = "Event", borrow)]
        event: Option<&'a RawValue>,
        uuid: Option<IgnoredAny>,
        info: Option<IgnoredAny>,
    }
    let event = match serde_json::from_str::<WrappedEvent<'_>>(entry) {
        Ok(WrappedEvent {
            event: Some(event), ..
        }) => event.get(),
        Ok(WrappedEvent {
            uuid: Some(_),
            info: Some(_),
            ..
        }) => entry,
        Ok(_) | Err(_) => return FoundEvent::Not("is no event of MISP's".to_owned()),
    };
    if !event.starts_with('{') {
        return FoundEvent::Not("is no event of MISP's".to_owned());
    }
    match misp_parts::records(event) {
        Ok(records) => FoundEvent::Event(records),
        Err(why) => FoundEvent::Not(why),
    }
}

/// Takes the entries of a list one by one; false at its end.
trait Entries {
    fn next<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error>;
}

/// How long each entry is.
struct Sizes<'a> {
    read: &'a Cell<u64>,
    entries: usize,
    long: Vec<usize>,
}

impl Entries for Sizes<'_> {
    fn next<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let before = self.read.get();
        if list.next_element::<IgnoredAny>()?.is_none() {
            return Ok(false);
        }
        if self.read.get() - before > LONGEST {
            self.long.push(self.entries);
        }
        self.entries += 1;
        Ok(true)
    }
}

/// The entries themselves; `None` for one that is too long.
struct EntryReader<'a, F> {
    index: usize,
    done: usize,
    long: &'a [usize],
    each: F,
    failed: Option<anyhow::Error>,
}

impl<F: FnMut(usize, Option<&RawValue>) -> anyhow::Result<()>> Entries for EntryReader<'_, F> {
    fn next<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let index = self.index;
        self.index += 1;
        let is_long = self.long.binary_search(&index).is_ok();
        let raw = if is_long || index < self.done {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(false);
            }
            None
        } else {
            let Some(raw) = list.next_element::<Box<RawValue>>()? else {
                return Ok(false);
            };
            Some(raw)
        };
        if index >= self.done
            && let Err(error) = (self.each)(index, raw.as_deref())
        {
            self.failed = Some(error);
            return Err(A::Error::custom("nobody takes it"));
        }
        Ok(true)
    }
}

fn walk(
    file: &mut File,
    read: &Cell<u64>,
    entries: &mut impl Entries,
) -> anyhow::Result<EventsShape> {
    let counted = Counted {
        inner: from_start(file)?,
        read,
    };
    let mut json = serde_json::Deserializer::from_reader(counted);
    let shape = Top(entries).deserialize(&mut json)?;
    json.end()?;
    match shape {
        Some(shape) => Ok(shape),
        None => bail!("holds neither an event of MISP's nor a list of them"),
    }
}

fn from_start(file: &mut File) -> io::Result<BufReader<&mut File>> {
    file.seek(SeekFrom::Start(0))?;
    let mut begin = Vec::new();
    (&mut *file)
        .take(BOM.len() as u64)
        .read_to_end(&mut begin)?;
    if begin != BOM {
        file.seek(SeekFrom::Start(0))?;
    }
    Ok(BufReader::with_capacity(256 << 10, file))
}

/// Counts what is read.
struct Counted<'a, R> {
    inner: R,
    read: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// The whole of a file.
struct Top<'a, E>(&'a mut E);

impl<'de, E: Entries> DeserializeSeed<'de> for Top<'_, E> {
    type Value = Option<EventsShape>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, E: Entries> Visitor<'de> for Top<'_, E> {
    type Value = Option<EventsShape>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of MISP's or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while self.0.next(&mut list)? {}
        Ok(Some(EventsShape::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut response, mut wrapped, mut uuid, mut info) = (false, false, false, false);
        while let Some(key) = map.next_key::<String>()? {
            if key == "response" && !response {
                map.next_value_seed(ListSeed(self.0))?;
                response = true;
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            wrapped |= key == "Event";
            uuid |= key == "uuid";
            info |= key == "info";
        }
        let one = wrapped || (uuid && info);
        Ok(match response {
            true => Some(EventsShape::List),
            false => one.then_some(EventsShape::One),
        })
    }
}

/// A list, and nothing else.
struct ListSeed<'a, E>(&'a mut E);

impl<'de, E: Entries> DeserializeSeed<'de> for ListSeed<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, E: Entries> Visitor<'de> for ListSeed<'_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of MISP's events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while self.0.next(&mut list)? {}
        Ok(())
    }
}
