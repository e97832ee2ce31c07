//! The reports: one file (or folder) each, and the registry that finds the one for a question.

mod count;
mod new;
mod related;
mod search;
mod threatrank;
mod top;

use tahoe_core::question::Question;

use crate::sources::{Answered, Asked};

/// Answers a question with the report of its type.
pub(crate) async fn answer(question: &Question, asked: Asked<'_>) -> Answered {
    match question {
        Question::Count(conditions) => count::answer(conditions, asked).await,
        Question::Related(related) => related::answer(related, asked).await,
        Question::ThreatRank { event } => threatrank::answer(*event, asked).await,
        Question::Search(search) => search::answer(search, asked).await,
        Question::New(new) => new::answer(new, asked).await,
        Question::Top(top) => top::answer(top, asked).await,
    }
}
