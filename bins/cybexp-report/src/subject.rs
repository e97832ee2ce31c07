//! The value that a question is about: the forms in which the archive has it, and where its events are looked for.

use cybexp_filters::vocabulary;
use cybexp_store::{SessionEvents, StoreError};
use tahoe_core::question::Conditions;
use tahoe_core::{Attribute, Hash};

use crate::sources::Asked;

/// The events that are asked for.
pub(crate) struct Subject {
    /// The conditions, with the forms of the value that a visible event has, or all possible forms if none has any.
    pub(crate) of: Conditions,
    /// These forms, where the question gave a value.
    pub(crate) about: Vec<Attribute>,
    /// The hashes of all possible forms: a verdict may be on one that no event has.
    pub(crate) forms: Vec<Hash>,
    /// The events, where they are found by their sessions.
    pub(crate) sessions: Option<SessionEvents>,
    /// Whether a visible event has it, conditions aside.
    there: Option<bool>,
}

/// The result of looking elsewhere for a value that no event has.
pub(crate) enum Elsewhere {
    /// Sessions have it; these are their events.
    Sessions(SessionEvents),
    /// Its sub_type is unknown: a sentence for the user.
    Unknown(String),
    /// Nothing has it.
    Nowhere,
}

impl Subject {
    /// Looks for the forms of the value that is asked for; or says what is wrong with it.
    pub(crate) async fn find(
        of: &Conditions,
        asked: Asked<'_>,
    ) -> Result<Result<Self, String>, StoreError> {
        let mut subject = Self {
            of: of.clone(),
            about: vec![],
            forms: of.subjects.clone(),
            sessions: None,
            there: None,
        };
        let Some((sub_type, value)) = &of.attribute else {
            return Ok(Ok(subject));
        };
        match vocabulary::forms(sub_type, value) {
            Ok(forms) => {
                subject.among(forms);
                subject.forms.clone_from(&subject.of.subjects);
            }
            Err(unfit) => {
                let value = excerpt(&value.to_string());
                return Ok(Err(format!("field data: `{value}` {unfit}")));
            }
        }
        let archive = &asked.sources.archive;
        if vocabulary::of_sessions(sub_type.as_str()) {
            subject.sessions = archive.session_events(&subject.of, asked.visible).await?;
        } else if subject.about.len() > 1 {
            subject.narrow(asked).await?;
        }
        Ok(Ok(subject))
    }

    /// Keeps only those forms that an event has, unless none has any.
    async fn narrow(&mut self, asked: Asked<'_>) -> Result<(), StoreError> {
        let archive = &asked.sources.archive;
        let there = archive.referred(&self.of.subjects, asked.visible).await?;
        self.there = Some(!there.is_empty());
        if !there.is_empty() {
            let mut forms = std::mem::take(&mut self.about);
            forms.retain(|form| there.contains(&form.hash()));
            self.among(forms);
        }
        Ok(())
    }

    /// Looks elsewhere for a subject of which no event was found.
    pub(crate) async fn elsewhere(&self, asked: Asked<'_>) -> Result<Elsewhere, StoreError> {
        let (archive, visible) = (&asked.sources.archive, asked.visible);
        let of = &self.of;
        let there = match self.there {
            Some(there) => there,
            None => !archive.referred(&of.subjects, visible).await?.is_empty(),
        };
        if there {
            return Ok(Elsewhere::Nowhere);
        }
        if let Some(events) = archive.session_events(of, visible).await?
            && events.count() > 0
        {
            return Ok(Elsewhere::Sessions(events));
        }
        let sub_type = of.attribute.as_ref().map(|(sub_type, _)| sub_type.as_str());
        Ok(match sub_type.filter(|name| !vocabulary::is_known(name)) {
            Some(name) => Elsewhere::Unknown(format!(
                "field sub_type: nothing was found of `{}`: {}",
                excerpt(name),
                vocabulary::hint(name)
            )),
            None => Elsewhere::Nowhere,
        })
    }

    /// Sets the forms of the value.
    fn among(&mut self, forms: Vec<Attribute>) {
        let hashes: Vec<Hash> = forms.iter().map(Attribute::hash).collect();
        (self.of.subjects, self.about) = (hashes, forms);
    }

    /// Returns the forms, or only the one that filters make if none was found.
    pub(crate) fn told(&self) -> &[Attribute] {
        let most = if self.there == Some(false) {
            1
        } else {
            self.about.len()
        };
        &self.about[..most.min(self.about.len())]
    }
}

/// Returns the beginning of the text, on one line.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let start: String = text.chars().take(CHARS).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}
