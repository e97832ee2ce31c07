//! Verdicts of analysts on values, which the API submits.
//!
//! The event `verdict` holds the value, the verdict, the reason and who judged. It is no observation: it says nothing
//! about where the value was seen.

use tahoe_core::{Attribute, Category, Event, Node};

use crate::judgement::{self, VerdictRecord};
use crate::{Filter, RawInput, Refusal, Yield, vocab};

/// Makes the event of one verdict, at the time at which the API accepted it.
pub(crate) struct VerdictFilter;

impl Filter for VerdictFilter {
    fn name(&self) -> &'static str {
        "verdict"
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        &[judgement::VERDICT]
    }

    fn makes_verdicts(&self) -> bool {
        true
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let record = VerdictRecord::read(raw.data).map_err(Refusal::new)?;
        let judged = record.judged().map_err(Refusal::new)?;
        let (hash, category) = (judged.hash(), record.verdict.category());
        let mut children: Vec<Node> = vec![
            judged.into(),
            Attribute::new(vocab::VERDICT, record.verdict.as_str()).into(),
            Attribute::new(vocab::ANALYST, record.analyst).into(),
        ];
        if !record.reason.trim().is_empty() {
            children.push(Attribute::new(vocab::REASON, record.reason).into());
        }
        let refuse = |error: &dyn std::fmt::Display| Refusal::new(error.to_string());
        let event = Event::new(vocab::VERDICT, raw.orgid.clone(), raw.timestamp, children)
            .map_err(|error| refuse(&error))?
            .with_category(category);
        let event = match category {
            Category::Malicious => event.with_malicious([hash]),
            Category::Benign => event.with_benign([hash]),
            Category::Unknown => Ok(event),
        };
        let event = event.map_err(|error| refuse(&error))?;
        Ok(Yield {
            events: vec![event],
            ..Yield::default()
        })
    }
}
