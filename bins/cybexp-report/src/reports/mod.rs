//! The reports: one file (or folder) each, and the registry that finds the one for a question.

mod count;
mod related;
mod threatrank;

use tahoe_core::question::Question;

use crate::sources::{Answered, Asked};

/// Answers a question with the report of its type.
pub(crate) async fn answer(question: &Question, asked: Asked<'_>) -> Answered {
    match question {
        Question::Count(conditions) => count::answer(conditions, asked).await,
        Question::Related(related) => related::answer(related, asked).await,
        Question::ThreatRank { event } => threatrank::answer(*event, asked).await,
    }
}
