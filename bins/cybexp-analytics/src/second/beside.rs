//! The second stage beside the first one: raws do not wait for sessions that are read.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cybexp_store::StoreError;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::stage::{SecondStageWork, StageStep};
use crate::line::LineStep;

/// The second stage, whose steps run in a task of their own.
pub(crate) struct StageBeside {
    stage: Arc<Mutex<SecondStageWork>>,
    step: Option<JoinHandle<anyhow::Result<StageStep>>>,
}

impl StageBeside {
    pub(crate) fn new(stage: SecondStageWork) -> Self {
        Self {
            stage: Arc::new(Mutex::new(stage)),
            step: None,
        }
    }

    /// Announces the filters if they never were, which must come before anything is derived.
    pub(crate) async fn announced(&self) -> Result<(), StoreError> {
        // one that is at work has done so
        match self.stage.try_lock() {
            Ok(mut stage) => stage.announced().await,
            Err(_) => Ok(()),
        }
    }

    /// Begins a step, unless one is at work. `busy`: raws are being processed.
    pub(crate) fn begin(&mut self, busy: bool) {
        if self.step.is_none() {
            let stage = Arc::clone(&self.stage);
            self.step = Some(tokio::spawn(
                async move { stage.lock().await.step(busy).await },
            ));
        }
    }

    /// Whether a step is at work.
    pub(crate) fn is_at_work(&self) -> bool {
        self.step.is_some()
    }

    /// Returns the step if it ends within this time.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Option<anyhow::Result<LineStep>> {
        let step = self.step.as_mut()?;
        let ended = tokio::time::timeout(patience, step).await.ok()?;
        self.step = None;
        let ended = ended.context("the second stage").and_then(|step| step);
        Some(ended.map(|step| match step {
            StageStep::Worked(read) => LineStep::Worked(read),
            StageStep::Nothing(time) => LineStep::Nothing(time),
        }))
    }

    /// Returns what ends when the step that is at work does.
    pub(crate) fn at_rest(&self) -> impl Future<Output = ()> + use<> {
        let stage = Arc::clone(&self.stage);
        async move { drop(stage.lock().await) }
    }
}
