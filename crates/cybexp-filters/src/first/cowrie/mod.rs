//! Cowrie, an SSH and Telnet honeypot: <https://github.com/cowrie/cowrie>.
//!
//! Every client of a honeypot is an attacker, so every event is malicious and carries the client's address.
//! [`envelope`] finds the records in the output of log pipelines. Cowrie has renamed fields over the years: [`record`]
//! reads every generation, [`events`] is the table of the events that records make, [`ids`] lists the event IDs that
//! make none.

mod draft;
mod envelope;
mod events;
mod file;
mod http;
mod ids;
mod kex;
mod login;
mod lookup;
mod record;
mod renamed;
mod repr;
mod text;
mod tls;
mod tunnel;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tahoe_core::{Attribute, Category, Event, Hash, Session, Timestamp};

use crate::{Filter, RawInput, Refusal, Yield, vocab};
use draft::Draft;
use record::CowrieRecord;

/// The most children of all events of one submission. Further records are left out, because all events are in memory
/// until they are written.
const CHILDREN: usize = 300_000;

/// Reads records of `cowrie.json`: one or many, bare or in the envelope of a log pipeline.
///
/// A field that a record lacks is left out of its event. Only a record without eventid, session or a usable timestamp
/// is refused; among several, such a record is left out.
///
/// A direct-tcpip.request from before Cowrie 3.0.6 has the originator that the client claims in `src_port`, and Cowrie
/// itself puts the true peer back into `src_ip`. So `src_ip` is the attacker in every generation, and such a `src_port`
/// is not read.
pub(crate) struct Cowrie;

impl Filter for Cowrie {
    fn name(&self) -> &'static str {
        "cowrie"
    }

    fn version(&self) -> u32 {
        4
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["cowrie", "unr_honeypot"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let (records, beyond) = envelope::records(raw.data)?;
        let mut made = Yield::default();
        made.leave_out_many(envelope::LEFT_OUT, beyond);
        let mut sessions = BTreeMap::new();
        let mut children = 0;
        let mut refused = None;
        for enclosed in &records {
            if children > CHILDREN {
                made.leave_out("record beyond what a submission may make");
                continue;
            }
            match add(&CowrieRecord::new(enclosed), raw, &mut made, &mut sessions) {
                Ok(count) => children += count,
                Err(refusal) => {
                    made.leave_out("record without eventid, session or timestamp");
                    refused.get_or_insert(refusal);
                }
            }
        }
        made.sessions = sessions.into_values().collect();
        match refused {
            Some(refusal) if made.sessions.is_empty() => Err(refusal),
            _ => Ok(made),
        }
    }
}

/// Adds the events of a record, and returns the number of their children.
fn add(
    record: &CowrieRecord<'_>,
    raw: &RawInput<'_>,
    made: &mut Yield,
    sessions: &mut BTreeMap<Hash, Session>,
) -> Result<usize, Refusal> {
    let eventid = record.text("eventid").ok_or_else(|| missing("eventid"))?;
    let eventid = ids::current(&eventid);
    let sessionid = record.text("session").ok_or_else(|| missing("session"))?;
    let at = record.timestamp(raw.timezone)?;

    let drafts = events::drafts(eventid, record, at);
    if drafts.is_none() && eventid != "session.closed" {
        made.unknown = Some(ids::label(eventid));
    }
    let drafts = drafts.unwrap_or_default();
    let children = drafts.iter().map(|draft| draft.children.len()).sum();
    let left_out = drafts.iter().map(|draft| draft.left_out).sum();
    made.leave_out_many(text::BEYOND, left_out);
    let events: Vec<Event> = drafts
        .into_iter()
        .filter_map(|draft| event(draft, record, raw, at).transpose())
        .collect::<Result<_, _>>()?;
    let session = session(sessionid, record)?.with_events(events.iter().map(Event::hash));
    let session = match eventid {
        "session.connect" => session.with_start_time(at),
        "session.closed" => closed(session, record, at),
        _ => session,
    };
    match sessions.entry(session.hash()) {
        Entry::Occupied(mut known) => known.get_mut().merge(&session),
        Entry::Vacant(new) => {
            new.insert(session);
        }
    }
    made.events.extend(events);
    Ok(children)
}

fn missing(field: &str) -> Refusal {
    Refusal::new(format!("{field} is missing"))
}

/// Makes an event; `None` when it would hold neither an attacker nor any data.
fn event(
    draft: Draft,
    record: &CowrieRecord<'_>,
    raw: &RawInput<'_>,
    at: Timestamp,
) -> Result<Option<Event>, Refusal> {
    let Draft {
        sub_type,
        mut children,
        mut malicious,
        left_out: _,
    } = draft;
    if let Some(ip) = record.attacker() {
        malicious.push(ip.hash());
        if let Some(attacker) = draft::object(vocab::ATTACKER, [Some(ip)]) {
            malicious.push(attacker.hash());
            children.push(attacker.into());
        }
    }
    if children.is_empty() {
        return Ok(None);
    }
    let event = Event::new(sub_type, raw.orgid.clone(), at, children)
        .map_err(|error| Refusal::new(format!("eventid: no event can be made: {error}")))?
        .with_category(Category::Malicious)
        .with_malicious(malicious)
        .map_err(|error| Refusal::new(format!("eventid: no event can be made: {error}")))?;
    Ok(Some(event))
}

fn session(sessionid: String, record: &CowrieRecord<'_>) -> Result<Session, Refusal> {
    let mut children = vec![Attribute::new(vocab::SESSIONID, sessionid).into()];
    if let Some(sensor) = record.text("sensor") {
        children.push(Attribute::new(vocab::SENSOR, sensor).into());
    }
    Session::new(vocab::COWRIE_SESSION, children)
        .map_err(|error| Refusal::new(format!("session: {error}")))
}

fn closed(session: Session, record: &CowrieRecord<'_>, at: Timestamp) -> Session {
    let session = session.with_end_time(at);
    match record.duration() {
        Some(seconds) => session.with_duration(seconds),
        None => session,
    }
}
