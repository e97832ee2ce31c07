//! What a question is about: the forms of its value that the archive has, and where it is looked for.

use cybexp_filters::vocabulary;
use cybexp_store::{SessionEvents, StoreError, Visible};
use tahoe_core::question::Conditions;
use tahoe_core::{Attribute, Hash};

use crate::Engine;

/// What events are asked for.
pub(crate) struct Subject {
    /// The conditions, with all forms of the value that any visible event has, or all it may have.
    pub(crate) of: Conditions,
    /// These forms, where the question gave a value.
    pub(crate) about: Vec<Attribute>,
    /// The events, where they are found by their sessions.
    pub(crate) sessions: Option<SessionEvents>,
    /// Whether a visible event has it, conditions aside.
    there: Option<bool>,
}

/// What a value may be that no event has.
pub(crate) enum Elsewhere {
    /// Sessions are known by it.
    Sessions(SessionEvents),
    /// It is of no sub_type that anybody knows.
    Unknown(String),
    /// It has not been seen.
    Nowhere,
}

impl Engine {
    /// Looks for the forms of what is asked for; or says what is wrong with it.
    pub(crate) async fn subject(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<Result<Subject, String>, StoreError> {
        let mut subject = Subject {
            of: of.clone(),
            about: vec![],
            sessions: None,
            there: None,
        };
        let Some((sub_type, value)) = &of.attribute else {
            return Ok(Ok(subject));
        };
        match vocabulary::forms(sub_type, value) {
            Ok(forms) => subject.among(forms),
            Err(unfit) => {
                let value = excerpt(&value.to_string());
                return Ok(Err(format!("field data: `{value}` {unfit}")));
            }
        }
        if vocabulary::of_sessions(sub_type.as_str()) {
            subject.sessions = self.archive.session_events(&subject.of, visible).await?;
        } else if subject.about.len() > 1 {
            self.narrow(&mut subject, visible).await?;
        }
        Ok(Ok(subject))
    }

    /// Keeps only those forms that an event has, unless none has any.
    async fn narrow(&self, subject: &mut Subject, visible: &Visible) -> Result<(), StoreError> {
        let there = self.archive.referred(&subject.of.subjects, visible).await?;
        subject.there = Some(!there.is_empty());
        if !there.is_empty() {
            let mut forms = std::mem::take(&mut subject.about);
            forms.retain(|form| there.contains(&form.hash()));
            subject.among(forms);
        }
        Ok(())
    }

    /// What a subject is of which no event was found.
    pub(crate) async fn elsewhere(
        &self,
        subject: &Subject,
        visible: &Visible,
    ) -> Result<Elsewhere, StoreError> {
        let of = &subject.of;
        let there = match subject.there {
            Some(there) => there,
            None => !self
                .archive
                .referred(&of.subjects, visible)
                .await?
                .is_empty(),
        };
        if there {
            return Ok(Elsewhere::Nowhere);
        }
        if let Some(events) = self.archive.session_events(of, visible).await?
            && events.count() > 0
        {
            return Ok(Elsewhere::Sessions(events));
        }
        let sub_type = of.attribute.as_ref().map(|(sub_type, _)| sub_type.as_str());
        Ok(match sub_type.filter(|name| !vocabulary::is_known(name)) {
            Some(name) => Elsewhere::Unknown(format!(
                "field sub_type: nothing was found of `{}`: {}",
                excerpt(name),
                vocabulary::nearest(name)
            )),
            None => Elsewhere::Nowhere,
        })
    }
}

impl Subject {
    fn among(&mut self, forms: Vec<Attribute>) {
        let hashes: Vec<Hash> = forms.iter().map(Attribute::hash).collect();
        (self.of.subjects, self.about) = (hashes, forms);
    }

    /// Its forms, or the one that filters make where none was found.
    pub(crate) fn told(&self) -> &[Attribute] {
        let most = if self.there == Some(false) {
            1
        } else {
            self.about.len()
        };
        &self.about[..most.min(self.about.len())]
    }
}

/// The beginning of what someone asked, on one line.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let start: String = text.chars().take(CHARS).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}
