//! Events that come behind where an input already is: a MISP that pulls from another one stores them with the timestamps that
//! they have there. So now and then all that the server has is compared with what is taken, without what is in the events,
//! and what is missing is asked for by name.

use super::MispSource;
use super::event::MispEvent;
use crate::sink::RecordSink;
use cybexp_spool::ItemKey;

impl MispSource {
    /// Takes what is missing; whether it came to the end.
    pub(super) async fn sweep(&self, sink: &RecordSink) -> anyhow::Result<bool> {
        let mut before = None;
        for page in 1.. {
            let (mut missing, mut print) = (Vec::new(), Vec::new());
            let mut events = self.client.listing(page).await?;
            while let Some(group) = events.next().await? {
                // those that cannot be read were complained of when they came
                let known = group
                    .into_iter()
                    .filter_map(|event| MispEvent::of(event).ok());
                let known: Vec<_> = known.collect();
                let marks = sink.marks(known.iter().map(|event| event.key).collect());
                for (event, mark) in known.into_iter().zip(marks.await?) {
                    print.extend_from_slice(event.key.to_string().as_bytes());
                    if let (Some(uuid), Some(timestamp)) = (event.uuid, event.timestamp)
                        && mark.is_none_or(|mark| mark < timestamp)
                    {
                        missing.push(uuid);
                    }
                }
            }
            for uuids in missing.chunks(self.client.limit as usize) {
                let events = self.client.named(uuids).await?;
                let (_, batch) = self.read(sink, events).await?;
                sink.take(batch).await?;
                if sink.is_stopping() {
                    return Ok(false);
                }
            }
            let print = (!print.is_empty()).then(|| ItemKey::of(&print));
            // a server that knows no pages gives the first one again
            if print.is_none() || print == before {
                break;
            }
            before = print;
        }
        Ok(true)
    }
}
