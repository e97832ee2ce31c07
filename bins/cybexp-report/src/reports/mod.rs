//! The reports: one file (or folder) each, and the registry that finds the one for a question.

mod count;
mod new;
mod quarantine;
mod related;
mod search;
mod session;
mod threatrank;
mod timeline;
mod top;

use tahoe_core::question::Question;

use crate::sources::{Answered, Asked};

/// Answers a question with the report of its type.
pub(crate) async fn answer(question: &Question, asked: Asked<'_>) -> Answered {
    match question {
        Question::Count(conditions) => count::answer(conditions, asked).await,
        Question::Related(related) => related::answer(related, asked).await,
        Question::ThreatRank(ranked) => threatrank::answer(ranked, asked).await,
        Question::Timeline(timeline) => timeline::answer(timeline, asked).await,
        Question::Top(top) => top::answer(top, asked).await,
        Question::Session(story) => session::answer(story, asked).await,
        Question::Search(search) => search::answer(search, asked).await,
        Question::New(new) => new::answer(new, asked).await,
        Question::Quarantine(refusals) => quarantine::answer(refusals, asked).await,
    }
}
