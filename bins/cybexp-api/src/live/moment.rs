//! A row of new events as server-sent events.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use cybexp_service::NoticeMacs;
use cybexp_store::{InvalidLiveId, LiveId, LiveRow};
use serde_json::{Value, json};

/// Comment by which a client, and the proxies on the way to it, see that the connection lives.
pub(super) const HEARTBEAT: &[u8] = b": \n\n";

/// The events of a row, to be sent to those who may see them.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) id: LiveId,
    pub(super) orgid: String,
    frames: Vec<String>,
}

impl Moment {
    /// Reads a row; `None` if analytics did not write it.
    pub(super) fn read(row: LiveRow, macs: &NoticeMacs) -> Option<Arc<Self>> {
        if !macs.is_live(&row.id.bytes(), &row.orgid, &row.events, &row.mac) {
            tracing::warn!(row = %row.id, "a row of new events was not written by analytics");
            return None;
        }
        let events: Vec<Value> = serde_json::from_str(&row.events).ok()?;
        let mut frames: Vec<String> = Vec::with_capacity(events.len() + 1);
        for (n, event) in events.into_iter().enumerate() {
            frames.push(frame(Some((row.id, n)), "news", &json!({"event": event})));
        }
        if row.more > 0 {
            let more = json!({"more": row.more, "orgid": row.orgid});
            let id = frames.len().saturating_sub(1);
            frames.push(frame(Some((row.id, id)), "more", &more));
        }
        Some(Arc::new(Self {
            id: row.id,
            orgid: row.orgid,
            frames,
        }))
    }

    /// Returns the events after the first `skip` as they are sent.
    pub(super) fn bytes(&self, skip: usize) -> Bytes {
        let frames = self.frames.get(skip..).unwrap_or_default();
        frames.concat().into()
    }
}

/// Returns the event by which a client learns that events after this time, in Unix seconds, are missing.
pub(super) fn gap(since: f64) -> Bytes {
    frame(None, "gap", &json!({"since": since})).into()
}

fn frame(id: Option<(LiveId, usize)>, event: &str, data: &Value) -> String {
    let mut frame = String::new();
    if let Some((row, n)) = id {
        // writing to a text does not fail
        let _ = writeln!(frame, "id: {row}.{n}");
    }
    // JSON as it is written here has no line breaks
    let _ = write!(frame, "event: {event}\ndata: {data}\n\n");
    frame
}

/// The last event that a client has: its row, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastEvent {
    pub(super) row: LiveId,
    pub(super) n: usize,
}

impl FromStr for LastEvent {
    type Err = InvalidLiveId;

    fn from_str(text: &str) -> Result<Self, InvalidLiveId> {
        let (row, n) = text.trim().split_once('.').ok_or(InvalidLiveId)?;
        Ok(Self {
            row: row.parse()?,
            n: n.parse().map_err(|_| InvalidLiveId)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy_free::macs;

    use super::*;

    /// Keys of these tests.
    mod secrecy_free {
        use cybexp_service::NoticeMacs;

        pub(super) fn macs() -> NoticeMacs {
            NoticeMacs::of(&"a secret of these tests".to_owned().into())
        }
    }

    fn row(macs: &NoticeMacs, events: &str) -> LiveRow {
        let id = LiveId::new();
        LiveRow {
            id,
            orgid: "unr".to_owned(),
            events: events.to_owned(),
            more: 3,
            mac: macs.live(&id.bytes(), "unr", events),
        }
    }

    #[test]
    fn events_are_sent_one_by_one_and_can_be_skipped() {
        let macs = macs();
        let row = row(&macs, r#"[{"a": "one\ntwo"}, {"a": 2}]"#);
        let id = row.id;
        let moment = Moment::read(row, &macs).unwrap();
        let text = String::from_utf8(moment.bytes(1).to_vec()).unwrap();
        let second = format!("id: {id}.1\nevent: news\ndata: {{\"event\":{{\"a\":2}}}}\n\n");
        let more = format!("id: {id}.1\nevent: more\ndata: {{\"more\":3,\"orgid\":\"unr\"}}\n\n");
        assert_eq!(text, second + &more);
        let text = String::from_utf8(moment.bytes(0).to_vec()).unwrap();
        assert_eq!(text.matches("\n\n").count(), 3, "{text}");
        assert!(moment.bytes(9).is_empty());
        let last: LastEvent = format!("{id}.1").parse().unwrap();
        assert_eq!(last, LastEvent { row: id, n: 1 });
        for wrong in ["", "x", "x.1", &format!("{id}."), &format!("{id}.-1")] {
            assert!(wrong.parse::<LastEvent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_analytics_did_not_write_is_not_sent() {
        let macs = macs();
        let mut row = row(&macs, "[]");
        row.events = "[{}]".to_owned();
        assert!(Moment::read(row, &macs).is_none());
    }
}
