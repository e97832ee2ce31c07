//! The sum of the steps of all filters.

use std::time::Duration;

use anyhow::Error;
use cybexp_service::Step;

use crate::line::LineStep;
use crate::rest::Rest;

/// The sum of the steps of those that did not rest.
#[derive(Default)]
pub(crate) struct StepSum<'a> {
    worked: u64,
    wait: Option<Duration>,
    any_good: bool,
    failed: Vec<(&'a mut Rest, Error)>,
}

impl<'a> StepSum<'a> {
    /// Whether it may take its step. If it rests, the sum waits for the end of that.
    pub(crate) fn is_ready(&mut self, rest: &Rest) -> bool {
        let left = rest.left();
        self.wait_for(left);
        left.is_none()
    }

    /// Adds a step.
    pub(crate) fn add(&mut self, rest: &'a mut Rest, step: anyhow::Result<LineStep>) {
        match step {
            Ok(step) => {
                rest.over();
                self.any_good = true;
                match step {
                    LineStep::Worked(worked) => self.worked += worked,
                    LineStep::Nothing(time) => self.wait_for(time),
                }
            }
            Err(error) => self.failed.push((rest, error)),
        }
    }

    /// Returns the step of all, and has those rest that failed while another one did not. A daemon that is to end with its
    /// work (`once`) fails if any does.
    ///
    /// # Errors
    /// All failed.
    pub(crate) fn step(mut self, once: bool) -> anyhow::Result<Step> {
        if (once || !self.any_good)
            && let Some((_, error)) = self.failed.pop()
        {
            return Err(error);
        }
        for (rest, error) in std::mem::take(&mut self.failed) {
            let left = rest.failed(&error);
            self.wait_for(Some(left));
        }
        Ok(match (self.worked, self.wait) {
            (0, None) => Step::Idle,
            (0, Some(wait)) => Step::Wait(wait),
            (worked, _) => Step::Worked(worked),
        })
    }

    /// Lets the sum wait for no longer than this, if it is given.
    pub(crate) fn wait_for(&mut self, time: Option<Duration>) {
        self.wait = self.wait.into_iter().chain(time).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> anyhow::Error {
        anyhow::anyhow!("as the test wants")
    }

    #[test]
    fn what_fails_rests_while_others_work() {
        let (mut bad, mut good) = (Rest::new("bad"), Rest::new("good"));
        let mut sum = StepSum::default();
        assert!(sum.is_ready(&bad) && sum.is_ready(&good));
        sum.add(&mut bad, Err(error()));
        sum.add(&mut good, Ok(LineStep::Worked(2)));
        assert_eq!(sum.step(false).unwrap(), Step::Worked(2));
        let mut sum = StepSum::default();
        assert!(!sum.is_ready(&bad) && sum.is_ready(&good));
        sum.add(&mut good, Ok(LineStep::Nothing(None)));
        let Step::Wait(wait) = sum.step(false).unwrap() else {
            panic!("it waits for the end of the rest");
        };
        assert!(wait <= Duration::from_secs(3), "{wait:?}");
    }

    #[test]
    fn the_step_fails_if_all_does_or_if_it_is_to_end() {
        let (mut one, mut two) = (Rest::new("one"), Rest::new("two"));
        let mut sum = StepSum::default();
        sum.add(&mut one, Err(error()));
        sum.add(&mut two, Err(error()));
        assert!(sum.step(false).is_err() && one.left().is_none());
        let mut sum = StepSum::default();
        sum.add(&mut one, Err(error()));
        sum.add(&mut two, Ok(LineStep::Nothing(None)));
        assert!(sum.step(true).is_err());
    }
}
