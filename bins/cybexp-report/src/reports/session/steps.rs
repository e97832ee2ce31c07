//! The steps of a story: events in order of time, those in a row that say the same as one. No input, no output.

use cybexp_store::{StoryEvent, StoryPage};
use serde_json::{Map, Value, json};
use tahoe_core::canonical_bytes;

use super::sentence::{Sentence, sentence};

/// The most bytes of the events' data in an answer, as JSON text. The values of sentences may add as many.
const DATA_BYTES: usize = 3 << 20;
/// The most bytes of the data's canonical form, of which the report's hash is made. Three levels of the report around
/// the data double its quotes three times.
const FORM_BYTES: u64 = (128 << 20) / 8;

/// Tells the events of a page. `begin` is the time of the session's first event. The second value tells whether data was
/// left out.
pub(super) fn steps(page: &StoryPage, begin: f64) -> (Vec<Value>, bool) {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut before = page.before;
    for event in &page.events {
        let sentence = sentence(event);
        match steps.last_mut().filter(|last| last.says(event, &sentence)) {
            Some(last) => {
                last.times += 1;
                last.until = Some(event.timestamp);
            }
            None => steps.push(Step {
                event,
                sentence,
                gap: before.map(|before| event.timestamp - before),
                until: None,
                times: 1,
            }),
        }
        before = Some(event.timestamp);
    }
    let mut room = Room {
        data: DATA_BYTES,
        form: FORM_BYTES,
    };
    let mut cut = page.events.iter().any(|event| event.data.is_none());
    let told = steps.iter().map(|step| {
        let data = step.event.data.as_ref().filter(|data| room.take(data));
        cut |= data.is_none();
        step.told(begin, data)
    });
    let told = told.collect();
    (told, cut)
}

struct Step<'a> {
    event: &'a StoryEvent,
    sentence: Sentence<'a>,
    gap: Option<f64>,
    until: Option<f64>,
    times: u32,
}

impl Step<'_> {
    /// Whether an event says the same as this step. Events whose sentence names no value are the same only if all of
    /// their data is.
    fn says(&self, event: &StoryEvent, sentence: &Sentence<'_>) -> bool {
        let same_data = || sentence.value.is_some() || self.event.data == event.data;
        self.sentence == *sentence
            && (&self.event.sub_type, &self.event.category) == (&event.sub_type, &event.category)
            && same_data()
    }

    fn told(&self, begin: f64, data: Option<&Value>) -> Value {
        let Sentence {
            kind,
            said,
            value,
            rest,
        } = &self.sentence;
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        add("_hash", json!(self.event.hash));
        add("sub_type", json!(self.event.sub_type));
        add("category", json!(self.event.category));
        add("timestamp", json!(self.event.timestamp));
        add("times", json!(self.times));
        add("after", json!(self.event.timestamp - begin));
        if let Some(until) = self.until {
            add("until", json!(until));
        }
        if let Some(gap) = self.gap {
            add("gap", json!(gap));
        }
        add("kind", json!(kind));
        add("said", json!(said));
        // without the data, there is no room for its values either
        if let (Some((sub_type, value)), Some(_)) = (value, data) {
            add("value", json!({"sub_type": sub_type, "data": value}));
        }
        if let Some(rest) = rest {
            add("rest", json!(rest));
        }
        if let Some(data) = data {
            add("data", data.clone());
        }
        Value::Object(fields)
    }
}

/// The room that is left for data.
struct Room {
    data: usize,
    form: u64,
}

impl Room {
    /// Takes the room of this data, if there is enough.
    fn take(&mut self, data: &Value) -> bool {
        let Ok(form) = canonical_bytes(data, self.form) else {
            return false;
        };
        let left = self.data.checked_sub(data.to_string().len());
        if let Some(left) = left {
            (self.data, self.form) = (left, self.form - form);
        }
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use tahoe_core::Hash;

    use super::*;

    fn event(at: f64, sub_type: &str, data: Value) -> StoryEvent {
        StoryEvent {
            hash: Hash::of(&[&at.to_string()]),
            sub_type: sub_type.to_owned(),
            category: "malicious".to_owned(),
            timestamp: at,
            data: Some(data),
        }
    }

    fn command(at: f64, text: &str) -> StoryEvent {
        event(at, "shell_command", json!({"shell_command": [text]}))
    }

    fn told(events: Vec<StoryEvent>, before: Option<f64>) -> (Vec<Value>, bool) {
        let page = StoryPage {
            events,
            before,
            more: false,
        };
        steps(&page, 100.0)
    }

    #[test]
    fn what_is_said_again_is_one_step() {
        let commands = [
            (100.0, "w"),
            (101.5, "w"),
            (101.5, "w"),
            (200.0, "ls"),
            (201.0, "w"),
        ];
        let (steps, cut) = told(commands.map(|(at, text)| command(at, text)).into(), None);
        assert!(!cut);
        let of = |field: &str| {
            steps
                .iter()
                .map(|step| step[field].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("times"), [3, 1, 1]);
        assert_eq!(of("after"), [0.0, 100.0, 101.0]);
        assert_eq!(of("gap"), [Value::Null, json!(98.5), json!(1.0)]);
        assert_eq!(of("until"), [json!(101.5), Value::Null, Value::Null]);
        assert_eq!(
            steps[1]["value"],
            json!({"sub_type": "shell_command", "data": "ls"})
        );
        // a later page knows the time before it
        let (steps, _) = told(vec![command(130.0, "w")], Some(110.0));
        assert_eq!(
            (&steps[0]["after"], &steps[0]["gap"]),
            (&json!(30.0), &json!(20.0))
        );
    }

    #[test]
    fn events_without_a_sentence_of_their_own_are_the_same_only_with_the_same_data() {
        let other = |at: f64, n: u32| event(at, "brand_new", json!({"score": [n]}));
        let (steps, _) = told(vec![other(1.0, 1), other(2.0, 1), other(3.0, 2)], None);
        assert_eq!(steps.len(), 2);
    }

    #[test]
    fn data_beyond_the_room_is_left_out() {
        let long = |at: f64| command(at, &format!("{at}{}", "x".repeat(60_000)));
        let (steps, cut) = told((0..200).map(|n| long(f64::from(n))).collect(), None);
        assert!(cut);
        let whole = steps.iter().filter(|step| step.get("data").is_some());
        assert_eq!((steps.len(), whole.count()), (200, DATA_BYTES / 60_030));
        assert!(serde_json::to_string(&steps).unwrap().len() < 8 << 20);
        // quotes are doubled at each level of the canonical form
        let quotes = |at: f64| command(at, &format!("{at}{}", "\"".repeat(60_000)));
        let (steps, cut) = told((0..200).map(|n| quotes(f64::from(n))).collect(), None);
        assert!(cut && steps.iter().any(|step| step.get("data").is_some()));
        let data = json!({"session": {}, "steps": steps, "others": []});
        assert!(canonical_bytes(&data, 512 << 20).is_ok());
    }
}
