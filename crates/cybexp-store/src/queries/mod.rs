//! The queue of questions and their answers.

pub(crate) mod queue;
pub(crate) mod stored;
