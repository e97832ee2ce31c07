//! The state of the manager: the inputs of the configuration, stopped or running.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::bail;
use cybexp_service::Config;
use cybexp_service::config::InputSpec;
use futures::future::join_all;
use tracing::info;

use crate::collector::Collector;
use crate::select::Select;
use crate::status::{InputState, SharedStatus};

/// The configuration in use, and its inputs.
pub(crate) struct ManagerState {
    pub(crate) config: Arc<Config>,
    pub(crate) inputs: BTreeMap<String, ManagedInput>,
    /// Inputs that the spool has and the configuration no longer has.
    pub(crate) gone: BTreeMap<String, Arc<SharedStatus>>,
}

/// An input of the configuration.
pub(crate) struct ManagedInput {
    pub(crate) spec: InputSpec,
    pub(crate) status: Arc<SharedStatus>,
    /// `None`: it is stopped, or could not be started.
    pub(crate) collector: Option<Collector>,
}

impl ManagerState {
    /// Adds an input, stopped.
    pub(crate) fn add(&mut self, spec: InputSpec) {
        // an input that comes back has the status that its poster knows
        let status = match self.gone.remove(&spec.name) {
            Some(status) => status,
            None => Arc::new(SharedStatus::new(&spec.name, &spec.plugin, spec.enabled)),
        };
        status.enter(InputState::Stopped);
        let input = ManagedInput {
            spec,
            status,
            collector: None,
        };
        self.inputs.insert(input.spec.name.clone(), input);
    }

    /// Returns the names of the inputs that a command selects.
    pub(crate) fn meant(&self, select: &Select) -> anyhow::Result<BTreeSet<String>> {
        match select.of(self.inputs.values().map(|input| &input.spec)) {
            Ok(names) => Ok(names),
            Err(reason) => bail!(reason),
        }
    }

    /// Tells if an input is enabled, or the selection names it.
    pub(crate) fn wants(&self, name: &str, select: &Select) -> bool {
        self.inputs[name].spec.enabled || select.names.iter().any(|named| named == name)
    }

    /// Stops these inputs, all at once.
    pub(crate) async fn stop(&mut self, names: &BTreeSet<String>) {
        let running = names.iter().filter_map(|name| {
            let collector = self.inputs.get_mut(name)?.collector.take()?;
            Some(async move {
                collector.stop().await;
                info!(input = name, "stopped");
            })
        });
        // each may need its time
        join_all(running.collect::<Vec<_>>()).await;
        for name in names {
            if let Some(input) = self.inputs.get(name) {
                input.status.enter(InputState::Stopped);
            }
        }
    }
}
