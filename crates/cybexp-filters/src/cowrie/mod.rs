//! Cowrie, an SSH and Telnet honeypot: <https://github.com/cowrie/cowrie>.
//!
//! Whoever talks to a honeypot is an attacker, so every event is malicious and carries the attacker's
//! address. Cowrie has renamed fields over the years: [`record`] reads every generation, [`events`] is the
//! table of what they make, [`ids`] lists the event IDs that make nothing.

mod draft;
mod events;
mod ids;
mod kex;
mod record;

use tahoe_core::{Attribute, Category, Event, Session, Timestamp};

use crate::{Filter, RawInput, Refusal, Yield, vocab};
use draft::Draft;
use record::Record;

/// Reads one record of `cowrie.json`, bare or in a Filebeat envelope.
///
/// What a record lacks is left out of its event; only a record without eventid, session or a usable
/// timestamp is refused. A direct-tcpip.request from before Cowrie 3.0.6 has the originator that the client
/// claims in `src_port`, and Cowrie itself puts the true peer back into `src_ip`: so `src_ip` is the attacker
/// in every generation, and such a `src_port` is not looked at.
pub(crate) struct Cowrie;

impl Filter for Cowrie {
    fn name(&self) -> &'static str {
        "cowrie"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &["cowrie", "unr_honeypot"]
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let record = Record::of(raw.data)?;
        let eventid = record.text("eventid").ok_or_else(|| missing("eventid"))?;
        let eventid = eventid.strip_prefix("cowrie.").unwrap_or(&eventid);
        let sessionid = record.text("session").ok_or_else(|| missing("session"))?;
        let at = record.timestamp(raw.timezone)?;

        let drafts = events::drafts(eventid, &record, at);
        let unknown = match (&drafts, eventid) {
            (None, id) if !matches!(id, "session.connect" | "session.closed") => {
                Some(ids::label(id))
            }
            _ => None,
        };
        let events: Vec<Event> = drafts
            .unwrap_or_default()
            .into_iter()
            .filter_map(|draft| event(draft, &record, raw, at).transpose())
            .collect::<Result<_, _>>()?;
        let session = session(sessionid, &record)?.with_events(events.iter().map(Event::hash));
        let session = match eventid {
            "session.connect" => session.with_start_time(at),
            "session.closed" => closed(session, &record, at),
            _ => session,
        };
        Ok(Yield {
            events,
            sessions: vec![session],
            unknown,
            ..Yield::default()
        })
    }
}

fn missing(field: &str) -> Refusal {
    Refusal::new(format!("{field} is missing"))
}

/// `None` when there is nothing to tell: neither an attacker nor any data.
fn event(
    draft: Draft,
    record: &Record<'_>,
    raw: &RawInput<'_>,
    at: Timestamp,
) -> Result<Option<Event>, Refusal> {
    let Draft {
        sub_type,
        mut children,
        mut malicious,
    } = draft;
    if let Some(ip) = record.ip("src_ip") {
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

fn session(sessionid: String, record: &Record<'_>) -> Result<Session, Refusal> {
    let mut children = vec![Attribute::new(vocab::SESSIONID, sessionid).into()];
    if let Some(sensor) = record.text("sensor") {
        children.push(Attribute::new(vocab::SENSOR, sensor).into());
    }
    Session::new(vocab::COWRIE_SESSION, children)
        .map_err(|error| Refusal::new(format!("session: {error}")))
}

fn closed(session: Session, record: &Record<'_>, at: Timestamp) -> Session {
    let session = session.with_end_time(at);
    match record.duration() {
        Some(seconds) => session.with_duration(seconds),
        None => session,
    }
}
